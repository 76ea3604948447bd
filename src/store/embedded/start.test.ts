import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { canReach, chooseAccount, readPasswd } from './account.ts';
import { binariesIn, locateBinaries } from './binaries.ts';
import { runProgram } from './command.ts';
import { startGuard } from './guard.ts';
import { prepareInstallation, runsInPlace } from './installation.ts';
import type { Connection } from './postmaster.ts';
import { freePort } from './postmaster.ts';
import { processTable } from './process-table.ts';
import { startEmbedded } from './start.ts';
import type { EmbeddedOptions, EmbeddedServer } from './start.ts';

const asRoot = process.getuid?.() === 0;
const nobody = { uid: 65_534, gid: 65_534, name: 'nobody' };
const programs = process.env['PGBIN'] ? { binaries: process.env['PGBIN'] } : {};

const scratch = mkdtempSync(join(tmpdir(), 'belay-test-'));
chmodSync(scratch, 0o777);
after(() => rmSync(scratch, { recursive: true, force: true }));

let folders = 0;
const newFolder = (): string => join(scratch, `data-${(folders += 1)}`);

async function started(
  options: Partial<EmbeddedOptions> & Pick<EmbeddedOptions, 'data'>,
): Promise<EmbeddedServer> {
  const result = await startEmbedded({ ...programs, ...options });
  if (!result.ok) assert.fail(`${result.error.code}: ${result.error.message}`);
  return result.value;
}

async function failing(options: Partial<EmbeddedOptions> & Pick<EmbeddedOptions, 'data'>): Promise<string> {
  const result = await startEmbedded({ ...programs, ...options });
  if (!result.ok) return result.error.code;
  await result.value.stop('immediate');
  return 'it started';
}

async function ask(connection: Connection, statement: string): Promise<readonly unknown[]> {
  const client = new Client({ ...connection });
  await client.connect();
  try {
    return (await client.query<unknown[]>({ text: statement, rowMode: 'array' })).rows.flat();
  } finally {
    await client.end();
  }
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 8000;
  while (!condition()) {
    if (performance.now() > deadline) assert.fail(`waited in vain until ${what}`);
    await delay(5);
  }
}

const lives = (pid: number): boolean => processTable.identity(pid) !== undefined;

interface Held {
  readonly child: ChildProcess;
  readonly connection: Connection;
  readonly pids: EmbeddedServer['pids'];
}

/** Starts a server in another Node process, which then waits to be killed. */
async function heldElsewhere(
  options: EmbeddedOptions,
  account?: { uid: number; gid: number },
): Promise<Held> {
  const script = `
    const { startEmbedded } = await import(${JSON.stringify(new URL('start.ts', import.meta.url).href)});
    const result = await startEmbedded(${JSON.stringify(options)});
    const { connection, pids } = result.ok ? result.value : {};
    console.log(JSON.stringify({ connection, pids, error: result.error }));
    process.stdin.resume().once('end', () => result.value?.stop('fast'));`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    ...account,
    cwd: '/',
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit').then(([code]) => [`exit ${code}`]);
  const [line] = (await Promise.race([once(child.stdout.setEncoding('utf8'), 'data'), ended])) as [string];
  const said = JSON.parse(line.startsWith('{') ? line : '{}') as {
    connection?: Connection;
    pids?: Held['pids'];
    error?: unknown;
  };
  if (said.connection === undefined || said.pids === undefined) assert.fail(`not started: ${line}`);
  return { child, connection: said.connection, pids: said.pids };
}

async function killed(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

test('a server starts from nothing, durable and closed to those without the password', async () => {
  const path = newFolder();
  await using server = await started({ data: { kind: 'folder', path } });
  assert.deepEqual(
    await ask(
      server.connection,
      `select current_user, current_database(), current_setting('fsync'), current_setting('synchronous_commit'),
         current_setting('shared_buffers'), current_setting('listen_addresses'), current_setting('unix_socket_directories'),
         pg_encoding_to_char(encoding), datcollate from pg_database where datname = current_database()`,
    ),
    ['belay', 'belay', 'on', 'on', '32MB', '127.0.0.1', '', 'UTF8', 'C'],
  );
  assert.deepEqual(
    await ask(server.connection, 'show server_version_num').then(([v]) => String(v).slice(0, 2)),
    server.version.slice(0, 2),
  );
  await assert.rejects(ask({ ...server.connection, password: 'guess' }, 'select 1'), { code: '28P01' });
  assert.equal(statSync(join(path, 'postgres', 'password')).mode & 0o777, 0o600);
  assert.equal(statSync(join(path, 'postgres', 'data')).mode & 0o777, 0o700);
  assert.deepEqual(readdirSync(path), ['postgres']);
});

test('a second start on the same folder has the data and the same password; settings are taken', async () => {
  const data = { kind: 'folder', path: newFolder() } as const;
  const first = await started({ data });
  await ask(first.connection, 'create table kept as select 42 as answer');
  await first.stop('fast');
  assert.equal(lives(first.pids.postmaster), false);
  assert.equal(lives(first.pids.guard), false);
  const port = await freePort();
  assert(port !== undefined);
  await using second = await started({ data, port, settings: { work_mem: '1MB' } });
  assert.deepEqual(second.connection, { ...first.connection, port });
  assert.deepEqual(await ask(second.connection, `select answer, current_setting('work_mem') from kept`), [
    42,
    '1MB',
  ]);
});

test('after kill -9 of the server process the next start recovers what was committed', async () => {
  const data = { kind: 'folder', path: newFolder() } as const;
  const first = await started({ data });
  await ask(first.connection, 'create table kept as select 42 as answer');
  process.kill(first.pids.postmaster, 'SIGKILL');
  assert.deepEqual(await first.exited, { code: null, signal: 'SIGKILL' });
  const second = await started({ data });
  assert.deepEqual(await ask(second.connection, 'select answer from kept'), [42]);
  await second.stop('immediate');
  await first.stop('fast');
  await using third = await started({ data });
  assert.deepEqual(await ask(third.connection, 'select answer from kept'), [42]);
});

test('kill -9 of us and of the guard leaves an orphan, which the next start ends', async () => {
  const data = { kind: 'folder', path: newFolder() } as const;
  const held = await heldElsewhere({ ...programs, data });
  await ask(held.connection, 'create table kept as select 42 as answer');
  process.kill(held.pids.guard, 'SIGKILL');
  await killed(held.child);
  assert.equal(lives(held.pids.postmaster), true);
  await using server = await started({ data });
  assert.equal(lives(held.pids.postmaster), false);
  assert.deepEqual(await ask(server.connection, 'select answer from kept'), [42]);
});

test('kill -9 of us alone leaves neither a server nor temporary data', async () => {
  const held = await heldElsewhere({ ...programs, data: { kind: 'temporary' } });
  const [directory] = await ask(held.connection, 'show data_directory');
  assert.equal(existsSync(String(directory)), true);
  await killed(held.child);
  await until(() => !lives(held.pids.postmaster) && !lives(held.pids.guard), 'server and guard have ended');
  assert.equal(existsSync(String(directory)), false);
});

test('kill -9 of us and of the guard leaves temporary data, which the next start of any server sweeps away', async () => {
  const held = await heldElsewhere({ ...programs, data: { kind: 'temporary' } });
  const [directory] = await ask(held.connection, 'show data_directory');
  process.kill(held.pids.guard, 'SIGKILL');
  await killed(held.child);
  assert.equal(existsSync(String(directory)), true);
  await using server = await started({ data: { kind: 'temporary' } });
  assert.notEqual(server.pids.postmaster, held.pids.postmaster);
  assert.equal(lives(held.pids.postmaster), false);
  assert.equal(existsSync(String(directory)), false);
});

test('temporary data goes when the server stops', async () => {
  const server = await started({ data: { kind: 'temporary' } });
  const [directory] = await ask(server.connection, 'show data_directory');
  await Promise.all([server.stop('immediate'), server.stop('fast')]);
  assert.equal(existsSync(String(directory)), false);
});

test('a folder in use is refused, by name of the process, and the server there lives on', async () => {
  const data = { kind: 'folder', path: newFolder() } as const;
  await using server = await started({ data });
  const second = await startEmbedded({ ...programs, data });
  if (second.ok) await second.value.stop('immediate');
  assert.equal(second.ok, false);
  if (second.ok) return;
  assert.equal(second.error.code, 'in-use');
  assert.match(second.error.message, new RegExp(`process ${server.pids.postmaster}`));
  assert.deepEqual(await ask(server.connection, 'select 1'), [1]);
});

test('of two first starts on one folder at once, one wins', async () => {
  const data = { kind: 'folder', path: newFolder() } as const;
  const results = await Promise.all([
    startEmbedded({ ...programs, data }),
    startEmbedded({ ...programs, data }),
  ]);
  assert.deepEqual(results.map((result) => (result.ok ? 'started' : result.error.code)).sort(), [
    'in-use',
    'started',
  ]);
  for (const result of results) if (result.ok) await result.value.stop('immediate');
  assert.deepEqual(readdirSync(data.path), ['postgres']);
});

test('data of another major version, or without its password, is refused and left as it is', async () => {
  const path = newFolder();
  mkdirSync(join(path, 'postgres', 'data'), { recursive: true });
  writeFileSync(join(path, 'postgres', 'data', 'PG_VERSION'), '12\n');
  chmodSync(path, 0o755);
  const older = await startEmbedded({ ...programs, data: { kind: 'folder', path } });
  assert.equal(older.ok, false);
  if (older.ok) return;
  assert.equal(older.error.code, 'version-mismatch');
  assert.match(older.error.message, /written by PostgreSQL 12, this is \d\d\./);
  assert.deepEqual(readdirSync(join(path, 'postgres')), ['data']);

  const data = { kind: 'folder', path: newFolder() } as const;
  await (await started({ data })).stop('immediate');
  rmSync(join(data.path, 'postgres', 'password'));
  assert.equal(await failing({ data }), 'data-foreign');
});

test('a port that is taken is refused; a setting that the server does not know is reported with its words', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const address = taken.address();
  assert(address !== null && typeof address !== 'string');
  const data = { kind: 'folder', path: newFolder() } as const;
  assert.equal(await failing({ data, port: address.port }), 'port-in-use');
  taken.close();
  const wrong = await startEmbedded({ ...programs, data, settings: { shared_buffers: 'many' } });
  assert.equal(wrong.ok, false);
  if (!wrong.ok)
    assert.match(
      wrong.error.message,
      /^PostgreSQL gave up: .*invalid value for parameter "shared_buffers": "many"/,
    );
});

test('a start that is cancelled leaves nothing', async () => {
  const data = { kind: 'folder', path: newFolder() } as const;
  const controller = new AbortController();
  const starting = startEmbedded({ ...programs, data, signal: controller.signal });
  await until(() => existsSync(data.path) && readdirSync(data.path).length > 0, 'initdb is at work');
  controller.abort();
  const result = await starting;
  assert.equal(result.ok ? 'it started' : result.error.code, 'aborted');
  assert.deepEqual(readdirSync(data.path), []);
  assert.equal(await failing({ data, signal: AbortSignal.abort() }), 'aborted');
});

test('unknown platforms and folders without programs are refused with what to do', () => {
  const platform = locateBinaries('sunos-sparc');
  assert.equal(platform.ok ? '' : platform.error.code, 'unsupported-platform');
  const empty = binariesIn(scratch);
  assert.equal(empty.ok ? '' : empty.error.message, `${scratch} has no initdb and no postgres`);
});

test(
  'root: a clone that the server account cannot enter is run from a copy, which goes',
  { skip: !asRoot },
  async (t) => {
    const located = locateBinaries();
    if (!located.ok || located.value.kind !== 'package') return t.skip('no binaries for this platform');
    const closed = join(scratch, 'closed');
    mkdirSync(closed, { mode: 0o700 });
    cpSync(located.value.native, join(closed, 'native'), { recursive: true });
    const account = chooseAccount(0, readPasswd());
    assert.equal(runsInPlace(join(closed, 'native'), account), false);
    const guard = await startGuard();
    const installation = prepareInstallation(
      { kind: 'package', native: join(closed, 'native') },
      account,
      guard,
    );
    if (!installation.ok) assert.fail(installation.error.message);
    assert.equal(installation.value.bin.startsWith(closed), false);
    const runner = { installation: installation.value, account, guard, signal: undefined };
    const outcome = await runProgram(runner, 'initdb', ['--version']);
    assert.match(outcome.output, /^initdb \(PostgreSQL\) \d+/);
    assert.match((await runProgram(runner, 'postgres', ['--describe-config'])).output, /shared_buffers/);
    await guard.release();
    assert.equal(existsSync(installation.value.bin), false);
  },
);

test('root: a data folder that the server account cannot enter is refused', { skip: !asRoot }, async () => {
  const closed = join(scratch, 'home');
  mkdirSync(closed, { mode: 0o700 });
  assert.equal(await failing({ data: { kind: 'folder', path: join(closed, 'data') } }), 'data-unreachable');
});

test('an ordinary user runs it in place; root then runs his data as him', { skip: !asRoot }, async (t) => {
  if (!canReach(nobody, new URL('start.ts', import.meta.url).pathname, 4))
    return t.skip('the clone is closed');
  if (!canReach(nobody, process.execPath, 5)) return t.skip('this Node is closed');
  const data = { kind: 'folder', path: newFolder() } as const;
  const held = await heldElsewhere({ ...programs, data }, nobody);
  assert.deepEqual(await ask(held.connection, 'select 1'), [1]);
  assert.equal(statSync(`/proc/${held.pids.postmaster}`).uid, nobody.uid);
  const gone = once(held.child, 'exit');
  held.child.stdin?.end();
  await gone;
  assert.equal(lives(held.pids.postmaster), false);
  await using server = await started({ data });
  assert.equal(statSync(`/proc/${server.pids.postmaster}`).uid, nobody.uid);
});
