import { ok, type Result } from '../model/result.ts';
import { decodeBase64, encodeBase64, encodeHex, encodeUtf8 } from './encoding.ts';
import type { Sha256 } from './merkle.ts';
import { refuse, type Refusal } from './refusal.ts';

/** A public key that signs notes (C2SP signed-note), made by `verifierKey` or `parseVerifierKey`. */
export interface VerifierKey {
  /** Non-empty, without Unicode spaces and plus; by custom a URL without its scheme. */
  readonly name: string;
  /** Eight lower-case hex digits. It finds a key and proves nothing: anyone can make another key with the same. */
  readonly keyId: string;
  /** The 32 raw bytes of an Ed25519 public key (RFC 8032). */
  readonly publicKey: Uint8Array;
}

export type VerifierKeyCode = 'malformed-key' | 'unknown-algorithm' | 'key-id-mismatch';

/** The signature type of Ed25519 over the note text, the only one that is used here. */
const ed25519Type = 1;
const publicKeyLength = 32;

/** Whether a text may be the name of a key. */
export function isKeyName(name: string): boolean {
  if (name === '' || name.includes('+') || /[\p{White_Space}\p{Surrogate}]/u.test(name)) return false;
  return name.split('').every((char) => char > '\u001f');
}

/** The key of a name and a raw public key. Throws where the name or the key cannot be one. */
export function verifierKey(sha256: Sha256, name: string, publicKey: Uint8Array): VerifierKey {
  if (!isKeyName(name)) throw new RangeError(`not a name for a key: ${JSON.stringify(name)}`);
  if (publicKey.length !== publicKeyLength) throw new RangeError('an Ed25519 public key has 32 bytes');
  return { name, keyId: keyIdOf(sha256, name, typedKey(publicKey)), publicKey };
}

/** The text form: name, key id, and base64 of the signature type and the key, joined by plus signs. */
export function formatVerifierKey(key: VerifierKey): string {
  return `${key.name}+${key.keyId}+${encodeBase64(typedKey(key.publicKey))}`;
}

/** Reads the text form strictly. A key of a signature type other than Ed25519 over the text is refused. */
export function parseVerifierKey(
  sha256: Sha256,
  text: string,
): Result<VerifierKey, Refusal<VerifierKeyCode>> {
  // The name holds no plus, but the base64 part may.
  const parts = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/s.exec(text);
  const [, name, keyId, encoded] = parts ?? [];
  if (name === undefined || keyId === undefined || encoded === undefined || !isKeyName(name)) {
    return refuse('malformed-key', 'expected a verifier key: name+8 hex digits+base64');
  }
  const typed = decodeBase64(encoded);
  if (typed === null || typed.length === 0) return refuse('malformed-key', 'the key is not strict base64');
  if (keyIdOf(sha256, name, typed) !== keyId) {
    return refuse('key-id-mismatch', `${keyId} is not the id of this key and name`);
  }
  if (typed[0] !== ed25519Type)
    return refuse('unknown-algorithm', `signature type ${typed[0]} is not Ed25519`);
  const publicKey = typed.slice(1);
  if (publicKey.length !== publicKeyLength)
    return refuse('malformed-key', 'an Ed25519 public key has 32 bytes');
  return ok({ name, keyId, publicKey });
}

function typedKey(publicKey: Uint8Array): Uint8Array {
  const typed = new Uint8Array(1 + publicKey.length);
  typed[0] = ed25519Type;
  typed.set(publicKey, 1);
  return typed;
}

/** The first four bytes of SHA-256 of name, newline, signature type and public key. */
function keyIdOf(sha256: Sha256, name: string, typed: Uint8Array): string {
  const prefix = encodeUtf8(`${name}\n`);
  if (prefix === null) throw new RangeError('the name of a key is not Unicode text');
  const input = new Uint8Array(prefix.length + typed.length);
  input.set(prefix);
  input.set(typed, prefix.length);
  return encodeHex(sha256(input).slice(0, 4));
}
