import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Pool } from 'pg';
import { type Subject } from '../core/model/name.ts';
import type { Millis } from '../core/model/time.ts';
import { findToken, insertFirstToken, type NewToken } from '../store/tokens.ts';
import type { Principal } from './access.ts';
import type { Grant } from './schemas.ts';
import { verbs } from '../core/model/verbs.ts';

const prefix = 'belay_';
const secretBytes = 32;
const shape = /^belay_[A-Za-z0-9_-]{43}$/;

const hashOf = (secret: string): string => hash('sha256', secret, 'hex');

/** Whether a text can be a token's secret. */
export const isTokenSecret = (text: string): boolean => shape.test(text);

/** Makes a token: the secret, to be shown once, and what is kept of it. */
export function makeToken(
  subject: Subject,
  grants: readonly Grant[],
  expiresAt: Millis | null,
  secret = prefix + randomBytes(secretBytes).toString('base64url'),
): { readonly secret: string; readonly token: NewToken } {
  return {
    secret,
    token: {
      id: randomBytes(8).toString('hex'),
      secretHash: hashOf(secret),
      subject,
      grants: JSON.stringify(grants),
      expiresAt,
    },
  };
}

/** Who a secret stands for; null where it is none, has expired or was revoked. */
export async function principalOf(pool: Pool, secret: string): Promise<Principal | null> {
  if (!isTokenSecret(secret)) return null;
  const wanted = hashOf(secret);
  const found = await findToken(pool, wanted);
  if (found === null) return null;
  // The index compared hashes, which tell nothing of secrets; still, the last word takes the same time for all.
  if (!timingSafeEqual(Buffer.from(found.secretHash), Buffer.from(wanted))) return null;
  const { token, now } = found;
  if (token.revokedAt !== null || (token.expiresAt !== null && token.expiresAt <= now)) return null;
  return { token: token.id, subject: token.subject, grants: JSON.parse(token.grants) as Grant[] };
}

/**
 * Makes the first token of an empty installation, with every verb everywhere, of the secret that is given or a new
 * one, and returns its secret; null where any token was ever made.
 */
export async function ensureBootstrapToken(pool: Pool, given?: string): Promise<string | null> {
  const everything: Grant[] = [{ project: '*', stages: '*', verbs: [...verbs] }];
  const { secret, token } = makeToken({ id: 'admin', kind: 'person' }, everything, null, given);
  return (await insertFirstToken(pool, token)) ? secret : null;
}
