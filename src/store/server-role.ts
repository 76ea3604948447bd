import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import type { Pool } from 'pg';
import { err, ok, type Result } from '../core/model/result.ts';

const role = 'belay_server';
const iterations = 4_096;

/**
 * What PostgreSQL keeps of a password: a SCRAM-SHA-256 verifier (RFC 5803, computed as in RFC 5802 section 3). Given this
 * instead of the password, the database never sees the latter, and no log of its statements has it.
 *
 * @param password printable ASCII, so that SASLprep leaves it as it is
 * @param salt 16 random bytes
 */
export function scramVerifier(password: string, salt: Uint8Array): string {
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256');
  const hmac = (text: string): Buffer => createHmac('sha256', salted).update(text).digest();
  const stored = createHash('sha256').update(hmac('Client Key')).digest('base64');
  const server = hmac('Server Key').toString('base64');
  return `SCRAM-SHA-256$${iterations}:${Buffer.from(salt).toString('base64')}$${stored}:${server}`;
}

/**
 * Gives the role of servers the password that is in their address of the database. `pool` is the owner's. An error says
 * what is wrong with the address, and never quotes it.
 */
export async function admitServers(
  pool: Pool,
  address: string,
  salt: Uint8Array,
): Promise<Result<null, string>> {
  if (!URL.canParse(address))
    return err('it is no address of the form postgres://USER:PASSWORD@HOST/DATABASE');
  const { username, password: encoded } = new URL(address);
  if (username !== role) return err(`its user is not ${role}`);
  let password: string;
  try {
    password = decodeURIComponent(encoded);
  } catch {
    return err('its password is not percent-encoded as it must be');
  }
  if (!/^[\x20-\x7e]{1,200}$/.test(password)) return err('its password is not 1 to 200 characters of ASCII');
  // A verifier is made of base64 and punctuation: nothing to escape.
  await pool.query(`alter role ${role} password '${scramVerifier(password, salt)}'`);
  return ok(null);
}
