import { createPrivateKey, createPublicKey, hash, type KeyObject, sign } from 'node:crypto';
import type { Digest } from '../src/core/model/digest.ts';
import type { Attachment } from '../src/core/model/release.ts';
import { preAuthenticationEncoding } from '../src/core/decide/gates/statement.ts';

/** Who signs in a simulation: a key made of the name, so that runs repeat exactly. */
export interface Signer {
  readonly name: string;
  readonly publicKey: string;
  readonly key: KeyObject;
}

const made = new Map<string, Signer>();

export function signerNamed(name: string): Signer {
  const known = made.get(name);
  if (known !== undefined) return known;
  // The fixed head of an Ed25519 private key in PKCS #8 (RFC 8410 section 7), then the seed.
  const der = Buffer.concat([
    Buffer.from('302e020100300506032b657004220420', 'hex'),
    hash('sha256', `simulated signer ${name}`, 'buffer'),
  ]);
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const { x } = createPublicKey(key).export({ format: 'jwk' });
  const signer = { name, key, publicKey: Buffer.from(x ?? '', 'base64url').toString('base64') };
  made.set(name, signer);
  return signer;
}

/** A DSSE envelope of an in-toto statement about an artifact. */
export function statementBy(
  signer: Signer,
  artifact: Digest,
  predicateType: string,
  predicate: unknown,
): Extract<Attachment, { type: 'statement' }> {
  const payloadType = 'application/vnd.in-toto+json';
  const body = JSON.stringify({
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: 'artifact', digest: { sha256: artifact.slice('sha256:'.length) } }],
    predicateType,
    predicate,
  });
  const sig = sign(null, Buffer.from(preAuthenticationEncoding(payloadType, body)), signer.key);
  return {
    type: 'statement',
    name: 'statement',
    envelope: {
      payload: Buffer.from(body).toString('base64'),
      payloadType,
      signatures: [{ sig: sig.toString('base64') }],
    },
  };
}
