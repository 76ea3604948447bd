import assert from 'node:assert/strict';
import { mkdtemp, readFile, readdir, rm, stat, writeFile, chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Pool } from 'pg';
import { openCheckpoint } from '../core/ledger/checkpoint.ts';
import { decodeHex, encodeHex } from '../core/ledger/encoding.ts';
import { rootOf, verifyConsistency } from '../core/ledger/merkle.ts';
import type { NoteSigner } from '../core/ledger/note.ts';
import { verifyTlogProof } from '../core/ledger/tlog-proof.ts';
import { consistencyOf, proofOf, readCheckpoint } from './checkpoints.ts';
import { sha256, verifyEd25519 } from './ledger-crypto.ts';
import { chain, leafHashOf } from './log-entry.ts';
import { checkpointFile } from './kept-checkpoint.ts';
import { loadGivenLogKey, loadLogKey } from './log-key.ts';
import { type SequencerParts, sequenceOnce } from './sequencer.ts';
import { inStreamOrder } from './stream-order.ts';
import { appendFact, readHead } from './streams.ts';
import { createTestDatabase } from './testing/database.ts';

const origin = 'log.test/demo';
const everyone = { id: 'ann', kind: 'person' } as const;

async function temporaryFolder(): Promise<{ path: string; [Symbol.asyncDispose](): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'belay-sequencer-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

async function signerIn(folder: string, name = origin): Promise<NoteSigner> {
  const key = await loadLogKey(join(folder, 'log.key'), name);
  assert.ok(key.ok);
  return key.value;
}

async function partsIn(folder: string, pool: Pool): Promise<SequencerParts> {
  return {
    pool,
    signer: await signerIn(folder),
    keeper: checkpointFile(join(folder, 'checkpoint')),
    now: () => 7,
  };
}

const fact = (pool: Pool, stream: string) =>
  appendFact(pool, stream, () => ({ type: 'unfrozen', at: 1, by: everyone, id: 'x', note: stream }));

const codeOf = async (parts: SequencerParts): Promise<string> => {
  const done = await sequenceOnce(parts);
  return done.ok ? done.value.outcome : done.error.code;
};

/** The root over all leaves, made again from the entries. */
async function rootFromEntries(pool: Pool): Promise<string> {
  const { rows } = await pool.query<{ bytes: string }>(
    'select e.bytes from leaf as l join entry as e using (stream, seq) order by l.index',
  );
  const leaves = rows.map((row) => decodeHex(leafHashOf(row.bytes)) ?? Uint8Array.of());
  return encodeHex(rootOf(sha256, leaves));
}

test('entries get into the tree in groups, each with a signed checkpoint, and each can be proven', async () => {
  await using database = await createTestDatabase();
  await using folder = await temporaryFolder();
  const { pool } = database;
  const parts = await partsIn(folder.path, pool);
  assert.equal(await codeOf(parts), 'idle');
  assert.equal(await readCheckpoint(pool), null);
  const sizes: number[] = [];
  for (const count of [1, 2, 4]) {
    for (let i = 0; i < count; i++) await fact(pool, `project/p${i}`);
    const early = await proofOf(pool, 'project/p0', sizes.length + 1);
    assert.equal(early.ok ? '' : early.error.code, 'not-sequenced');
    const done = await sequenceOnce(parts);
    assert.ok(done.ok);
    assert.deepEqual([done.value.outcome, done.value.integrated, done.value.more], ['signed', count, false]);
    sizes.push(done.value.size);
  }
  assert.deepEqual(sizes, [1, 3, 7]);
  const checkpoint = await readCheckpoint(pool);
  assert.equal(checkpoint?.root, await rootFromEntries(pool));
  assert.equal(checkpoint?.note, await readFile(parts.keeper.place, 'utf8'));
  const log = { origin, keys: [parts.signer.key] };
  assert.ok(openCheckpoint(verifyEd25519, checkpoint?.note ?? '', log).ok);

  const { rows } = await pool.query<{ stream: string; seq: string; bytes: string }>('select * from entry');
  for (const row of rows) {
    const proof = await proofOf(pool, row.stream, Number(row.seq));
    assert.ok(proof.ok);
    const leaf = decodeHex(leafHashOf(row.bytes)) ?? Uint8Array.of();
    assert.ok(verifyTlogProof({ sha256, verify: verifyEd25519 }, proof.value, leaf, log).ok);
  }
  const unknown = await proofOf(pool, 'project/p0', 99);
  assert.equal(unknown.ok ? '' : unknown.error.code, 'no-such-entry');

  const roots = await pool.query<{ root: string }>('select root from checkpoint order by size');
  const [, oldRoot, newRoot] = roots.rows.map((row) => decodeHex(row.root) ?? Uint8Array.of());
  const grown = await consistencyOf(pool, 3, 7);
  assert.ok(grown.ok && oldRoot !== undefined && newRoot !== undefined);
  assert.ok(verifyConsistency(sha256, { oldSize: 3, newSize: 7, oldRoot, newRoot, proof: grown.value }).ok);
  assert.equal((await consistencyOf(pool, 8, 7)).ok, false);
});

test('a group is bounded, and says that there may be more', async () => {
  await using database = await createTestDatabase();
  await using folder = await temporaryFolder();
  const parts = { ...(await partsIn(folder.path, database.pool)), most: 3 };
  for (let i = 0; i < 4; i++) await fact(database.pool, 'project/p');
  const first = await sequenceOnce(parts);
  const second = await sequenceOnce(parts);
  assert.deepEqual(first.ok && [first.value.integrated, first.value.more], [3, true]);
  assert.deepEqual(second.ok && [second.value.integrated, second.value.more], [1, false]);
});

test('nothing is integrated that an older, still open transaction could come before', async () => {
  await using database = await createTestDatabase();
  await using folder = await temporaryFolder();
  const parts = await partsIn(folder.path, database.pool);
  const older = await database.pool.connect();
  await older.query('begin');
  await older.query('select pg_current_xact_id()');
  await fact(database.pool, 'project/p');
  assert.equal(await codeOf(parts), 'idle');
  await older.query('commit');
  older.release();
  assert.equal(await codeOf(parts), 'signed');
});

test('a stream’s entries stand in their order also where a transaction began before and wrote after another', async () => {
  await using database = await createTestDatabase();
  await using folder = await temporaryFolder();
  const { pool } = database;
  const parts = { ...(await partsIn(folder.path, pool)), most: 1 };
  const older = await pool.connect();
  await older.query('begin');
  await older.query('select pg_current_xact_id()');
  await fact(pool, 'project/p');
  const [link] = chain('project/p', await readHead(pool, 'project/p'), [
    { type: 'unfrozen', at: 2, by: everyone, id: 'x', note: 'second' },
  ]);
  await older.query('select append_fact($1, 1, $2, $3)', ['project/p', link?.hash, link?.bytes]);
  await older.query('commit');
  older.release();
  while ((await codeOf(parts)) === 'signed');
  const { rows } = await pool.query('select seq::int from leaf order by index');
  assert.deepEqual(rows, [{ seq: 1 }, { seq: 2 }]);
  assert.equal((await readCheckpoint(pool))?.root, await rootFromEntries(pool));
});

test('of two sequencers at once one works', async () => {
  await using database = await createTestDatabase();
  await using folder = await temporaryFolder();
  const parts = await partsIn(folder.path, database.pool);
  const other = await database.pool.connect();
  await other.query('begin');
  await other.query('select pg_try_advisory_xact_lock(4830216001)');
  assert.equal(await codeOf(parts), 'busy');
  await other.query('rollback');
  other.release();
  assert.equal(await codeOf(parts), 'idle');
});

test('writers and sequencers at once lose and reorder nothing', async () => {
  await using database = await createTestDatabase();
  await using folder = await temporaryFolder();
  const { pool } = database;
  const parts = { ...(await partsIn(folder.path, pool)), most: 7 };
  const state = { writing: true };
  const writers = Promise.all(
    [0, 1, 2, 3].map(async () => {
      for (let i = 0; i < 25; i++) await fact(pool, `project/p${i % 2}`);
    }),
  ).finally(() => (state.writing = false));
  const outcomes = new Set<string>();
  while (state.writing)
    for (const each of await Promise.all([codeOf(parts), codeOf(parts)])) outcomes.add(each);
  await writers;
  while ((await codeOf(parts)) === 'signed');
  for (const outcome of outcomes) assert.ok(['busy', 'idle', 'signed'].includes(outcome), outcome);
  const { rows } = await pool.query<{ stream: string; seqs: number[] }>(
    'select stream, array_agg(seq::int order by index) as seqs from leaf group by stream order by stream',
  );
  const all = Array.from({ length: 50 }, (_, i) => i + 1);
  assert.deepEqual(
    rows.sort((a, b) => (a.stream < b.stream ? -1 : 1)),
    [
      { stream: 'project/p0', seqs: [...all, 51, 52] },
      { stream: 'project/p1', seqs: all.slice(0, 48) },
    ],
  );
  assert.equal((await readCheckpoint(pool))?.root, await rootFromEntries(pool));
});

test('an old copy of the database is noticed before anything is signed on it', async () => {
  await using database = await createTestDatabase();
  await using older = await createTestDatabase();
  await using folder = await temporaryFolder();
  const parts = await partsIn(folder.path, database.pool);
  await fact(database.pool, 'project/p');
  await fact(older.pool, 'project/p');
  assert.equal(await codeOf(parts), 'signed');
  assert.equal(
    await codeOf({ ...parts, pool: older.pool, keeper: checkpointFile(join(folder.path, 'other')) }),
    'signed',
  );
  await fact(database.pool, 'project/p');
  assert.equal(await codeOf(parts), 'signed');
  // The "restored" database has one entry less, and goes on growing: still nothing is signed on it.
  const restored = { ...parts, pool: older.pool };
  assert.equal(await codeOf(restored), 'rolled-back');
  await fact(older.pool, 'project/q');
  assert.equal(await codeOf(restored), 'rolled-back');
  assert.equal((await readCheckpoint(older.pool))?.size, 1);
  assert.equal(
    await readFile(`${parts.keeper.place}.contradiction`, 'utf8'),
    (await readCheckpoint(older.pool))?.note,
  );
  assert.equal(await readFile(parts.keeper.place, 'utf8'), (await readCheckpoint(database.pool))?.note);
  // Grown past the kept size under another file, it is another history: a fork.
  const aside = { ...restored, keeper: checkpointFile(join(folder.path, 'other')) };
  await fact(older.pool, 'project/q');
  assert.equal(await codeOf(aside), 'signed');
  assert.equal(await codeOf(restored), 'forked');
  // An empty database is as old as it gets.
  await using empty = await createTestDatabase();
  assert.equal(await codeOf({ ...parts, pool: empty.pool }), 'rolled-back');
});

test('a tree that nothing vouches for is only taken when an operator says so', async () => {
  await using database = await createTestDatabase();
  await using folder = await temporaryFolder();
  const parts = await partsIn(folder.path, database.pool);
  await fact(database.pool, 'project/p');
  assert.equal(await codeOf(parts), 'signed');
  await rm(parts.keeper.place);
  await fact(database.pool, 'project/p');
  assert.equal(await codeOf(parts), 'not-adopted');
  assert.equal(await codeOf({ ...parts, adopt: true }), 'signed');
  assert.equal(await codeOf(parts), 'idle');
});

test('a log that was set back goes on as another log, also when nothing is there to sign at once', async () => {
  await using database = await createTestDatabase();
  await using folder = await temporaryFolder();
  const first = await partsIn(folder.path, database.pool);
  await fact(database.pool, 'project/p');
  assert.equal(await codeOf(first), 'signed');
  const signer = await signerIn(folder.path, 'log.test/second');
  const second = { ...first, signer, keeper: checkpointFile(join(folder.path, 'second')) };
  assert.equal(await codeOf(second), 'not-adopted');
  assert.equal(await codeOf({ ...second, adopt: true }), 'idle');
  assert.equal(await codeOf({ ...second, adopt: true }), 'idle');
  await fact(database.pool, 'project/p');
  assert.equal(await codeOf({ ...second, adopt: true }), 'signed');
  assert.equal(await codeOf(second), 'idle');
  assert.match(await readFile(second.keeper.place, 'utf8'), /^log\.test\/second\n2\n/);
});

test('a crash between the commit and the file is harmless: the file is checked and renewed', async () => {
  await using database = await createTestDatabase();
  await using folder = await temporaryFolder();
  const parts = await partsIn(folder.path, database.pool);
  await fact(database.pool, 'project/p');
  assert.equal(await codeOf(parts), 'signed');
  const before = await readFile(parts.keeper.place, 'utf8');
  await fact(database.pool, 'project/p');
  assert.equal(await codeOf(parts), 'signed');
  await writeFile(parts.keeper.place, before);
  assert.equal(await codeOf(parts), 'idle');
  assert.equal(await readFile(parts.keeper.place, 'utf8'), (await readCheckpoint(database.pool))?.note);
  assert.deepEqual((await readdir(folder.path)).sort(), ['checkpoint', 'log.key']);
});

test('a file that this log did not sign, a damaged tree and a damaged entry stop the sequencer', async () => {
  await using database = await createTestDatabase();
  await using folder = await temporaryFolder();
  const { pool } = database;
  const parts = await partsIn(folder.path, pool);
  for (let i = 0; i < 3; i++) await fact(pool, 'project/p');
  assert.equal(await codeOf(parts), 'signed');
  const renamed = { ...parts, signer: await signerIn(folder.path, 'log.test/other') };
  assert.equal(await codeOf(renamed), 'file-unreadable');
  await writeFile(join(folder.path, 'torn'), 'log.test/demo\n3\n');
  assert.equal(
    await codeOf({ ...parts, keeper: checkpointFile(join(folder.path, 'torn')) }),
    'file-unreadable',
  );

  await fact(pool, 'project/p');
  await pool.query(`update entry set bytes = replace(bytes, 'unfrozen', 'frozen') where seq = 4`);
  assert.equal(await codeOf(parts), 'entry-damaged');
  await pool.query(`update entry set bytes = replace(bytes, 'frozen', 'unfrozen') where seq = 4`);
  await pool.query(`update node set hash = repeat('0', 64) where level = 1`);
  assert.equal(await codeOf(parts), 'tree-damaged');
});

test('the role of servers can sequence and prove, and can neither change nor remove what is in the ledger', async () => {
  await using database = await createTestDatabase();
  await using folder = await temporaryFolder();
  const server = database.poolAs('belay_server');
  const parts = await partsIn(folder.path, server);
  await fact(server, 'project/p');
  assert.equal(await codeOf(parts), 'signed');
  assert.ok((await proofOf(server, 'project/p', 1)).ok);
  for (const table of ['entry', 'leaf', 'node', 'checkpoint', 'content']) {
    await assert.rejects(server.query(`delete from ${table}`), { code: '42501' }, table);
    const column = { entry: 'seq', leaf: 'seq', node: 'level', checkpoint: 'at', content: 'digest' }[table];
    await assert.rejects(server.query(`update ${table} set ${column} = ${column}`), { code: '42501' }, table);
  }
});

test('the order of transactions gives way to the order within a stream', () => {
  const entry = (stream: string, seq: number) => ({ stream, seq, hash: `${stream}${seq}` });
  const came = [entry('a', 2), entry('b', 5), entry('a', 1), entry('b', 4), entry('c', 9), entry('a', 3)];
  const next = new Map([
    ['a', 1],
    ['b', 4],
    ['c', 8],
  ]);
  assert.deepEqual(
    inStreamOrder(came, next).map((e) => e.hash),
    ['a1', 'a2', 'b4', 'b5', 'a3'],
  );
});

test('the log key is made once, is readable by its owner only, and is refused where others may read it', async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'log.key');
  const made = await Promise.all([1, 2, 3].map(() => loadLogKey(file, origin)));
  const ids = made.map((key) => (key.ok ? key.value.key.keyId : key.error.code));
  assert.equal(new Set(ids).size, 1);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.deepEqual(await readdir(folder.path), ['log.key']);
  await chmod(file, 0o644);
  const open = await loadLogKey(file, origin);
  assert.equal(open.ok ? '' : open.error.code, 'readable-by-others');
  await writeFile(file, 'not a key', { mode: 0o600 });
  await chmod(file, 0o600);
  const broken = await loadLogKey(file, origin);
  assert.equal(broken.ok ? '' : broken.error.code, 'not-a-key');
  assert.doesNotMatch(broken.ok ? '' : broken.error.message, /not a key"/);
  const unnamed = await loadLogKey(file, 'two words');
  assert.equal(unnamed.ok ? '' : unnamed.error.code, 'not-a-name');
});

test('a key that somebody else keeps may be read by its group, and is never made', async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'log.key');
  const absent = await loadGivenLogKey(file, origin);
  assert.equal(absent.ok ? '' : absent.error.code, 'not-a-key');
  assert.deepEqual(await readdir(folder.path), []);
  const own = await loadLogKey(file, origin);
  for (const [mode, expected] of [
    [0o440, 'usable'],
    [0o444, 'readable-by-others'],
    [0o460, 'readable-by-others'],
  ] as const) {
    await chmod(file, mode);
    const given = await loadGivenLogKey(file, origin);
    assert.equal(given.ok ? 'usable' : given.error.code, expected);
    if (given.ok && own.ok) assert.equal(given.value.key.keyId, own.value.key.keyId);
  }
});

test('a keeper that remembers is asked to look again whenever something is to be signed', async () => {
  await using database = await createTestDatabase();
  await using folder = await temporaryFolder();
  const asked: (string | null)[] = [];
  const file = checkpointFile(join(folder.path, 'checkpoint'));
  const keeper = { ...file, read: (known: string | null) => (asked.push(known), file.read(known)) };
  const parts = { ...(await partsIn(folder.path, database.pool)), keeper };
  await fact(database.pool, 'project/p');
  assert.equal(await codeOf(parts), 'signed');
  assert.equal(await codeOf(parts), 'idle');
  await fact(database.pool, 'project/p');
  assert.equal(await codeOf(parts), 'signed');
  const { rows } = await database.pool.query<{ note: string }>('select note from checkpoint order by size');
  assert.deepEqual(asked, [null, rows[0]?.note, null]);
});
