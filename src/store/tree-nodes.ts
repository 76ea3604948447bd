import type { ClientBase, Pool } from 'pg';
import { decodeHex, encodeHex } from '../core/ledger/encoding.ts';
import { nodeKey, type NodeCoordinate, type ReadNode, type TreeNode } from '../core/ledger/tree.ts';

/** Whatever runs a statement: a pool, or a client inside a transaction. */
export type Queryable = Pick<Pool, 'query'> | Pick<ClientBase, 'query'>;

/** Reads stored nodes in one round trip; the reader gives `undefined` for those that are not there. */
export async function readNodes(
  database: Queryable,
  coordinates: readonly NodeCoordinate[],
): Promise<ReadNode> {
  const nodes = new Map<string, Uint8Array>();
  if (coordinates.length > 0) {
    const { rows } = await database.query<{ level: number; index: string; hash: string }>({
      name: 'read-nodes',
      text: `select n.level, n.index, n.hash
               from unnest($1::smallint[], $2::bigint[]) as w (level, index)
               join node as n on n.level = w.level and n.index = w.index`,
      values: [coordinates.map((c) => c.level), coordinates.map((c) => c.index)],
    });
    for (const row of rows) {
      const hash = decodeHex(row.hash);
      if (hash !== null) nodes.set(nodeKey({ level: row.level, index: Number(row.index) }), hash);
    }
  }
  return (coordinate) => nodes.get(nodeKey(coordinate));
}

/** Stores nodes. A node that is already there is a bug, and the database refuses it. */
export async function insertNodes(database: Queryable, nodes: readonly TreeNode[]): Promise<void> {
  await database.query({
    name: 'insert-nodes',
    text: `insert into node (level, index, hash)
           select * from unnest($1::smallint[], $2::bigint[], $3::text[])`,
    values: [nodes.map((n) => n.level), nodes.map((n) => n.index), nodes.map((n) => encodeHex(n.hash))],
  });
}
