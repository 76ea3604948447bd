import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import type { NoteSigner } from '../src/core/ledger/note.ts';
import { verifierKey } from '../src/core/ledger/verifier-key.ts';
import { sha256 } from '../src/store/ledger-crypto.ts';

export { sha256, verifyEd25519 } from '../src/store/ledger-crypto.ts';

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
