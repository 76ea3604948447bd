import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Pool } from 'pg';
import { seal } from '../src/core/model/digest.ts';
import { BelayDocument, type BelayDocumentInput } from '../src/core/model/documents.ts';
import type { Entry } from '../src/core/model/entries.ts';
import { nodeCrypto } from '../src/engine/crypto.ts';
import { startEmbedded } from '../src/store/embedded/start.ts';
import { migrate } from '../src/store/migrate.ts';
import { Hints } from '../src/store/hints.ts';
import { chain, emptyHead } from '../src/store/log-entry.ts';
import { appendFact, databaseNow } from '../src/store/streams.ts';
import { machine, percentile, printTable } from './report.ts';

/**
 * The engine under load: many open promotions, two replicas as processes, facts at a steady rate. Measures the time
 * from a fact's commit to the commit of the decision that it causes, turns per second as a share of single-row
 * commits of the same PostgreSQL, and the replicas' memory.
 */

const { values: options } = parseArgs({
  options: {
    promotions: { type: 'string', default: '10000' },
    seconds: { type: 'string', default: '10' },
    rate: { type: 'string', default: '200' },
    json: { type: 'string' },
  },
});
const promotions = Number(options.promotions);
const seconds = Number(options.seconds);
const rate = Number(options.rate);

const person = { id: 'person', kind: 'person' } as const;
const approver = { id: 'approver', kind: 'person' } as const;

async function seed(pool: Pool): Promise<void> {
  const at = await databaseNow(pool);
  const stages = Array.from({ length: 6 }, (_, i) => ({
    name: `stage-${i}`,
    environment: i === 0 ? 'production' : `other-${i}`,
    after: i === 0 ? [] : [`stage-${i - 1}`],
    gates: [{ kind: 'approval' as const, name: 'approval', quorum: 2 }],
  }));
  const pipeline: BelayDocumentInput = {
    apiVersion: 'belay.dev/v1alpha1',
    kind: 'Pipeline',
    metadata: { name: 'shop', project: 'demo' },
    spec: { service: 'shop', stages },
  };
  const sealedPipeline = seal(nodeCrypto, BelayDocument.parse(pipeline));
  const applied = (
    kind: 'Pipeline' | 'Environment',
    name: string,
    sealed: { digest: string; bytes: string },
  ): Entry => ({
    type: 'applied',
    at,
    by: person,
    kind,
    name,
    digest: sealed.digest,
    document: sealed.bytes,
  });
  const streams = new Map<string, Entry[]>([['project/demo', [applied('Pipeline', 'shop', sealedPipeline)]]]);
  const release = {
    key: { project: 'demo', service: 'shop', name: 'v1' },
    commit: 'abcdef1',
    artifact: { name: 'v1', digest: nodeCrypto.digest('v1'), bytes: 1 },
    bundle: null,
    contributors: [],
    summary: '',
    openedBy: person,
  };
  for (let i = 0; i < promotions; i++) {
    streams.set(`release/demo/shop-${i}/v1`, [
      { type: 'opened', at, by: person, commit: 'abcdef1', summary: '', contributors: [] },
      { type: 'sealed', at, by: person, sealed: seal(nodeCrypto, release).digest, release },
    ]);
    streams.set(`slot/demo/production/shop-${i}`, [
      {
        type: 'requested',
        at,
        by: person,
        promotion: `p-${i}`,
        release: 'v1',
        stage: 'stage-0',
        pipeline: sealedPipeline.digest,
        mode: 'promote',
        note: '',
        liftQuarantine: false,
      },
    ]);
  }
  const client = await pool.connect();
  await client.query('begin; set local synchronous_commit = off');
  for (const [stream, entries] of streams) {
    let head = emptyHead;
    for (const link of chain(stream, head, entries)) {
      await client.query('select append_fact($1, $2, $3, $4)', [stream, head.seq, link.hash, link.bytes]);
      head = { seq: link.seq, hash: link.hash };
    }
  }
  await client.query('commit');
  client.release();
  const environment: BelayDocumentInput = {
    apiVersion: 'belay.dev/v1alpha1',
    kind: 'Environment',
    metadata: { name: 'production', project: 'demo' },
    spec: { driver: 'none' },
  };
  await appendFact(pool, 'project/demo', () =>
    applied('Environment', 'production', seal(nodeCrypto, BelayDocument.parse(environment))),
  );
}

async function singleRowCommits(pool: Pool, clients: number, ms: number): Promise<number> {
  await pool.query(
    'create table if not exists single_row (id bigint generated always as identity primary key, body text)',
  );
  const until = performance.now() + ms;
  let done = 0;
  await Promise.all(
    Array.from({ length: clients }, async () => {
      while (performance.now() < until) {
        await pool.query({
          name: 'single',
          text: 'insert into single_row (body) values ($1)',
          values: ['x'.repeat(400)],
        });
        done += 1;
      }
    }),
  );
  return (done * 1000) / ms;
}

async function drained(pool: Pool): Promise<number> {
  const started = performance.now();
  for (;;) {
    const { rows } = await pool.query<{ n: string }>(
      "select count(*) as n from work where lane = 'turn' and due_at <= now_ms()",
    );
    if (rows[0]?.n === '0') return performance.now() - started;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const started = await startEmbedded({ data: { kind: 'temporary' } });
if (!started.ok) throw new Error(started.error.message);
const server = started.value;
const { host, port, user, password, database } = server.connection;
const url = `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/${database}`;
const pool = new Pool({ connectionString: url, max: 10 });
const migrated = await migrate(pool, {
  folder: fileURLToPath(new URL('../src/store/migrations', import.meta.url)),
});
if (!migrated.ok) throw new Error(migrated.error.message);
const one = await singleRowCommits(pool, 1, 2_000);
const eight = await singleRowCommits(pool, 8, 2_000);
console.error(`seeding ${promotions} open promotions`);
await seed(pool);

const committed = new Map<string, (at: number) => void>();
const replicas: ChildProcess[] = [];
let decisions = 0;
let firstDecision = 0;
for (let i = 0; i < 2; i++) {
  const child = fork(fileURLToPath(new URL('engine-worker.ts', import.meta.url)), {
    env: { ...process.env, DATABASE_URL: url },
  });
  child.on('message', (message: { slot?: string; at?: number }) => {
    if (message.slot === undefined || message.at === undefined) return;
    decisions += 1;
    if (firstDecision === 0) firstDecision = performance.now();
    committed.get(message.slot)?.(message.at);
  });
  await once(child, 'message');
  replicas.push(child);
}
await drained(pool);
const turnsPerSecond = (decisions * 1000) / (performance.now() - firstDecision);
await pool.query('vacuum analyze');

const latencies: number[] = [];
const hints = new Hints(pool, () => undefined);
let missing = 0;
const gap = 1000 / rate;
const begin = performance.now();
const pending: Promise<void>[] = [];
for (let i = 0; i < rate * seconds; i++) {
  const wait = begin + i * gap - performance.now();
  if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
  const slot = i % promotions;
  pending.push(measure(slot, i));
}
await Promise.all(pending);

async function measure(slot: number, i: number): Promise<void> {
  const name = `shop-${slot}`;
  const decided = new Promise<number>((resolve) => committed.set(name, resolve));
  const paused = Math.floor(i / promotions) % 2 === 0;
  await appendFact(pool, `slot/demo/production/${name}`, () => ({
    type: paused ? 'paused' : 'resumed',
    at: Date.now(),
    by: approver,
    promotion: `p-${slot}`,
    note: '',
  }));
  const at = performance.timeOrigin + performance.now();
  hints.send();
  const answer = await Promise.race([
    decided,
    new Promise<null>((resolve) => setTimeout(() => resolve(null), 5_000)),
  ]);
  if (answer === null) missing += 1;
  else latencies.push(Math.max(0, answer - at));
}

const memory = await Promise.all(
  replicas.map(async (child) => {
    const answer = once(child, 'message') as Promise<[{ rss?: number }]>;
    child.send('memory');
    return ((await answer)[0].rss ?? 0) / 1e6;
  }),
);
for (const child of replicas) child.disconnect();
await Promise.all(replicas.map((child) => once(child, 'exit')));
await pool.end();
await server.stop('immediate');

const result = {
  machine: machine({ postgres: server.version }),
  promotions,
  factsPerSecond: rate,
  facts: latencies.length,
  unanswered: missing,
  latencyMs: {
    p50: percentile(latencies, 0.5),
    p90: percentile(latencies, 0.9),
    p99: percentile(latencies, 0.99),
    max: Math.max(...latencies),
  },
  turnsPerSecond,
  singleRowCommitsPerSecond: { oneClient: one, eightClients: eight },
  turnsShareOfCommits: turnsPerSecond / eight,
  replicaMegabytes: memory,
};
printTable('engine', [
  ['fact committed → decision committed, p50', `${result.latencyMs.p50.toFixed(1)} ms`],
  ['fact committed → decision committed, p90', `${result.latencyMs.p90.toFixed(1)} ms`],
  ['fact committed → decision committed, p99 (goal ≤ 25 ms)', `${result.latencyMs.p99.toFixed(1)} ms`],
  ['facts without a decision in 5 s', String(missing)],
  ['turns per second, two replicas', turnsPerSecond.toFixed(0)],
  ['single-row commits per second, 1 client', one.toFixed(0)],
  ['single-row commits per second, 8 clients', eight.toFixed(0)],
  [
    'turns as a share of commits, 8 clients (goal ≥ 10 %)',
    `${(100 * result.turnsShareOfCommits).toFixed(1)} %`,
  ],
  ['memory of a replica (goal ≤ 250 MB)', memory.map((mb) => `${mb.toFixed(0)} MB`).join(', ')],
]);
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(result, null, 2)}\n`);
