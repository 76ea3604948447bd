import { createPublicKey, hash, type KeyObject, verify } from 'node:crypto';
import type { Crypto, Digest } from '../core/model/digest.ts';

/** How many answers are remembered: a project trusts few keys, and a release carries few statements. */
const rememberedKeys = 1_000;
const rememberedVerdicts = 20_000;

/** A map that forgets what was not asked for the longest. */
class RecentlyUsed<V> {
  readonly #entries = new Map<string, V>();
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  getOrMake(key: string, make: () => V): V {
    const known = this.#entries.get(key);
    const value = known === undefined ? make() : known;
    // A map iterates in order of insertion, so what is put in again is the youngest.
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size > this.#most) {
      const oldest = this.#entries.keys().next();
      if (!oldest.done) this.#entries.delete(oldest.value);
    }
    return value;
  }
}

const keys = new RecentlyUsed<KeyObject>(rememberedKeys);
const verdicts = new RecentlyUsed<boolean>(rememberedVerdicts);
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The bytes of canonical, padded base64 of the standard alphabet (RFC 4648 section 4); null for anything else. */
function strictBase64(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : null;
}

function verifyEd25519(publicKey: string, message: string, signature: string): boolean {
  const x = strictBase64(publicKey);
  const bytes = strictBase64(signature);
  if (x?.length !== 32 || bytes?.length !== 64) return false;
  const question = `${publicKey} ${signature} ${hash('sha256', message, 'base64')}`;
  return verdicts.getOrMake(question, () => {
    const key = keys.getOrMake(publicKey, () =>
      createPublicKey({
        key: { kty: 'OKP', crv: 'Ed25519', x: x.toString('base64url') },
        format: 'jwk',
      }),
    );
    return verify(null, Buffer.from(message), key, bytes);
  });
}

function decodeBase64(text: string): string | null {
  const bytes = strictBase64(text);
  if (bytes === null) return null;
  try {
    return utf8.decode(bytes);
  } catch {
    // Not UTF-8: the contract's answer is null.
    return null;
  }
}

/**
 * The core's cryptography over Node's own. Signature checks are remembered by key, signature and the message's
 * digest, in a bounded map: a promotion asks the same question in every turn.
 */
export const nodeCrypto: Crypto = {
  digest: (text) => `sha256:${hash('sha256', text, 'hex')}` satisfies Digest,
  verifyEd25519,
  decodeBase64,
};
