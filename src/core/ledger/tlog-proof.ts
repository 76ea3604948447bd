import { ok, type Result } from '../model/result.ts';
import {
  openCheckpoint,
  type OpenCheckpoint,
  type OpenCheckpointCode,
  type TrustedLog,
} from './checkpoint.ts';
import { decodeBase64, decodeDecimal, encodeBase64 } from './encoding.ts';
import { hashLength, verifyInclusion, type InclusionCode, type Sha256 } from './merkle.ts';
import type { Ed25519Verify } from './note.ts';
import { refuse, type Refusal } from './refusal.ts';

/** A proof, to be checked offline, that an entry is in a log (C2SP tlog-proof v1). */
export interface TlogProof {
  readonly index: number;
  /** From the leaf's sibling to the child of the root. */
  readonly hashes: readonly Uint8Array[];
  /** The signed checkpoint, as it was published. */
  readonly checkpoint: string;
  /** Opaque bytes that nothing authenticates. */
  readonly extra?: Uint8Array;
}

export type TlogProofCode =
  | 'proof-too-large'
  | 'not-a-proof'
  | 'malformed-extra'
  | 'malformed-index'
  | 'malformed-hash'
  | 'no-checkpoint';
export type VerifyTlogProofCode = TlogProofCode | OpenCheckpointCode | InclusionCode;

/** Limits that bound the work of a stranger's proof: its characters, and its hashes (trees are below 2^53 leaves). */
export const tlogProofLimits = { characters: 2_000_000, hashes: 53 } as const;

const header = 'c2sp.org/tlog-proof@v1';

/** Writes a proof. Throws where it would not be read back: this is then a bug of the caller. */
export function formatTlogProof(proof: TlogProof): string {
  const lines = [header];
  if (proof.extra !== undefined) lines.push(`extra ${encodeBase64(proof.extra)}`);
  lines.push(`index ${proof.index}`, ...proof.hashes.map(encodeBase64));
  const text = `${lines.join('\n')}\n\n${proof.checkpoint}`;
  if (!parseTlogProof(text).ok)
    throw new RangeError('not a proof: index, hashes or checkpoint are out of bounds');
  return text;
}

/** Reads a proof strictly, without checking it. Its checkpoint is kept as it stands, and read only by `verifyTlogProof`. */
export function parseTlogProof(text: string): Result<TlogProof, Refusal<TlogProofCode>> {
  if (text.length > tlogProofLimits.characters) {
    return refuse('proof-too-large', `a proof has at most ${tlogProofLimits.characters} characters`);
  }
  const split = text.indexOf('\n\n');
  const lines = (split < 0 ? text : text.slice(0, split)).split('\n');
  if (lines.shift() !== header) return refuse('not-a-proof', `the first line is not ${header}`);
  const checkpoint = split < 0 ? '' : text.slice(split + 2);
  if (checkpoint === '') return refuse('no-checkpoint', 'no checkpoint after an empty line');

  const extraLine = lines[0]?.startsWith('extra ') === true ? lines.shift() : undefined;
  const extra = extraLine === undefined ? undefined : decodeBase64(extraLine.slice('extra '.length));
  if (extra === null) return refuse('malformed-extra', 'the extra data are not strict base64');

  const indexLine = lines.shift();
  const index =
    indexLine?.startsWith('index ') === true ? decodeDecimal(indexLine.slice('index '.length)) : null;
  if (index === null)
    return refuse('malformed-index', 'expected a line with index and a plain decimal below 2^53');

  if (lines.length > tlogProofLimits.hashes) {
    return refuse('malformed-hash', `more than ${tlogProofLimits.hashes} hashes`);
  }
  const hashes: Uint8Array[] = [];
  for (const line of lines) {
    const hash = decodeBase64(line);
    if (hash === null || hash.length !== hashLength) {
      return refuse('malformed-hash', `hash ${hashes.length + 1} is not base64 of 32 bytes`);
    }
    hashes.push(hash);
  }
  return ok({ index, hashes, checkpoint, ...(extra === undefined ? {} : { extra }) });
}

/**
 * Checks that the log which is trusted holds the leaf: its signature on the checkpoint, then the inclusion. The
 * caller makes the leaf hash from the entry that he has, never from what came with the proof. Gives the checkpoint
 * and the index of the entry.
 */
export function verifyTlogProof(
  crypto: { readonly sha256: Sha256; readonly verify: Ed25519Verify },
  text: string,
  leafHash: Uint8Array,
  log: TrustedLog,
): Result<{ readonly checkpoint: OpenCheckpoint; readonly index: number }, Refusal<VerifyTlogProofCode>> {
  const proof = parseTlogProof(text);
  if (!proof.ok) return proof;
  const checkpoint = openCheckpoint(crypto.verify, proof.value.checkpoint, log);
  if (!checkpoint.ok) return checkpoint;
  const { index, hashes } = proof.value;
  const { size, root } = checkpoint.value;
  const included = verifyInclusion(crypto.sha256, { index, size, leafHash, root, proof: hashes });
  return included.ok ? ok({ checkpoint: checkpoint.value, index }) : included;
}
