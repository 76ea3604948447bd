import { createPrivateKey, createPublicKey, hash, sign, verify } from 'node:crypto';
import type { Sha256 } from '../src/core/ledger/merkle.ts';
import type { Ed25519Verify, NoteSigner } from '../src/core/ledger/note.ts';
import { verifierKey } from '../src/core/ledger/verifier-key.ts';

/**
 * Node's cryptography in the form in which the ledger takes it, for tests and benchmarks. Over short inputs most of
 * the time of `hash` goes into making a Buffer outside the heap; a string of 32 characters and a small array on the
 * heap are more than twice as fast.
 */
export const sha256: Sha256 = (bytes) => {
  const digest = hash('sha256', bytes, 'binary');
  const result = new Uint8Array(32);
  for (let i = 0; i < 32; i++) result[i] = digest.charCodeAt(i);
  return result;
};

export const verifyEd25519: Ed25519Verify = (publicKey, message, signature) => {
  const x = Buffer.from(publicKey).toString('base64url');
  return verify(
    null,
    message,
    createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' }),
    signature,
  );
};

/** A signer whose key is made of a 32-byte seed (the private key of RFC 8032), so that tests repeat exactly. */
export function signerOf(name: string, seed: Uint8Array): NoteSigner {
  // The fixed head of an Ed25519 private key in PKCS #8 (RFC 8410 section 7).
  const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
  const privateKey = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
  const { x } = createPublicKey(privateKey).export({ format: 'jwk' });
  const publicKey = new Uint8Array(Buffer.from(x ?? '', 'base64url'));
  return {
    key: verifierKey(sha256, name, publicKey),
    sign: (message) => new Uint8Array(sign(null, message, privateKey)),
  };
}
