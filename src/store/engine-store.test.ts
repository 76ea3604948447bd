import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pool } from 'pg';
import { nodeCrypto } from '../engine/crypto.ts';
import { prepareTurn } from '../engine/turn.ts';
import { workOnce, type WorkerParts } from '../engine/worker.ts';
import { canonicalJson } from '../core/model/canonical.ts';
import { seal } from '../core/model/digest.ts';
import { BelayDocument, type BelayDocumentInput } from '../core/model/documents.ts';
import type { Entry } from '../core/model/entries.ts';
import { projectStream, releaseStream, type Subject } from '../core/model/name.ts';
import type { EnvironmentDriver } from '../ports/environment.ts';
import { instantDriver } from '../ports/testing/instant-driver.ts';
import { PostgresEngineStore } from './engine-store.ts';
import { chain } from './log-entry.ts';
import { appendFact, databaseNow, readEntries, readHead } from './streams.ts';
import { createTestDatabase } from './testing/database.ts';

const slot = { project: 'demo', environment: 'production', service: 'shop' };
const slotId = 'slot/demo/production/shop';
const ann: Subject = { id: 'ann', kind: 'person' };
const ci: Subject = { id: 'ci', kind: 'machine' };

const documents: readonly BelayDocumentInput[] = [
  {
    apiVersion: 'belay.dev/v1alpha1',
    kind: 'Environment',
    metadata: { name: 'production', project: 'demo' },
    spec: { driver: 'instant', replicas: 2, warm: '0s' },
  },
  {
    apiVersion: 'belay.dev/v1alpha1',
    kind: 'Pipeline',
    metadata: { name: 'shop', project: 'demo' },
    spec: {
      service: 'shop',
      stages: [
        {
          name: 'production',
          environment: 'production',
          rollout: { steps: [10, 100], stepAtLeast: '0s' },
          analysis: [{ kind: 'metric', name: 'errors', errors: { marginPoints: 2 } }],
        },
      ],
    },
  },
];

const append = (pool: Pool, stream: string, entry: Entry): Promise<number | null> =>
  appendFact(pool, stream, () => entry);

async function setUp(pool: Pool): Promise<string> {
  let pipeline = '';
  for (const written of documents) {
    const document = BelayDocument.parse(written);
    const { bytes, digest } = seal(nodeCrypto, document);
    if (document.kind === 'Pipeline') pipeline = digest;
    const at = await databaseNow(pool);
    await append(pool, projectStream('demo'), {
      type: 'applied',
      at,
      by: ann,
      kind: document.kind,
      name: document.metadata.name,
      digest,
      document: bytes,
    });
  }
  return pipeline;
}

async function release(pool: Pool, name: string, pipeline: string): Promise<void> {
  const key = { project: 'demo', service: 'shop', name };
  const stream = releaseStream(key);
  const at = await databaseNow(pool);
  const sealed = {
    key,
    commit: 'abcdef1',
    artifact: { name, digest: nodeCrypto.digest(name), bytes: 1 },
    bundle: null,
    contributors: [],
    summary: '',
    openedBy: ci,
  };
  await append(pool, stream, {
    type: 'opened',
    at,
    by: ci,
    commit: 'abcdef1',
    summary: '',
    contributors: [],
  });
  await append(pool, stream, {
    type: 'sealed',
    at,
    by: ci,
    sealed: seal(nodeCrypto, sealed).digest,
    release: sealed,
  });
  await append(pool, slotId, {
    type: 'requested',
    at,
    by: ann,
    promotion: `${name}-production`,
    release: name,
    stage: 'production',
    pipeline,
    mode: 'promote',
    note: '',
    liftQuarantine: false,
  });
}

/** Works until a slot has nothing open any more; a slot that never gets there fails the test by its deadline. */
async function workUntilQuiet(parts: WorkerParts, store: PostgresEngineStore): Promise<void> {
  const deadline = Date.now() + 15_000;
  for (;;) {
    for (const lane of ['turn', 'effect', 'observe'] as const) await workOnce(parts, lane);
    const { slot: state } = await store.load(slot);
    if (state.promotions.length === 0 && state.effects.length === 0 && state.seq > 0) return;
    assert.ok(Date.now() < deadline, `not quiet: ${canonicalJson(state)}`);
  }
}

function partsFor(store: PostgresEngineStore, driver: EnvironmentDriver): WorkerParts {
  return {
    store,
    crypto: nodeCrypto,
    driverFor: () => driver,
    pace: { effect: 5, moving: 5, idle: 1_000 },
    report: (event) =>
      assert.fail(canonicalJson({ ...event, ...('error' in event ? { error: String(event.error) } : {}) })),
    concurrency: { turn: 4, observe: 4, effect: 4 },
  };
}

test('a good release is promoted and a worse one is rolled back, through PostgreSQL', async () => {
  await using database = await createTestDatabase();
  const store = new PostgresEngineStore(database.pool);
  const driver = instantDriver((name) => (name === 'v3' ? 0.2 : 0.001));
  const parts = partsFor(store, driver);
  const pipeline = await setUp(database.pool);
  for (const name of ['v1', 'v2', 'v3']) {
    await release(database.pool, name, pipeline);
    await workUntilQuiet(parts, store);
  }
  const { slot: state } = await store.load(slot);
  assert.deepEqual(
    state.ended.map((e) => [e.release, e.state, e.reason.code]),
    [
      ['v3', 'rolled-back', 'worse'],
      ['v2', 'promoted', 'done'],
      ['v1', 'promoted', 'done'],
    ],
  );
  assert.equal(state.stable?.release, 'v2');
  const stages = await readEntries<Entry>(database.pool, 'release/demo/shop/v3', 0);
  assert.deepEqual(
    stages.map(({ entry }) => entry.type),
    ['opened', 'sealed', 'stage-ended'],
  );
});

test('a turn that is claimed while a fact is being written does not swallow the fact', async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  const store = new PostgresEngineStore(pool);
  await append(pool, slotId, { type: 'seen', at: 1, until: 1 });
  const writer = await pool.connect();
  try {
    await writer.query('begin');
    const head = await readHead(pool, slotId);
    const [link] = chain(slotId, head, [{ type: 'seen', at: 2, until: 2 }]);
    // The turn is due already, by the fact before.
    await writer.query('select append_fact($1, $2, $3, $4)', [slotId, head.seq, link?.hash, link?.bytes]);
    for (const claim of await store.claim('turn', 1, 2_000)) await store.release(claim, null);
    await writer.query('commit');
  } finally {
    writer.release();
  }
  const [claim] = await store.claim('turn', 1, 2_000);
  assert.ok(claim !== undefined, 'the turn is due again once the fact is there');
  assert.equal((await store.load(claim.slot)).slot.seq, 2);
});

test('a turn that begins to read a stream waits for the fact that is being written to it', async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  const store = new PostgresEngineStore(pool);
  const pipeline = await setUp(pool);
  await release(pool, 'v1', pipeline);
  const stream = projectStream('demo');
  const [claim] = await store.claim('turn', 1, 2_000);
  assert.ok(claim !== undefined);
  const prepared = prepareTurn(await store.load(claim.slot), nodeCrypto);
  assert.ok(prepared.kind === 'ready');
  const writer = await pool.connect();
  try {
    await writer.query('begin');
    const head = await readHead(pool, stream);
    const [link] = chain(stream, head, [{ type: 'seen', at: 2, until: 2 }]);
    await writer.query('select append_fact($1, $2, $3, $4)', [stream, head.seq, link?.hash, link?.bytes]);
    const outcome = store.commit({ ...prepared.commit, claim });
    assert.equal(await Promise.race([outcome, isWaiting(pool, 'hold_streams')]), true, 'it did not wait');
    await writer.query('commit');
    assert.equal(await outcome, 'conflict');
  } finally {
    writer.release();
  }
});

test('a turn that took longer than its lease does not swallow a fact that came after that', async () => {
  await using database = await createTestDatabase();
  const { pool } = database;
  const store = new PostgresEngineStore(pool);
  await append(pool, slotId, { type: 'seen', at: 1, until: 1 });
  const [claim] = await store.claim('turn', 1, 0);
  assert.ok(claim !== undefined);
  await append(pool, slotId, { type: 'seen', at: 2, until: 2 });
  await store.release(claim, null);
  assert.equal((await store.claim('turn', 1, 2_000)).length, 1);
});

/** Resolves with true once a statement of this database waits for a lock. */
async function isWaiting(pool: Pool, text: string): Promise<boolean> {
  const deadline = Date.now() + 10_000;
  while (Date.now() < deadline) {
    const { rowCount } = await pool.query(
      `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like $1`,
      [`%${text}%`],
    );
    if (rowCount === 1) return true;
  }
  return false;
}
