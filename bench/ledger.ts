import { hash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Pool } from 'pg';
import { packPaths } from '../src/core/evidence/layout.ts';
import { encodeBase64 } from '../src/core/ledger/encoding.ts';
import { nodesBeside } from '../src/core/ledger/partial-tree.ts';
import { appendAll, emptyFrontier, nodeKey, rootFromFrontier } from '../src/core/ledger/tree.ts';
import { formatVerifierKey } from '../src/core/ledger/verifier-key.ts';
import type { SlotEntry } from '../src/core/model/entries.ts';
import type { EvidenceManifest } from '../src/core/model/evidence.ts';
import { nodeCrypto } from '../src/engine/crypto.ts';
import { exportEvidence } from '../src/evidence/export.ts';
import { tellStory } from '../src/evidence/testing/story.ts';
import { proofOf } from '../src/store/checkpoints.ts';
import { startEmbedded } from '../src/store/embedded/start.ts';
import { chain, emptyHead, leafHashOf } from '../src/store/log-entry.ts';
import { checkpointFile } from '../src/store/kept-checkpoint.ts';
import { loadLogKey } from '../src/store/log-key.ts';
import { migrate } from '../src/store/migrate.ts';
import { sequenceOnce } from '../src/store/sequencer.ts';
import { appendFact } from '../src/store/streams.ts';
import { checkInclusion, readNodesFile, readStreams } from '../src/verify/chains.ts';
import { readEntries } from '../src/verify/entries.ts';
import { sha256, verifyEd25519 } from '../src/verify/node-crypto.ts';
import { Findings } from '../src/verify/report.ts';
import { verifyFiles } from '../src/verify/verify-pack.ts';

/**
 * What the ledger costs. Every limit is measured in the same run on the same PostgreSQL with its durability on: a
 * plain insert of the same bytes beside an append, SHA-256 of the same bytes beside a verification. Prints a table
 * and then one line of JSON.
 */
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '5' },
    entries: { type: 'string', default: '100000' },
    backlog: { type: 'string', default: '20000' },
    proofs: { type: 'string', default: '3000' },
  },
});
const roundSeconds = Number(values.seconds);
const rounds = Number(values.rounds);
const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
const quantile = (numbers: readonly number[], q: number): number =>
  numbers.toSorted((a, b) => a - b)[Math.min(numbers.length - 1, Math.floor(numbers.length * q))] ??
  Number.NaN;
const round = (value: number, places = 0): number => Number(value.toFixed(places));

function seconds(run: () => unknown): number {
  run();
  return median(
    Array.from({ length: rounds }, () => {
      const start = process.hrtime.bigint();
      run();
      return Number(process.hrtime.bigint() - start) / 1e9;
    }),
  );
}

const observed = (i: number): SlotEntry => ({
  type: 'observed',
  at: 1_760_000_000_000 + i,
  observation: {
    at: 1_760_000_000_000 + i,
    generation: i,
    workloads: ['v1', 'v2'].map((release) => ({
      release,
      artifact: nodeCrypto.digest(release),
      desired: 2,
      ready: 2,
      open: i % 7,
    })),
    weights: [
      { release: 'v1', weight: 90 },
      { release: 'v2', weight: 10 },
    ],
    level: 'confirmed',
  },
});
const entryBytes = chain('project/bench', emptyHead, [observed(1)])[0]?.bytes.length ?? 0;

/** Runs one statement again and again on every client for a while; gives how often a second. */
async function rate(clients: number, once: (client: number) => Promise<unknown>): Promise<number> {
  const until = performance.now() + roundSeconds * 1000;
  let done = 0;
  const start = performance.now();
  await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      while (performance.now() < until) {
        await once(client);
        done += 1;
      }
    }),
  );
  return (done * 1000) / (performance.now() - start);
}

/** Appends beside plain inserts, in turn, so that both meet the same machine. */
async function appends(pool: Pool, clients: number) {
  const body = 'x'.repeat(entryBytes);
  const plain: number[] = [];
  const statement: number[] = [];
  const fact: number[] = [];
  const heads = Array.from({ length: clients }, () => ({ ...emptyHead }));
  const name = `${clients}-${process.pid}`;
  for (let i = 0; i < rounds; i++) {
    plain.push(
      await rate(clients, () =>
        pool.query({ name: 'plain', text: 'insert into plain (body) values ($1)', values: [body] }),
      ),
    );
    statement.push(
      await rate(clients, async (client) => {
        const stream = `project/s${name}-${client}`;
        const head = heads[client] ?? emptyHead;
        const [link] = chain(stream, head, [observed(head.seq)]);
        if (link === undefined) throw new Error('nothing to append');
        await pool.query({
          name: 'append-fact',
          text: 'select append_fact($1, $2, $3, $4) as done',
          values: [stream, head.seq, link.hash, link.bytes],
        });
        heads[client] = link;
      }),
    );
    fact.push(
      await rate(clients, (client) =>
        appendFact(pool, `project/f${name}-${client}`, ({ seq }) => observed(seq)),
      ),
    );
  }
  const share = (rates: readonly number[]): number =>
    round(median(rates.map((each, i) => each / (plain[i] ?? Number.NaN))), 3);
  return {
    clients,
    plainInsertsPerSecond: round(median(plain)),
    appendStatementsPerSecond: round(median(statement)),
    appendStatementShare: share(statement),
    appendFactsPerSecond: round(median(fact)),
    appendFactShare: share(fact),
  };
}

async function fill(pool: Pool, count: number): Promise<void> {
  const group = 500;
  for (let s = 0; s * group < count; s++) {
    const stream = `project/bulk-${s}`;
    const links = chain(
      stream,
      emptyHead,
      Array.from({ length: group }, (_, i) => observed(i)),
    );
    await pool.query('select append_entries($1, 0, $2, $3)', [
      stream,
      links.map((link) => link.hash),
      links.map((link) => link.bytes),
    ]);
  }
}

async function database() {
  const started = await startEmbedded({ data: { kind: 'temporary' } });
  if (!started.ok) throw new Error(started.error.message);
  await using server = started.value;
  const folder = await mkdtemp(join(tmpdir(), 'belay-bench-'));
  const pool = new Pool({ ...server.connection, max: 10 });
  try {
    const migrations = fileURLToPath(new URL('../src/store/migrations', import.meta.url));
    const migrated = await migrate(pool, { folder: migrations });
    if (!migrated.ok) throw new Error(migrated.error.message);
    await pool.query(
      'create table plain (id bigint generated always as identity primary key, body text not null)',
    );
    const key = await loadLogKey(join(folder, 'log.key'), 'bench.example');
    if (!key.ok) throw new Error(key.error.message);
    const parts = {
      pool,
      signer: key.value,
      keeper: checkpointFile(join(folder, 'checkpoint')),
      now: () => 1,
    };
    const appended = [await appends(pool, 1), await appends(pool, 8)];
    const drain = async (): Promise<number> => {
      let integrated = 0;
      for (;;) {
        const done = await sequenceOnce(parts);
        if (!done.ok) throw new Error(done.error.message);
        integrated += done.value.integrated;
        if (!done.value.more) return integrated;
      }
    };
    await drain();
    await fill(pool, Number(values.backlog));
    const start = performance.now();
    const integrated = await drain();
    const sequencedPerSecond = round((integrated * 1000) / (performance.now() - start));
    const { rows } = await pool.query<{ stream: string; seq: string }>(
      'select stream, seq from leaf order by random() limit $1',
      [Number(values.proofs)],
    );
    const times: number[] = [];
    const twoTrips: number[] = [];
    for (const [i, { stream, seq }] of rows.entries()) {
      // The limit: a proof takes two round trips to the database, here with nothing to do there.
      const idle = performance.now();
      await pool.query({ name: 'nothing', text: 'select 1' });
      await pool.query({ name: 'nothing', text: 'select 1' });
      if (i >= 200) twoTrips.push(performance.now() - idle);
      const before = performance.now();
      const proof = await proofOf(pool, stream, Number(seq));
      if (!proof.ok) throw new Error(proof.error.message);
      if (i >= 200) times.push(performance.now() - before);
    }
    const { rows: sizes } = await pool.query<{ size: string }>('select max(size) as size from checkpoint');
    return {
      postgres: server.version,
      appended,
      sequencedPerSecond,
      treeSize: Number(sizes[0]?.size),
      proofMsP50: round(quantile(times, 0.5), 3),
      proofMsP99: round(quantile(times, 0.99), 3),
      twoRoundTripsMsP50: round(quantile(twoTrips, 0.5), 3),
      twoRoundTripsMsP99: round(quantile(twoTrips, 0.99), 3),
    };
  } finally {
    await pool.end();
    await rm(folder, { recursive: true, force: true });
  }
}

/** A pack of many entries in a tree twice as large, where every second leaf is somebody else's. */
function largePack(count: number) {
  const perStream = 1_000;
  const files = new Map<string, Uint8Array>();
  const streams: EvidenceManifest['streams'] = [];
  const leaves: Uint8Array[] = [];
  const lines: Uint8Array[] = [];
  for (let s = 0; s * perStream < count; s++) {
    const stream = `slot/bench/e${s}/shop`;
    const links = chain(
      stream,
      emptyHead,
      Array.from({ length: perStream }, (_, i) => observed(i)),
    );
    const indexes: number[] = [];
    for (const link of links) {
      indexes.push(leaves.length);
      leaves.push(new Uint8Array(Buffer.from(link.hash, 'hex')), new Uint8Array(32).fill(leaves.length));
      lines.push(Buffer.from(`\0${link.bytes}`));
    }
    files.set(packPaths.stream(stream), Buffer.from(links.map((l) => `${l.bytes}\n`).join('')));
    files.set(packPaths.indexes(stream), Buffer.from(indexes.map((i) => `${i}\n`).join('')));
    streams.push({ stream, to: links.length, head: leafHashOf(links.at(-1)?.bytes ?? '') });
  }
  const size = leaves.length;
  const { nodes, frontier } = appendAll(sha256, emptyFrontier, leaves);
  const stored = new Map(nodes.map((node) => [nodeKey(node), node.hash]));
  const beside = nodesBeside(
    Array.from({ length: size / 2 }, (_, i) => 2 * i),
    size,
  );
  const nodeLines = beside.map(
    (n) => `${n.level} ${n.index} ${encodeBase64(stored.get(nodeKey(n)) ?? leaves[0] ?? new Uint8Array())}\n`,
  );
  files.set(packPaths.nodes, Buffer.from(nodeLines.join('')));
  const manifest = { streams } as unknown as EvidenceManifest;
  const tree = { size, root: rootFromFrontier(sha256, frontier) };
  return { files, manifest, tree, lines, innerHashes: lines.length + beside.length - 1 };
}

function offline() {
  const { files, manifest, tree, lines, innerHashes } = largePack(Number(values.entries));
  const count = lines.length;
  const hashesAndProofs = seconds(() => {
    const findings = new Findings();
    const streams = readStreams(files, manifest, findings);
    checkInclusion(files, streams, tree, readNodesFile(files, findings), findings);
    const failed = findings.report(null, null).checks.find((check) => check.status === 'fail');
    if (failed !== undefined) throw new Error(failed.message);
  });
  const inner = new Uint8Array(65);
  const pure = seconds(() => {
    for (const line of lines) hash('sha256', line, 'binary');
    for (let i = 0; i < innerHashes; i++) hash('sha256', inner, 'binary');
  });
  const streams = readStreams(files, manifest, new Findings());
  const schemas = seconds(() => readEntries(streams, nodeCrypto, new Findings()));
  return {
    entries: count,
    entryBytes,
    hashesAndProofsEntriesPerSecond: round(count / hashesAndProofs),
    shareSha256: round(pure / hashesAndProofs, 3),
    pureSha256EntriesPerSecond: round(count / pure),
    schemasEntriesPerSecond: round(count / schemas),
  };
}

/** A whole pack of a real story: signatures and decisions. */
async function decisions() {
  await using story = await tellStory();
  const request = { project: 'demo', service: 'shop', release: 'v1' };
  const parts = { pool: story.pool, signer: story.signer, crypto: nodeCrypto };
  const files = await exportEvidence(parts, request);
  if (!files.ok) throw new Error(files.error.message);
  const trustedKey = formatVerifierKey(story.signer.key);
  const countTests = () => ({ total: 2, failed: 0, skipped: 0 });
  let derived = 0;
  const whole = seconds(() => {
    const report = verifyFiles(files.value, { trustedKey, countTests });
    if (report.outcome !== 'verified') throw new Error(JSON.stringify(report));
    derived = Number.parseInt(report.checks.find((c) => c.name === 'decisions')?.message ?? '', 10);
  });
  const message = Buffer.from('a note of some length that is signed'.repeat(4));
  const signature = story.signer.sign(message);
  const signatures = seconds(() => {
    for (let i = 0; i < 300; i++) verifyEd25519(story.signer.key.publicKey, message, signature);
  });
  return {
    wholePackMs: round(whole * 1000, 1),
    wholePackDecisions: derived,
    decisionsPerSecond: round(derived / whole),
    signaturesPerSecond: round(300 / signatures),
  };
}

const inDatabase = await database();
const verified = { ...offline(), ...(await decisions()) };
const result = {
  benchmark: 'ledger',
  node: process.version,
  platform: `${process.platform}-${process.arch}`,
  cpu: cpus()[0]?.model ?? '',
  cores: cpus().length,
  memoryGb: round(totalmem() / 2 ** 30, 1),
  rounds,
  ...inDatabase,
  ...verified,
};
const row = (what: string, value: number | string, share = ''): string =>
  `${what.padEnd(56)}${(typeof value === 'number' ? value.toLocaleString('en-US') : value).padStart(12)}${share.padStart(10)}`;
const percent = (value: number): string => `${round(value * 100)} %`;
console.log(
  `${result.cpu}, ${result.cores} cores, ${result.memoryGb} GB; Node ${result.node}, PostgreSQL ${result.postgres}, durability on\n`,
);
console.log(`${''.padEnd(56)}${'per second'.padStart(12)}${'share'.padStart(10)}`);
for (const each of result.appended) {
  console.log(
    row(
      `plain inserts of ${entryBytes} bytes, ${each.clients} client(s): the limit`,
      each.plainInsertsPerSecond,
    ),
  );
  console.log(
    row('  appends, head known', each.appendStatementsPerSecond, percent(each.appendStatementShare)),
  );
  console.log(row('  appends, head read first', each.appendFactsPerSecond, percent(each.appendFactShare)));
}
console.log(row('entries sequenced and signed', result.sequencedPerSecond));
console.log(row('offline: entries, hashes and proofs', result.hashesAndProofsEntriesPerSecond));
console.log(
  row(
    '  SHA-256 of the same bytes: the limit',
    result.pureSha256EntriesPerSecond,
    percent(result.shareSha256),
  ),
);
console.log(row('offline: entries against their schemas', result.schemasEntriesPerSecond));
console.log(row('offline: decisions derived (whole pack, all checks)', result.decisionsPerSecond));
console.log(row('offline: Ed25519 signatures', result.signaturesPerSecond));
console.log(
  `\nproof of one entry in a tree of ${result.treeSize.toLocaleString('en-US')}: p50 ${result.proofMsP50} ms, p99 ${result.proofMsP99} ms (two empty round trips: ${result.twoRoundTripsMsP50} and ${result.twoRoundTripsMsP99} ms)`,
);
console.log(`\n${JSON.stringify(result)}`);
