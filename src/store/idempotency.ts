import type { Pool } from 'pg';
import { inTransaction } from './transaction.ts';

/** A command in hand holds its key at most this long; then its server has died, and the key may be taken over. */
const abandonedAfterMs = 60_000;

/** What is known of a key. */
export type KeyClaim =
  /** Nobody used it: carry out the command, then `keepAnswer` or `giveUpKey`. */
  | { readonly claim: 'new' }
  | { readonly claim: 'answered'; readonly status: number; readonly answer: string }
  /** The same request is being carried out right now. */
  | { readonly claim: 'in-hand' }
  /** The key belongs to another request. */
  | { readonly claim: 'other-request' };

/** A key in hand has no status yet. */
const inHand = 0;

/** Takes a subject's key for a request, or says what became of it. The primary key decides who was first. */
export async function claimKey(
  pool: Pool,
  subject: string,
  key: string,
  requestDigest: string,
): Promise<KeyClaim> {
  await pool.query({
    name: 'abandoned-key',
    text: `delete from idempotency where subject = $1 and key = $2 and status = ${inHand} and at < now_ms() - $3`,
    values: [subject, key, abandonedAfterMs],
  });
  const { rowCount } = await pool.query({
    name: 'claim-key',
    text: `insert into idempotency (subject, key, request_digest, status, answer, at)
           values ($1, $2, $3, ${inHand}, '', now_ms()) on conflict do nothing`,
    values: [subject, key, requestDigest],
  });
  if (rowCount === 1) return { claim: 'new' };
  const { rows } = await pool.query<{ request_digest: string; status: number; answer: string }>({
    name: 'read-key',
    text: 'select request_digest, status, answer from idempotency where subject = $1 and key = $2',
    values: [subject, key],
  });
  const row = rows[0];
  if (row === undefined) return { claim: 'in-hand' };
  if (row.request_digest !== requestDigest) return { claim: 'other-request' };
  return row.status === inHand
    ? { claim: 'in-hand' }
    : { claim: 'answered', status: row.status, answer: row.answer };
}

/** Keeps the answer to a command. The server may not update this table: the row is replaced in one transaction. */
export async function keepAnswer(
  pool: Pool,
  kept: {
    readonly subject: string;
    readonly key: string;
    readonly requestDigest: string;
    readonly status: number;
    readonly answer: string;
  },
): Promise<void> {
  await inTransaction(pool, async (client) => {
    await client.query('delete from idempotency where subject = $1 and key = $2', [kept.subject, kept.key]);
    await client.query(
      `insert into idempotency (subject, key, request_digest, status, answer, at)
       values ($1, $2, $3, $4, $5, now_ms()) on conflict do nothing`,
      [kept.subject, kept.key, kept.requestDigest, kept.status, kept.answer],
    );
  });
}

/** Gives a key back whose command had no effect. */
export async function giveUpKey(pool: Pool, subject: string, key: string): Promise<void> {
  await pool.query({
    name: 'give-up-key',
    text: `delete from idempotency where subject = $1 and key = $2 and status = ${inHand}`,
    values: [subject, key],
  });
}

/** Forgets answers that are older than `olderThanMs`. Returns how many. */
export async function forgetAnswers(pool: Pool, olderThanMs: number): Promise<number> {
  const { rowCount } = await pool.query({
    name: 'forget-answers',
    text: 'delete from idempotency where at < now_ms() - $1',
    values: [olderThanMs],
  });
  return rowCount ?? 0;
}
