import type { Pool } from 'pg';
import type { Entry } from '../core/model/entries.ts';
import { chain, emptyHead, entryOf, type Head } from './log-entry.ts';

/** Reads a stream's head. */
export async function readHead(pool: Pool, stream: string): Promise<Head> {
  const { rows } = await pool.query<{ head: string; head_hash: string }>({
    name: 'read-head',
    text: 'select head, head_hash from stream where id = $1',
    values: [stream],
  });
  const row = rows[0];
  return row === undefined ? emptyHead : { seq: Number(row.head), hash: row.head_hash };
}

/** Reads the entries of a stream after a sequence, in order. */
export async function readEntries<E extends Entry>(
  pool: Pool,
  stream: string,
  after: number,
): Promise<readonly { readonly seq: number; readonly entry: E }[]> {
  const { rows } = await pool.query<{ seq: string; bytes: string }>({
    name: 'read-entries',
    text: 'select seq, bytes from entry where stream = $1 and seq > $2 order by seq',
    values: [stream, after],
  });
  return rows.map((row) => ({ seq: Number(row.seq), entry: entryOf<E>(row.bytes) }));
}

/** More writers than this on one stream at once is not contention but a bug. */
const mostTries = 50;

/**
 * Appends one fact at the end of a stream, wherever that is by now, and makes the turns that read it due.
 * `make` sees the head it would follow, so that a command can be refused on what the stream holds: it returns
 * null to append nothing. Returns the fact's sequence, or null.
 */
export async function appendFact(
  pool: Pool,
  stream: string,
  make: (head: Head) => Entry | null | Promise<Entry | null>,
): Promise<number | null> {
  for (let tries = 0; tries < mostTries; tries++) {
    const head = await readHead(pool, stream);
    const entry = await make(head);
    if (entry === null) return null;
    const [link] = chain(stream, head, [entry]);
    if (link === undefined) return null;
    const { rows } = await pool.query<{ done: boolean }>({
      name: 'append-fact',
      text: 'select append_fact($1, $2, $3, $4) as done',
      values: [stream, head.seq, link.hash, link.bytes],
    });
    if (rows[0]?.done === true) return link.seq;
  }
  throw new Error(`stream ${stream} moved ${mostTries} times while a fact was appended`);
}

/** The database's clock in milliseconds. */
export async function databaseNow(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ now: string }>({ name: 'now', text: 'select now_ms() as now' });
  return Number(rows[0]?.now);
}
