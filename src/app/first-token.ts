import { readFile } from 'node:fs/promises';
import type { Pool } from 'pg';
import { ensureBootstrapToken, isTokenSecret } from '../server/tokens.ts';
import { listTokens } from '../store/tokens.ts';
import { StartRefused } from './start-refused.ts';

/**
 * Makes the first token of an empty installation. Returns its secret where it has to be shown: not where a file gave
 * it. The file may be gone once there is a token, and is then not looked for.
 */
export async function firstToken(pool: Pool, file: string | undefined): Promise<string | null> {
  if (file === undefined) return ensureBootstrapToken(pool);
  if ((await listTokens(pool)).length > 0) return null;
  let secret: string;
  try {
    secret = (await readFile(file, 'utf8')).trim();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'error';
    throw new StartRefused(`there is no token yet, and BELAY_FIRST_TOKEN_FILE cannot be read (${code})`);
  }
  if (!isTokenSecret(secret))
    throw new StartRefused(
      'BELAY_FIRST_TOKEN_FILE does not hold belay_ and 43 characters of base64url (32 random bytes)',
    );
  await ensureBootstrapToken(pool, secret);
  return null;
}
