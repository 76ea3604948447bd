import { ok, type Result } from '../model/result.ts';
import { decodeBase64, decodeDecimal, encodeBase64 } from './encoding.ts';
import { hashLength } from './merkle.ts';
import { openNote, signNote, type Ed25519Verify, type NoteSigner, type OpenNoteCode } from './note.ts';
import { refuse, type Refusal } from './refusal.ts';
import type { VerifierKey } from './verifier-key.ts';

/** What a log commits to (C2SP tlog-checkpoint v1): who it is, how many leaves it has, and their root. */
export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  /** 32 bytes. */
  readonly root: Uint8Array;
  /** Opaque lines after the root. Nobody audits them; ours has none. */
  readonly extensions: readonly string[];
}

/** A checkpoint that the log signed, with the note that says so. */
export interface OpenCheckpoint extends Checkpoint {
  readonly signedBy: readonly VerifierKey[];
}

export type CheckpointCode = 'malformed-checkpoint' | 'malformed-size' | 'malformed-root';
export type OpenCheckpointCode = CheckpointCode | OpenNoteCode | 'other-origin';

/** The log whose checkpoints are believed: its origin line and its keys (more than one while a key is replaced). */
export interface TrustedLog {
  readonly origin: string;
  readonly keys: readonly VerifierKey[];
}

/** The text that is signed. Throws where it would not be read back: this is then a bug of the caller. */
export function formatCheckpoint(checkpoint: Checkpoint): string {
  const { origin, size, root, extensions } = checkpoint;
  const text = `${[origin, String(size), encodeBase64(root), ...extensions].join('\n')}\n`;
  const read = parseCheckpoint(text);
  if (!read.ok || read.value.origin !== origin || read.value.extensions.length !== extensions.length) {
    throw new RangeError(
      'not a checkpoint: expected a one-line origin, a size below 2^53 and a root of 32 bytes',
    );
  }
  return text;
}

/** Reads the text of a checkpoint strictly: three lines or more, none empty, the last with its newline. */
export function parseCheckpoint(text: string): Result<Checkpoint, Refusal<CheckpointCode>> {
  const lines = text.split('\n');
  // What follows the last newline: empty, or else that newline is missing.
  const end = lines.pop();
  const [origin, sizeLine, rootLine, ...extensions] = lines;
  if (
    end !== '' ||
    origin === undefined ||
    sizeLine === undefined ||
    rootLine === undefined ||
    lines.includes('')
  ) {
    return refuse('malformed-checkpoint', 'expected lines for origin, size and root, none of them empty');
  }
  const size = decodeDecimal(sizeLine);
  if (size === null) return refuse('malformed-size', 'the size is not a plain decimal below 2^53');
  const root = decodeBase64(rootLine);
  if (root === null || root.length !== hashLength)
    return refuse('malformed-root', 'the root is not base64 of 32 bytes');
  return ok({ origin, size, root, extensions });
}

/**
 * Signs a checkpoint as its log: the key has the name of the log. Whoever calls this has made sure that the checkpoint
 * is consistent with every one that was signed before. Throws where the key is another's.
 */
export function signCheckpoint(checkpoint: Checkpoint, signer: NoteSigner): string {
  if (signer.key.name !== checkpoint.origin) throw new RangeError('a log signs with a key of its own name');
  return signNote(formatCheckpoint(checkpoint), [signer]);
}

/** Reads a signed checkpoint and checks that the trusted log signed it. Signatures of others (witnesses) are ignored. */
export function openCheckpoint(
  verify: Ed25519Verify,
  note: string,
  log: TrustedLog,
): Result<OpenCheckpoint, Refusal<OpenCheckpointCode>> {
  const opened = openNote(verify, note, log.keys);
  if (!opened.ok) return opened;
  const checkpoint = parseCheckpoint(opened.value.text);
  if (!checkpoint.ok) return checkpoint;
  if (checkpoint.value.origin !== log.origin) {
    return refuse('other-origin', `a checkpoint of ${checkpoint.value.origin}, not of ${log.origin}`);
  }
  return ok({ ...checkpoint.value, signedBy: opened.value.signedBy });
}
