import type { Pool } from 'pg';
import type { Entry } from '../core/model/entries.ts';
import { entryOf } from './log-entry.ts';

/** An entry with its place in the ledger. */
export interface PlacedEntry {
  /** Index of its leaf in the tree. */
  readonly index: number;
  readonly stream: string;
  readonly seq: number;
  readonly entry: Entry;
}

/**
 * Whose entries are looked for; null stands for all. A project's entries are those of its own stream, its
 * releases' and its slots'; entries about everything belong to every project.
 */
export interface EntryFilter {
  readonly projects: readonly string[] | null;
  readonly service: string | null;
  readonly environment: string | null;
}

/** `split_part` reads `project/P`, `release/P/S/R`, `slot/P/E/S` and `everything`. */
const matches = `
  ($2::text[] is null or l.stream = 'everything' or split_part(l.stream, '/', 2) = any ($2))
  and ($3::text is null
       or (l.stream like 'release/%' and split_part(l.stream, '/', 3) = $3)
       or (l.stream like 'slot/%' and split_part(l.stream, '/', 4) = $3))
  and ($4::text is null or (l.stream like 'slot/%' and split_part(l.stream, '/', 3) = $4))`;

interface Row {
  readonly index: string;
  readonly stream: string;
  readonly seq: string;
  readonly bytes: string;
}

const toPlaced = (row: Row): PlacedEntry => ({
  index: Number(row.index),
  stream: row.stream,
  seq: Number(row.seq),
  entry: entryOf<Entry>(row.bytes),
});

const filterValues = (filter: EntryFilter): readonly unknown[] => [
  filter.projects,
  filter.service,
  filter.environment,
];

/** Sequenced entries before an index, newest first. */
export async function readBefore(
  pool: Pool,
  before: number,
  filter: EntryFilter,
  limit: number,
): Promise<readonly PlacedEntry[]> {
  const { rows } = await pool.query<Row>({
    name: 'entries-before',
    text: `select l.index, l.stream, l.seq, e.bytes from leaf as l join entry as e using (stream, seq)
            where l.index < $1 and ${matches} order by l.index desc limit $5`,
    values: [before, ...filterValues(filter), limit],
  });
  return rows.map(toPlaced);
}

/**
 * Sequenced entries after an index and up to another, in order. At most `limit`; `upTo` bounds the look, so that a
 * reader whose filter matches nothing still gets on.
 */
export async function readAfter(
  pool: Pool,
  after: number,
  upTo: number,
  filter: EntryFilter,
  limit: number,
): Promise<readonly PlacedEntry[]> {
  const { rows } = await pool.query<Row>({
    name: 'entries-after',
    text: `select l.index, l.stream, l.seq, e.bytes from leaf as l join entry as e using (stream, seq)
            where l.index > $1 and ${matches} and l.index <= $6 order by l.index limit $5`,
    values: [after, ...filterValues(filter), limit, upTo],
  });
  return rows.map(toPlaced);
}

/** The index of the latest sequenced entry; -1 before the first. */
export async function lastIndex(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ last: string | null }>({
    name: 'last-index',
    text: 'select max(index) as last from leaf',
  });
  return Number(rows[0]?.last ?? -1);
}
