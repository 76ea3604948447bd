import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startBelay } from '../src/app/belay-server.ts';
import { ServerConfig } from '../src/app/config.ts';
import { startEmbeddedDatabase } from '../src/app/embedded-database.ts';
import type { BelayDocumentInput } from '../src/core/model/documents.ts';
import { nodeCrypto } from '../src/engine/crypto.ts';
import { machine, percentile, printTable } from './report.ts';

/**
 * How long a person waits: for the command line to start, for `belay why` against a running server, for `belay up`
 * on a folder that exists and from nothing. Beside each the limit, measured in the same run: what an empty Node
 * takes. Everything is the real program, started as a user starts it. Prints a table and one line of JSON.
 */

const { values } = parseArgs({
  options: { runs: { type: 'string', default: '20' }, ups: { type: 'string', default: '10' } },
});
const runs = Number(values.runs);
const ups = Number(values.ups);
const launcher = fileURLToPath(new URL('../belay', import.meta.url));
const longestMs = 60_000;

interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

function spread(times: readonly number[]): Spread {
  const round = (value: number): number => Number(value.toFixed(1));
  return {
    median: round(percentile(times, 0.5)),
    least: round(Math.min(...times)),
    most: round(Math.max(...times)),
  };
}

/** Milliseconds from starting a program to its end; it must end well. */
async function wall(
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<number> {
  const start = performance.now();
  const child = spawn(file, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: longestMs,
  });
  const code = await new Promise<number | null>((done, fail) => child.on('error', fail).on('close', done));
  if (code !== 0) throw new Error(`${file} ${args.join(' ')} ended with ${code}`);
  return performance.now() - start;
}

/** Programs in turn, so that each meets the same machine; the first round only fills the cache of compiled code. */
async function inTurn(
  programs: Readonly<Record<string, readonly [string, ...(readonly string[])]>>,
  env: Readonly<Record<string, string>>,
): Promise<Readonly<Record<string, Spread>>> {
  const times = new Map(Object.keys(programs).map((name) => [name, [] as number[]]));
  for (let round = 0; round <= runs; round++) {
    for (const [name, [file, ...args]] of Object.entries(programs)) {
      const took = await wall(file, args, env);
      if (round > 0) times.get(name)?.push(took);
    }
  }
  return Object.fromEntries([...times].map(([name, each]) => [name, spread(each)]));
}

const documents: readonly BelayDocumentInput[] = [
  { apiVersion: 'belay.dev/v1alpha1', kind: 'Project', metadata: { name: 'demo' }, spec: { trust: [] } },
  {
    apiVersion: 'belay.dev/v1alpha1',
    kind: 'Environment',
    metadata: { name: 'production', project: 'demo' },
    spec: { driver: 'local' },
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
          gates: [{ kind: 'approval', name: 'two-eyes', quorum: 2 }],
        },
      ],
    },
  },
];

/** Brings one promotion, that of a release of these bytes, to wait for its approvals. */
async function openPromotion(url: string, token: string): Promise<void> {
  const call = async (method: string, path: string, body: unknown): Promise<void> => {
    const isText = typeof body === 'string';
    const answer = await fetch(`${url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        'idempotency-key': randomUUID(),
        'content-type': isText ? 'application/octet-stream' : 'application/json',
      },
      body: isText ? body : JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  };
  const digest = nodeCrypto.digest('shop-v1');
  const release = { project: 'demo', service: 'shop', name: 'shop-v1' };
  await call('POST', '/v1/apply', { documents });
  await call('POST', '/v1/releases', { ...release, commit: 'abcdef1' });
  await call('PUT', `/v1/artifacts/${digest}`, 'shop-v1');
  await call('POST', '/v1/releases/demo/shop/shop-v1/seal', { artifact: { name: 'shop-v1.tar', digest } });
  await call('POST', '/v1/promotions', {
    project: 'demo',
    service: 'shop',
    release: 'shop-v1',
    stage: 'production',
  });
}

/** The command line against a server that runs, with one promotion that waits. */
async function commands(folder: string) {
  const database = await startEmbeddedDatabase({ kind: 'temporary' }, new AbortController().signal);
  if (!database.ok) throw new Error(database.error.message);
  try {
    const server = await startBelay(
      ServerConfig.parse({
        databaseUrl: database.value.serverUrl,
        dataFolder: join(folder, 'server'),
        agentsFolder: join(folder, 'agents'),
        port: 0,
        logLevel: 'silent',
      }),
    );
    try {
      const token = server.bootstrapToken ?? '';
      await openPromotion(server.url, token);
      const health = await spreadOf(runs, async () => {
        await (await fetch(`${server.url}/healthz`)).text();
      });
      const ask = async (): Promise<string> => {
        const headers = { authorization: `Bearer ${token}` };
        return (await fetch(`${server.url}/v1/why?project=demo&service=shop`, { headers })).text();
      };
      const deadline = performance.now() + longestMs;
      while (!(await ask()).includes('two-eyes'))
        if (performance.now() > deadline) throw new Error('the promotion does not come to wait for its gate');
      const answer = await spreadOf(runs, async () => void (await ask()));
      const programs = await inTurn(
        {
          'node -e 0': [process.execPath, '-e', '0'],
          'belay --version': [launcher, '--version'],
          'belay why --help': [launcher, 'why', '--help'],
          'belay why shop': [launcher, 'why', 'shop'],
          'belay why shop --project demo': [launcher, 'why', 'shop', '--project', 'demo'],
          'belay status shop': [launcher, 'status', 'shop'],
        },
        { BELAY_URL: server.url, BELAY_TOKEN: token },
      );
      await mkdir(join(folder, 'config', 'belay'), { recursive: true });
      await writeFile(
        join(folder, 'config', 'belay', 'config.yaml'),
        `current: bench\ncontexts: {bench: {url: '${server.url}', token: ${token}, project: demo}}\n`,
        { mode: 0o600 },
      );
      const byContext = await inTurn(
        { 'belay why shop, by a context': [launcher, 'why', 'shop'] },
        { XDG_CONFIG_HOME: join(folder, 'config') },
      );
      return { ...programs, ...byContext, 'GET /healthz, warm': health, 'GET /v1/why, warm': answer };
    } finally {
      await server.stop();
    }
  } finally {
    await database.value.server.stop('fast');
  }
}

async function spreadOf(count: number, once: () => Promise<void>): Promise<Spread> {
  await once();
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    await once();
    times.push(performance.now() - start);
  }
  return spread(times);
}

/** Milliseconds until `belay up` on a folder says that it is up; it is stopped again, as by Ctrl-C. */
async function upOn(data: string): Promise<number> {
  const start = performance.now();
  const child = spawn(launcher, ['up', '--data', data, '--port', '0'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: longestMs,
  });
  const ended = new Promise<number | null>((done, fail) => child.on('error', fail).on('close', done));
  let said = '';
  const up = new Promise<number>((done) => {
    const hear = (text: Buffer): void => {
      said += text.toString();
      if (said.includes('belay is up')) done(performance.now() - start);
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
  });
  const took = await Promise.race([
    up,
    ended.then((code): never => {
      throw new Error(`belay up ended with ${code}: ${said}`);
    }),
  ]);
  child.kill('SIGINT');
  await ended;
  return took;
}

async function server(folder: string) {
  const fresh: number[] = [];
  const again: number[] = [];
  for (let i = 0; i <= ups; i++) {
    const data = join(folder, `up-${i}`);
    await mkdir(data);
    const first = await upOn(data);
    const second = await upOn(data);
    if (i > 0) {
      fresh.push(first);
      again.push(second);
    }
    await rm(data, { recursive: true, force: true });
  }
  return { 'belay up, from nothing': spread(fresh), 'belay up, its folder exists': spread(again) };
}

const folder = await mkdtemp(join(tmpdir(), 'belay-startup-'));
// PostgreSQL runs as another user where this is root, and has to get through.
await chmod(folder, 0o711);
try {
  const measured: Readonly<Record<string, Spread>> = {
    ...(await commands(folder)),
    ...(await server(folder)),
  };
  const limits: Readonly<Record<string, number>> = {
    'belay --version': 100,
    'belay why --help': 100,
    'belay why shop': 150,
    'belay why shop, by a context': 150,
    'belay up, its folder exists': 2_000,
  };
  printTable(
    'startup: median (least … most), in milliseconds',
    Object.entries(measured).map(([name, { median, least, most }]) => [
      name,
      `${median} (${least} … ${most})${limits[name] === undefined ? '' : `   goal < ${limits[name]}`}`,
    ]),
  );
  console.log(
    JSON.stringify({ bench: 'startup', runs, ups, machine: machine(), milliseconds: measured, limits }),
  );
} finally {
  await rm(folder, { recursive: true, force: true });
}
