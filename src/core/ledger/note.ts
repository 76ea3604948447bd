import { ok, type Result } from '../model/result.ts';
import { decodeBase64, decodeHex, encodeBase64, encodeHex, encodeUtf8, equalBytes } from './encoding.ts';
import { refuse, type Refusal } from './refusal.ts';
import { isKeyName, type VerifierKey } from './verifier-key.ts';

/**
 * C2SP signed-note v1: a text that ends in a newline, an empty line, and one line for each signature. A note that
 * comes as bytes is decoded with `decodeUtf8` first, which refuses what is not UTF-8 and changes nothing.
 */
export interface Note {
  /** With its last newline; these are the bytes (UTF-8) that are signed. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

export interface NoteSignature {
  readonly name: string;
  /** Eight lower-case hex digits. */
  readonly keyId: string;
  /** Without the key id in front of it. */
  readonly signature: Uint8Array;
}

/** A note of which at least one known key signed the text. */
export interface OpenNote extends Note {
  /** The known keys whose signature was found to be right; each once. */
  readonly signedBy: readonly VerifierKey[];
}

/** Signs bytes with one Ed25519 key (RFC 8032); gives 64 bytes. */
export type Ed25519Sign = (message: Uint8Array) => Uint8Array;
/** Checks an Ed25519 signature (RFC 8032) by a raw 32-byte public key. Malformed input is `false`. */
export type Ed25519Verify = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean;

export interface NoteSigner {
  readonly key: VerifierKey;
  readonly sign: Ed25519Sign;
}

export type NoteCode = 'note-too-large' | 'malformed-note' | 'malformed-signature' | 'too-many-signatures';
export type OpenNoteCode = NoteCode | 'ambiguous-key' | 'invalid-signature' | 'no-known-signature';

/** Limits that bound the work a stranger's note can cause. The format asks for at least 16 signatures of up to 5 kB. */
export const noteLimits = { bytes: 1_000_000, signatures: 100 } as const;

const signaturePrefix = '\u2014 ';
const ed25519SignatureLength = 64;

/** Writes a note. Throws where it would not be read back: this is then a bug of the caller. */
export function formatNote(note: Note): string {
  const lines = note.signatures.map(({ name, keyId, signature }) => {
    const id = decodeHex(keyId);
    if (!isKeyName(name) || id?.length !== 4 || signature.length === 0)
      throw new RangeError('not a signature line');
    const bytes = new Uint8Array(4 + signature.length);
    bytes.set(id);
    bytes.set(signature, 4);
    return `${signaturePrefix}${name} ${encodeBase64(bytes)}\n`;
  });
  const formatted = `${note.text}\n${lines.join('')}`;
  const read = parseNote(formatted);
  if (!read.ok || read.value.text !== note.text) throw new RangeError('not the text of a note');
  return formatted;
}

/** Reads a note strictly, without checking any signature. Nothing in it may be used before `openNote` has passed. */
export function parseNote(note: string): Result<Note, Refusal<NoteCode>> {
  const bytes = note.length > noteLimits.bytes ? undefined : encodeUtf8(note);
  if (bytes === undefined || (bytes !== null && bytes.length > noteLimits.bytes)) {
    return refuse('note-too-large', `a note has at most ${noteLimits.bytes} bytes`);
  }
  if (bytes === null) return refuse('malformed-note', 'a note is Unicode text without lone surrogates');
  if (bytes.some((byte) => byte < 0x20 && byte !== 0x0a)) {
    return refuse('malformed-note', 'a note has no control characters but newlines');
  }
  const split = note.lastIndexOf('\n\n');
  if (split < 0) return refuse('malformed-note', 'no empty line between text and signatures');
  if (!note.endsWith('\n')) return refuse('malformed-note', 'the last line does not end in a newline');
  const lines = note.slice(split + 2, -1).split('\n');
  if (lines.length > noteLimits.signatures) {
    return refuse('too-many-signatures', `a note has at most ${noteLimits.signatures} signatures`);
  }
  const signatures: NoteSignature[] = [];
  for (const line of lines) {
    const signature = parseSignature(line);
    if (signature === null) {
      return refuse(
        'malformed-signature',
        `signature line ${signatures.length + 1}: expected dash, name, base64`,
      );
    }
    signatures.push(signature);
  }
  return ok({ text: note.slice(0, split + 1), signatures });
}

function parseSignature(line: string): NoteSignature | null {
  if (!line.startsWith(signaturePrefix)) return null;
  const [name, encoded, ...more] = line.slice(signaturePrefix.length).split(' ');
  if (name === undefined || encoded === undefined || more.length > 0 || !isKeyName(name)) return null;
  const bytes = decodeBase64(encoded);
  if (bytes === null || bytes.length < 5) return null;
  return { name, keyId: encodeHex(bytes.slice(0, 4)), signature: bytes.slice(4) };
}

/**
 * Reads a note and checks the signatures of the keys that are known. Signatures of other keys are ignored, even where
 * name or id (but not both) are those of a known one. One wrong signature of a known key refuses the whole note.
 */
export function openNote(
  verify: Ed25519Verify,
  note: string,
  keys: readonly VerifierKey[],
): Result<OpenNote, Refusal<OpenNoteCode>> {
  const parsed = parseNote(note);
  if (!parsed.ok) return parsed;
  const message = textBytes(parsed.value.text);
  const signedBy = new Set<VerifierKey>();
  for (const { name, keyId, signature } of parsed.value.signatures) {
    const [key, ...others] = keys.filter((known) => known.name === name && known.keyId === keyId);
    if (key === undefined) continue;
    if (others.some((other) => !equalBytes(other.publicKey, key.publicKey))) {
      return refuse('ambiguous-key', `two known keys are called ${name}+${keyId}`);
    }
    if (signature.length !== ed25519SignatureLength || !verify(key.publicKey, message, signature)) {
      return refuse('invalid-signature', `the signature of ${name}+${keyId} is wrong`);
    }
    signedBy.add(key);
  }
  if (signedBy.size === 0) return refuse('no-known-signature', 'no known key signed the note');
  return ok({ ...parsed.value, signedBy: [...signedBy] });
}

/** Signs a text with each key and writes the note. Throws where the text cannot be that of a note. */
export function signNote(text: string, signers: readonly NoteSigner[]): string {
  const message = textBytes(text);
  const signatures = signers.map(({ key, sign }) => {
    const signature = sign(message);
    if (signature.length !== ed25519SignatureLength)
      throw new RangeError('an Ed25519 signature has 64 bytes');
    return { name: key.name, keyId: key.keyId, signature };
  });
  return formatNote({ text, signatures });
}

function textBytes(text: string): Uint8Array {
  const bytes = encodeUtf8(text);
  if (bytes === null) throw new RangeError('the text of a note holds a lone surrogate');
  return bytes;
}
