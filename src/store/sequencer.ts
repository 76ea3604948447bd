import type { Pool, PoolClient } from 'pg';
import { openCheckpoint, signCheckpoint } from '../core/ledger/checkpoint.ts';
import { decodeHex, encodeHex } from '../core/ledger/encoding.ts';
import type { NoteSigner } from '../core/ledger/note.ts';
import type { Refusal } from '../core/ledger/refusal.ts';
import {
  appendAll,
  emptyFrontier,
  type Frontier,
  frontierNodes,
  readFrontier,
  rootFromFrontier,
} from '../core/ledger/tree.ts';
import { err, ok, type Result } from '../core/model/result.ts';
import type { Millis } from '../core/model/time.ts';
import type { CheckpointKeeper } from '../ports/checkpoint-keeper.ts';
import { readCheckpoint, type SignedCheckpoint } from './checkpoints.ts';
import { type KeptCheckpoint, openKept } from './kept-checkpoint.ts';
import { sha256, verifyEd25519 } from './ledger-crypto.ts';
import { type InOrder, inStreamOrder } from './stream-order.ts';
import { insertNodes, readNodes } from './tree-nodes.ts';

export interface SequencerParts {
  readonly pool: Pool;
  /** The log's key, see `loadLogKey`; its name is the origin of the checkpoints. */
  readonly signer: NoteSigner;
  /** Keeps the last checkpoint outside the database. */
  readonly keeper: CheckpointKeeper;
  /** The time that a checkpoint is recorded with, in milliseconds. */
  readonly now: () => Millis;
  /** An operator says that the tree in the database is the one to go on with, although no file vouches for it. */
  readonly adopt?: boolean;
  /** How many entries one transaction integrates at most. */
  readonly most?: number;
}

/**
 * - `busy`: another process sequences.
 * - `idle`: nothing was there to integrate.
 * - `signed`: entries were integrated and a checkpoint over them was signed.
 */
export interface Sequenced {
  readonly outcome: 'busy' | 'idle' | 'signed';
  readonly integrated: number;
  /** Leaves in the tree. */
  readonly size: number;
  /** Whether the group was full: there may be more at once. */
  readonly more: boolean;
}

/**
 * Why nothing is signed until an operator acts:
 * - `rolled-back`: the database's tree is smaller than a checkpoint that was already signed (an old copy restored).
 * - `forked`: at the size of the kept checkpoint the database has another root.
 * - `not-adopted`: a tree without a kept checkpoint; `adopt` takes it.
 * - `file-unreadable`: what is kept outside is not a checkpoint of this log and key.
 * - `tree-damaged`: the stored tree contradicts itself.
 * - `entry-damaged`: an entry's bytes are not those of its hash.
 * Both sides of a contradiction are kept: the file as it is, the database's checkpoint beside it (`.contradiction`).
 * A log that was rolled back can only go on as another log: with a new origin, and the old file moved away.
 */
export type SequencerCode =
  | 'rolled-back'
  | 'forked'
  | 'not-adopted'
  | 'file-unreadable'
  | 'tree-damaged'
  | 'entry-damaged';

/** One number for the whole database: who holds this lock is the sequencer. */
const sequencerLock = 4_830_216_001;
const defaultMost = 5_000;

/**
 * Integrates entries that no older transaction can still come before into the tree, and signs a checkpoint over it,
 * in one transaction; then keeps the checkpoint outside the database. A crash after the commit leaves an older file,
 * which the next call checks and renews. Called again and again by one process or many: only one works at a time.
 */
export async function sequenceOnce(
  parts: SequencerParts,
): Promise<Result<Sequenced, Refusal<SequencerCode>>> {
  const client = await parts.pool.connect();
  let broken = true;
  try {
    // Held beyond the commit until the file is written, so that the next holder finds the file of the one before.
    // It is the connection's: if this process dies, it is free.
    const { rows } = await client.query<{ held: boolean }>({
      name: 'lock-sequencer',
      text: 'select pg_try_advisory_lock($1) as held',
      values: [sequencerLock],
    });
    const isHeld = rows[0]?.held === true;
    const outcome: Result<Sequenced, Refusal<SequencerCode>> = isHeld
      ? await asSequencer(parts, client)
      : ok({ outcome: 'busy', integrated: 0, size: 0, more: false });
    if (isHeld)
      await client.query({
        name: 'unlock-sequencer',
        text: 'select pg_advisory_unlock($1)',
        values: [sequencerLock],
      });
    broken = false;
    return outcome;
  } finally {
    // A connection in an unknown state is closed, which rolls back and unlocks.
    client.release(broken);
  }
}

async function asSequencer(
  parts: SequencerParts,
  client: PoolClient,
): Promise<Result<Sequenced, Refusal<SequencerCode>>> {
  const last = await readCheckpoint(client);
  // Where nothing waits, nothing is signed: what the keeper remembers is then good enough if the database agrees.
  const known = (await anythingWaits(client)) ? null : (last?.note ?? null);
  const kept = openKept(parts, await parts.keeper.read(known));
  if (!kept.ok) return kept;
  // Read committed: each statement sees what was committed before it, and the group is made by one statement.
  await client.query('begin isolation level read committed');
  const outcome = await sequence(parts, client, kept.value, last);
  await client.query(outcome.ok ? 'commit' : 'rollback');
  if (!outcome.ok) return outcome;
  const { sequenced, note } = outcome.value;
  if (note !== null && note !== kept.value?.note) await parts.keeper.write(note);
  return ok(sequenced);
}

async function anythingWaits(client: PoolClient): Promise<boolean> {
  const { rows } = await client.query<{ waits: boolean }>({
    name: 'anything-unsequenced',
    text: 'select exists (select 1 from unsequenced) as waits',
  });
  return rows[0]?.waits !== false;
}

type Outcome = Result<
  { readonly sequenced: Sequenced; readonly note: string | null },
  Refusal<SequencerCode>
>;

async function sequence(
  parts: SequencerParts,
  client: PoolClient,
  kept: KeptCheckpoint | null,
  last: SignedCheckpoint | null,
): Promise<Outcome> {
  const tree = await soundTree(client, last);
  if (!tree.ok) return tree;
  const refused = await contradiction(parts, client, kept, last, tree.value);
  if (refused !== null) return err(refused);

  const most = parts.most ?? defaultMost;
  const group = await nextNonEmptyGroup(client, most);
  if (!group.ok) return group;
  const { entries, found } = group.value;
  if (entries.length === 0) {
    const idle = { outcome: 'idle', integrated: 0, size: tree.value.size, more: false } as const;
    return ok({ sequenced: idle, note: last !== null && isOurs(parts, last.note) ? last.note : null });
  }
  const { size, note } = await integrate(parts, client, tree.value, entries);
  return ok({
    sequenced: { outcome: 'signed', integrated: entries.length, size, more: found >= most },
    note,
  });
}

/** The last checkpoint of a log that was given up is not this log's, and vouches for nothing in its file. */
const isOurs = ({ signer: { key } }: SequencerParts, note: string): boolean =>
  openCheckpoint(verifyEd25519, note, { origin: key.name, keys: [key] }).ok;

/** The stored tree's right edge, checked against the last checkpoint in the database. */
async function soundTree(
  client: PoolClient,
  last: SignedCheckpoint | null,
): Promise<Result<Frontier, Refusal<SequencerCode>>> {
  const { rows } = await client.query<{ size: string | null }>({
    name: 'tree-size',
    text: 'select max(index) + 1 as size from leaf',
  });
  const size = Number(rows[0]?.size ?? 0);
  const damaged = (message: string) => err({ code: 'tree-damaged', message } as const);
  if (size !== (last?.size ?? 0))
    return damaged(`${size} leaves are stored, and the last checkpoint is over ${last?.size ?? 0}`);
  if (last === null) return ok(emptyFrontier);
  const frontier = readFrontier(size, await readNodes(client, frontierNodes(size)));
  if (!frontier.ok) return damaged(frontier.error.message);
  return encodeHex(rootFromFrontier(sha256, frontier.value)) === last.root
    ? frontier
    : damaged(`the stored nodes do not lead to the root of the checkpoint over ${size} leaves`);
}

/** Compares the database with the checkpoint kept outside it: nothing is signed on an old or another copy. */
async function contradiction(
  parts: SequencerParts,
  client: PoolClient,
  kept: KeptCheckpoint | null,
  last: SignedCheckpoint | null,
  tree: Frontier,
): Promise<Refusal<SequencerCode> | null> {
  if (kept === null) {
    if (last === null || parts.adopt === true) return null;
    return {
      code: 'not-adopted',
      message: `the tree has ${tree.size} leaves and ${parts.keeper.place} does not vouch for it`,
    };
  }
  if (tree.size < kept.size) {
    if (last !== null) await parts.keeper.keepContradiction(last.note);
    return {
      code: 'rolled-back',
      message: `the database has ${tree.size} leaves, and a checkpoint over ${kept.size} was already signed`,
    };
  }
  const then = readFrontier(kept.size, await readNodes(client, frontierNodes(kept.size)));
  if (then.ok && encodeHex(rootFromFrontier(sha256, then.value)) === encodeHex(kept.root)) return null;
  if (last !== null) await parts.keeper.keepContradiction(last.note);
  return {
    code: 'forked',
    message: `at ${kept.size} leaves the database has another root than the checkpoint that was signed`,
  };
}

interface UnsequencedRow {
  readonly stream: string;
  readonly seq: string;
  readonly hash: string;
  readonly next: string;
  readonly sound: boolean | null;
}

interface Group {
  readonly entries: readonly InOrder[];
  /** How many were found, with those that have to wait for others of their stream. */
  readonly found: number;
}

/** A group in which every entry waits for one beyond the limit is no reason to wait, but to look further. */
async function nextNonEmptyGroup(
  client: PoolClient,
  most: number,
): Promise<Result<Group, Refusal<SequencerCode>>> {
  const group = await nextGroup(client, most);
  if (!group.ok || group.value.entries.length > 0 || group.value.found < most) return group;
  return nextNonEmptyGroup(client, 2 * most);
}

/**
 * The next group to integrate. An entry is taken once its transaction is older than every one that still runs:
 * nothing can then come in before it. Its hash is made again from its bytes, so that a leaf is always provable.
 */
async function nextGroup(client: PoolClient, most: number): Promise<Result<Group, Refusal<SequencerCode>>> {
  const { rows } = await client.query<UnsequencedRow>({
    name: 'next-group',
    text: `with taken as materialized (
             select stream, seq, hash, transaction from unsequenced
              where transaction < pg_snapshot_xmin(pg_current_snapshot())
              order by transaction, stream, seq limit $1),
           ends as materialized (
             select s.stream, (select coalesce(max(l.seq), 0) + 1 from leaf as l where l.stream = s.stream) as next
               from (select distinct stream from taken) as s)
           select t.stream, t.seq, t.hash, n.next,
                  e.hash = t.hash and encode(sha256('\\x00'::bytea || convert_to(e.bytes, 'UTF8')), 'hex') = t.hash as sound
             from taken as t join ends as n using (stream) left join entry as e on e.stream = t.stream and e.seq = t.seq
            order by t.transaction, t.stream, t.seq`,
    values: [most],
  });
  const damaged = rows.find((row) => row.sound !== true);
  if (damaged !== undefined) {
    const message = `entry ${damaged.seq} of ${damaged.stream} is not what its hash says`;
    return err({ code: 'entry-damaged', message });
  }
  const entries = rows.map((row) => ({ stream: row.stream, seq: Number(row.seq), hash: row.hash }));
  const next = new Map(rows.map((row) => [row.stream, Number(row.next)]));
  return ok({ entries: inStreamOrder(entries, next), found: rows.length });
}

async function integrate(
  parts: SequencerParts,
  client: PoolClient,
  tree: Frontier,
  entries: readonly InOrder[],
): Promise<{ readonly size: number; readonly note: string }> {
  const leaves = entries.map(({ hash }) => {
    const bytes = decodeHex(hash);
    if (bytes === null) throw new Error('a leaf hash that was just checked is not hex');
    return bytes;
  });
  const { nodes, frontier } = appendAll(sha256, tree, leaves);
  const streams = entries.map((entry) => entry.stream);
  const seqs = entries.map((entry) => entry.seq);
  await client.query({
    name: 'insert-leaves',
    text: `insert into leaf (index, stream, seq)
           select $1::bigint + ordinality - 1, stream, seq
             from unnest($2::text[], $3::bigint[]) with ordinality as w (stream, seq, ordinality)`,
    values: [tree.size, streams, seqs],
  });
  await insertNodes(client, nodes);
  await client.query({
    name: 'sequenced',
    text: `delete from unsequenced as u using unnest($1::text[], $2::bigint[]) as w (stream, seq)
            where u.stream = w.stream and u.seq = w.seq`,
    values: [streams, seqs],
  });
  const root = rootFromFrontier(sha256, frontier);
  const { size } = frontier;
  const note = signCheckpoint({ origin: parts.signer.key.name, size, root, extensions: [] }, parts.signer);
  await client.query({
    name: 'insert-checkpoint',
    text: 'insert into checkpoint (size, root, note, at) values ($1, $2, $3, $4)',
    values: [size, encodeHex(root), note, parts.now()],
  });
  return { size, note };
}
