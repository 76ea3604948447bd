import type { PoolClient } from 'pg';
import type { Entry } from '../core/model/entries.ts';
import { entryOf } from '../store/log-entry.ts';

/** An entry that is in the tree. */
export interface SequencedEntry {
  readonly seq: number;
  readonly bytes: string;
  /** Leaf hash in hex. */
  readonly hash: string;
  readonly index: number;
  readonly entry: Entry;
}

/** A stream from its first entry on. */
export interface StreamSlice {
  readonly stream: string;
  readonly entries: readonly SequencedEntry[];
}

/** Reads what of a stream is in the tree; empty where nothing is. */
export async function readSequenced(client: PoolClient, stream: string): Promise<StreamSlice> {
  const { rows } = await client.query<{ seq: string; bytes: string; hash: string; index: string }>({
    name: 'read-sequenced',
    text: `select e.seq, e.bytes, e.hash, l.index from leaf as l join entry as e using (stream, seq)
            where l.stream = $1 order by l.seq`,
    values: [stream],
  });
  const entries = rows.map((row) => ({
    seq: Number(row.seq),
    bytes: row.bytes,
    hash: row.hash,
    index: Number(row.index),
    entry: entryOf(row.bytes),
  }));
  return { stream, entries };
}

/** The streams of one service's slots, in every environment. */
export async function slotStreams(
  client: PoolClient,
  project: string,
  service: string,
): Promise<readonly string[]> {
  // Names hold neither percent signs nor underscores, so the pattern means itself.
  const { rows } = await client.query<{ id: string }>({
    name: 'slot-streams',
    text: 'select id from stream where id like $1 order by id',
    values: [`slot/${project}/%/${service}`],
  });
  return rows.map((row) => row.id);
}
