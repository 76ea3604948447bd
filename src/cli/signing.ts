import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { preAuthenticationEncoding } from '../core/decide/gates/statement.ts';
import { canonicalJson } from '../core/model/canonical.ts';
import type { Digest } from '../core/model/digest.ts';
import type { DsseEnvelope } from '../core/model/release.ts';

/** A key pair for signing statements. The public half is what a project trusts. */
export interface SigningKey {
  readonly privateKey: KeyObject;
  /** Base64 of the 32 raw bytes, as `spec.trust` has it. */
  readonly publicKey: string;
}

const rawKeyBytes = 32;

/** The public half of an Ed25519 private key as a project writes it. */
export function publicKeyOf(privateKey: KeyObject): string {
  const { x } = privateKey.export({ format: 'jwk' });
  return Buffer.from(x ?? '', 'base64url')
    .subarray(0, rawKeyBytes)
    .toString('base64');
}

/** Makes a new Ed25519 key pair. */
export function makeSigningKey(): SigningKey {
  const { privateKey } = generateKeyPairSync('ed25519');
  return { privateKey, publicKey: publicKeyOf(privateKey) };
}

/** Reads a private key from a PEM file (PKCS #8, Ed25519). Throws with what is wrong with it. */
export function readSigningKey(file: string): SigningKey {
  const privateKey = createPrivateKey(readFileSync(file));
  if (privateKey.asymmetricKeyType !== 'ed25519') throw new Error(`${file} holds no Ed25519 key`);
  return { privateKey, publicKey: publicKeyOf(privateKey) };
}

/** What is said about an artifact. */
export interface StatementInput {
  readonly artifact: { readonly name: string; readonly digest: Digest };
  readonly predicateType: string;
  readonly predicate: unknown;
}

/** Signs an in-toto Statement v1 in a DSSE envelope (DSSE v1.0.2), over exactly the bytes that it carries. */
export function signStatement(
  key: SigningKey,
  { artifact, predicateType, predicate }: StatementInput,
): DsseEnvelope {
  const payloadType = 'application/vnd.in-toto+json';
  const body = canonicalJson({
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: artifact.name, digest: { sha256: artifact.digest.slice('sha256:'.length) } }],
    predicateType,
    predicate,
  });
  const message = Buffer.from(preAuthenticationEncoding(payloadType, body), 'utf8');
  return {
    payload: Buffer.from(body, 'utf8').toString('base64'),
    payloadType,
    signatures: [{ sig: sign(null, message, key.privateKey).toString('base64') }],
  };
}
