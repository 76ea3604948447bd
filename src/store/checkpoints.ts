import type { Pool } from 'pg';
import { consistencyProofNodes, inclusionProofNodes, proofFromNodes } from '../core/ledger/tree.ts';
import { formatTlogProof } from '../core/ledger/tlog-proof.ts';
import { refuse, type Refusal } from '../core/ledger/refusal.ts';
import { ok, type Result } from '../core/model/result.ts';
import { sha256 } from './ledger-crypto.ts';
import { type Queryable, readNodes } from './tree-nodes.ts';

/** The newest checkpoint as it was signed. */
export interface SignedCheckpoint {
  readonly size: number;
  /** Hex of 32 bytes. */
  readonly root: string;
  /** The C2SP note. */
  readonly note: string;
  /** When it was signed, in milliseconds. */
  readonly at: number;
}

/** The newest checkpoint; null before the first entry is in the tree. */
export async function readCheckpoint(database: Queryable): Promise<SignedCheckpoint | null> {
  const { rows } = await database.query<{ size: string; root: string; note: string; at: string }>({
    name: 'read-checkpoint',
    text: 'select size, root, note, at from checkpoint order by size desc limit 1',
  });
  const row = rows[0];
  return row === undefined
    ? null
    : { size: Number(row.size), root: row.root, note: row.note, at: Number(row.at) };
}

export type ProofCode = 'no-such-entry' | 'not-sequenced' | 'missing-node';

/**
 * The proof (C2SP tlog-proof v1) that an entry is in the tree of the newest checkpoint. An entry that was committed
 * a moment ago is `not-sequenced` until the next checkpoint.
 */
export async function proofOf(
  pool: Pool,
  stream: string,
  seq: number,
): Promise<Result<string, Refusal<ProofCode>>> {
  // Leaf and checkpoint in one snapshot: the checkpoint is then never older than the leaf.
  const { rows } = await pool.query<{ index: string | null; size: string; note: string; known: boolean }>({
    name: 'read-leaf',
    text: `select l.index, c.size, c.note, e.seq is not null as known
             from (values ($1::text, $2::bigint)) as w (stream, seq)
             left join leaf as l on l.stream = w.stream and l.seq = w.seq
             left join entry as e on e.stream = w.stream and e.seq = w.seq
             left join lateral (select size, note from checkpoint order by size desc limit 1) as c on true`,
    values: [stream, seq],
  });
  const row = rows[0];
  if (row?.known !== true) return refuse('no-such-entry', `no entry ${seq} in ${stream}`);
  if (row.index === null) return refuse('not-sequenced', `entry ${seq} of ${stream} waits for a checkpoint`);
  const index = Number(row.index);
  const nodes = inclusionProofNodes(index, Number(row.size));
  const hashes = proofFromNodes(sha256, nodes, await readNodes(pool, nodes.flat()));
  return hashes.ok ? ok(formatTlogProof({ index, hashes: hashes.value, checkpoint: row.note })) : hashes;
}

/** The hashes that prove that the tree of `newSize` leaves begins with that of `oldSize` (RFC 9162 section 2.1.4). */
export async function consistencyOf(
  pool: Pool,
  oldSize: number,
  newSize: number,
): Promise<Result<readonly Uint8Array[], Refusal<'missing-node' | 'size-out-of-range'>>> {
  const sizes = [oldSize, newSize];
  if (!sizes.every((size) => Number.isSafeInteger(size) && size >= 0) || oldSize > newSize)
    return refuse('size-out-of-range', `no proof from ${oldSize} to ${newSize} leaves`);
  const nodes = consistencyProofNodes(oldSize, newSize);
  return proofFromNodes(sha256, nodes, await readNodes(pool, nodes.flat()));
}
