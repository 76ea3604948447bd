import type { Pool } from 'pg';
import type { Entry } from '../core/model/entries.ts';
import { chain, type Head } from './log-entry.ts';
import { readHead } from './streams.ts';
import { inTransaction, isLostRace } from './transaction.ts';

const mostTries = 20;

/** Entries for one stream, in order. */
export interface StreamFacts {
  readonly stream: string;
  readonly entries: readonly Entry[];
}

/**
 * Appends facts to several streams: all of them, or none. `make` sees the heads of `streams` as they were read, is
 * called again when one of them has moved, and returns null to append nothing. Returns the last sequence by stream.
 */
export async function appendTogether(
  pool: Pool,
  streams: readonly string[],
  make: () => Promise<readonly StreamFacts[] | null>,
): Promise<ReadonlyMap<string, number> | null> {
  const inOrder = [...new Set(streams)].sort();
  for (let tries = 0; tries < mostTries; tries++) {
    const heads = new Map<string, Head>();
    for (const stream of inOrder) heads.set(stream, await readHead(pool, stream));
    const facts = await make();
    if (facts === null) return null;
    const written = await writeAll(pool, heads, facts);
    if (written !== null) return written;
  }
  throw new Error(`streams ${inOrder.join(', ')} moved ${mostTries} times while facts were appended`);
}

async function writeAll(
  pool: Pool,
  heads: ReadonlyMap<string, Head>,
  facts: readonly StreamFacts[],
): Promise<ReadonlyMap<string, number> | null> {
  const links = [...facts]
    .sort((a, b) => (a.stream < b.stream ? -1 : 1))
    .flatMap(({ stream, entries }) => {
      const head = heads.get(stream);
      if (head === undefined) throw new Error(`stream ${stream} was not read before it was written`);
      return chain(stream, head, entries);
    });
  try {
    await inTransaction(pool, async (client) => {
      // Streams before lanes, like every writer: each fact wakes lanes.
      await client.query(
        'select 1 from stream where id = any ($1) order by id collate "C" for no key update',
        [[...heads.keys()]],
      );
      for (const link of links) {
        const { rows } = await client.query<{ done: boolean }>('select append_fact($1, $2, $3, $4) as done', [
          link.stream,
          link.seq - 1,
          link.hash,
          link.bytes,
        ]);
        if (rows[0]?.done !== true) throw new StreamMoved();
      }
    });
    return new Map(links.map((link) => [link.stream, link.seq]));
  } catch (error) {
    if (error instanceof StreamMoved || isLostRace(error)) return null;
    throw error;
  }
}

/** Ends the transaction: a stream's head is no longer the one that was read. */
class StreamMoved extends Error {
  override readonly name = 'StreamMoved';
}
