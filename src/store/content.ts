import type { Pool, PoolClient } from 'pg';
import type { Digest } from '../core/model/digest.ts';

/** Keeps bytes under their digest, beside the ledger. */
export async function keepContent(pool: Pool, digest: Digest, bytes: string): Promise<void> {
  await pool.query({
    name: 'keep-content',
    text: 'insert into content (digest, bytes) values ($1, $2) on conflict do nothing',
    values: [digest, bytes],
  });
}

/** Bytes of the content table by digest; those that retention has removed are missing. */
export async function readContent(
  client: Pool | PoolClient,
  digests: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const { rows } = await client.query<{ digest: string; bytes: string }>({
    name: 'read-contents',
    text: 'select digest, bytes from content where digest = any ($1)',
    values: [digests],
  });
  return new Map(rows.map((row) => [row.digest, row.bytes]));
}
