import { createPublicKey, hash, type KeyObject, verify } from 'node:crypto';
import { decodeBase64, decodeUtf8 } from '../core/ledger/encoding.ts';
import type { Sha256 } from '../core/ledger/merkle.ts';
import type { Ed25519Verify } from '../core/ledger/note.ts';
import type { Crypto } from '../core/model/digest.ts';

/** SHA-256 through a string of 32 characters: over short inputs more than twice as fast as through a Buffer. */
export const sha256: Sha256 = (bytes) => {
  const digest = hash('sha256', bytes, 'binary');
  const result = new Uint8Array(32);
  for (let i = 0; i < 32; i++) result[i] = digest.charCodeAt(i);
  return result;
};

/** The hex of a hash. */
export const hexOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');

export const verifyEd25519: Ed25519Verify = (publicKey, message, signature) => {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  return verify(null, message, keyOf(publicKey), signature);
};

function keyOf(publicKey: Uint8Array): KeyObject {
  const x = Buffer.from(publicKey).toString('base64url');
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
}

/**
 * The core's cryptography, written apart from the server's. Answers are remembered for as long as the pack is
 * checked: every decision asks the same questions about the same statements.
 */
export function rememberingCrypto(): Crypto {
  const verdicts = new Map<string, boolean>();
  const check = (publicKey: string, message: string, signature: string): boolean => {
    const key = decodeBase64(publicKey);
    const bytes = decodeBase64(signature);
    if (key === null || bytes === null) return false;
    return verifyEd25519(key, Buffer.from(message), bytes);
  };
  return {
    digest: (text) => `sha256:${hash('sha256', text, 'hex')}`,
    verifyEd25519: (publicKey, message, signature) => {
      const question = `${publicKey} ${signature} ${hash('sha256', message, 'base64')}`;
      const known = verdicts.get(question) ?? check(publicKey, message, signature);
      verdicts.set(question, known);
      return known;
    },
    decodeBase64: (text) => {
      const bytes = decodeBase64(text);
      return bytes === null ? null : decodeUtf8(bytes);
    },
  };
}
