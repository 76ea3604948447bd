import type { Crypto, Digest } from '../../model/digest.ts';
import type { TrustedIdentity } from '../../model/documents.ts';
import { type DsseEnvelope, InTotoStatement } from '../../model/release.ts';
import type { ReleaseState } from '../../model/state.ts';

/** A statement whose signature holds, whose subject is the artifact, and who signed it. */
export interface TrustedStatement {
  readonly name: string;
  readonly identity: TrustedIdentity;
  readonly predicateType: string;
  readonly predicate: unknown;
  /** What was signed, in base64: the same twice is the same statement. */
  readonly payload: string;
  readonly at: number;
}

/** Why a statement does not count. */
export type StatementFault =
  | { readonly fault: 'malformed' }
  | { readonly fault: 'untrusted'; readonly predicateType: string }
  | { readonly fault: 'other-subject'; readonly predicateType: string; readonly found: string };

export type ReadStatement =
  | ({ readonly trusted: true } & TrustedStatement)
  | ({ readonly trusted: false } & StatementFault);

const payloadType = 'application/vnd.in-toto+json';

/** The bytes that a DSSE signature covers: the pre-authentication encoding of DSSE v1.0.2, lengths in bytes. */
export function preAuthenticationEncoding(type: string, body: string): string {
  return `DSSEv1 ${utf8Length(type)} ${type} ${utf8Length(body)} ${body}`;
}

function utf8Length(text: string): number {
  let bytes = 0;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes;
}

interface Answered {
  readonly artifact: Digest;
  readonly trust: readonly TrustedIdentity[];
  readonly crypto: Crypto;
  readonly statements: readonly ReadStatement[];
}

/**
 * The last answer for a list of attachments. States are never changed in place, so the same lists mean the same
 * answer: a pure function remembered, which only spares the parsing in the next turn.
 */
const answered = new WeakMap<ReleaseState['attachments'], Answered>();

/** Reads every statement attached to a release, and says of each whether it counts for this artifact. */
export function readStatements(
  release: ReleaseState,
  artifact: Digest,
  trust: readonly TrustedIdentity[],
  crypto: Crypto,
): readonly ReadStatement[] {
  const last = answered.get(release.attachments);
  if (last !== undefined && last.artifact === artifact && last.trust === trust && last.crypto === crypto)
    return last.statements;
  const statements = readAll(release, artifact, trust, crypto);
  answered.set(release.attachments, { artifact, trust, crypto, statements });
  return statements;
}

function readAll(
  release: ReleaseState,
  artifact: Digest,
  trust: readonly TrustedIdentity[],
  crypto: Crypto,
): readonly ReadStatement[] {
  return release.attachments.flatMap(({ attachment, at }) =>
    attachment.type === 'statement'
      ? [readStatement(attachment.name, attachment.envelope, at, artifact, trust, crypto)]
      : [],
  );
}

function readStatement(
  name: string,
  envelope: DsseEnvelope,
  at: number,
  artifact: Digest,
  trust: readonly TrustedIdentity[],
  crypto: Crypto,
): ReadStatement {
  const body = crypto.decodeBase64(envelope.payload);
  if (body === null || envelope.payloadType !== payloadType) return { trusted: false, fault: 'malformed' };
  const parsed = InTotoStatement.safeParse(parseJson(body));
  if (!parsed.success) return { trusted: false, fault: 'malformed' };
  const { predicateType, predicate, subject } = parsed.data;
  const found = subject.map((s) => `sha256:${s.digest['sha256'] ?? ''}`);
  const message = preAuthenticationEncoding(envelope.payloadType, body);
  // `keyid` is not authenticated, so every trusted key that may sign this predicate is tried.
  const identity = trust.find(
    (candidate) =>
      candidate.predicateTypes.includes(predicateType) &&
      envelope.signatures.some((s) => crypto.verifyEd25519(candidate.publicKey, message, s.sig)),
  );
  if (identity === undefined) return { trusted: false, fault: 'untrusted', predicateType };
  if (!found.includes(artifact))
    return { trusted: false, fault: 'other-subject', predicateType, found: found[0] ?? '' };
  return { trusted: true, name, identity, predicateType, predicate, payload: envelope.payload, at };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
