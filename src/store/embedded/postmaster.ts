import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync, renameSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { environmentFor, identityOf } from './command.ts';
import type { Runner } from './command.ts';
import type { ClusterFolder } from './cluster-folder.ts';
import { CLUSTER_NAME } from './cluster-folder.ts';
import { settingArguments } from './settings.ts';
import type { Settings } from './settings.ts';

/** How a client gets at a database. The password is a secret: never print the whole object. */
export interface Connection {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

export interface ExitStatus {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A server process that we started. */
export interface Postmaster {
  readonly pid: number;
  readonly child: ChildProcess;
  readonly exited: Promise<ExitStatus>;
  /** False as soon as the process has ended. */
  isRunning(): boolean;
}

/**
 * Starts the server program itself, with its log in `cluster.log` (the one before is kept once). It gets a session of
 * its own, so that Ctrl-C in the terminal reaches us alone and we can stop it last; the guard ends it when we cannot.
 */
export function spawnPostmaster(runner: Runner, cluster: ClusterFolder, settings: Settings): Postmaster {
  const log = openLog(cluster.log);
  const child = spawn(
    join(runner.installation.bin, 'postgres'),
    ['-D', cluster.data, ...settingArguments(settings)],
    {
      ...identityOf(runner.account),
      cwd: '/',
      detached: true,
      env: environmentFor(runner.installation),
      stdio: ['ignore', log, log],
    },
  );
  closeSync(log);
  let running = true;
  const exited = new Promise<ExitStatus>((resolve) => {
    const settle = (status: ExitStatus): void => {
      running = false;
      runner.guard.unwatch();
      resolve(status);
    };
    child.once('exit', (code, signal) => settle({ code, signal }));
    child.once('error', () => settle({ code: null, signal: null }));
  });
  if (child.pid !== undefined) runner.guard.watch(child.pid, cluster.kept ? 'INT' : 'QUIT');
  return { pid: child.pid ?? 0, child, exited, isRunning: () => running };
}

function openLog(path: string): number {
  try {
    renameSync(path, `${path}.previous`);
  } catch (problem) {
    if ((problem as NodeJS.ErrnoException).code !== 'ENOENT') throw problem;
  }
  return openSync(path, 'w', 0o600);
}

/** What the server has said since it was started. */
export function readLog(cluster: ClusterFolder): string {
  return readFileSync(cluster.log, 'utf8');
}

/** A port of the loopback interface that is free at this moment: `wanted`, or any. Undefined if `wanted` is taken. */
export async function freePort(wanted = 0): Promise<number | undefined> {
  const probe = createServer();
  const listens = await new Promise<boolean>((resolve, reject) => {
    probe.once('error', (problem: NodeJS.ErrnoException) =>
      problem.code === 'EADDRINUSE' ? resolve(false) : reject(problem),
    );
    probe.listen(wanted, '127.0.0.1', () => resolve(true));
  });
  if (!listens) return undefined;
  const address = probe.address();
  await new Promise<void>((resolve) => probe.close(() => resolve()));
  if (address === null || typeof address === 'string') throw new Error('a listening socket has no port');
  return address.port;
}

/** Where a start has come to. `slow`: it still runs, but did not let us in before the deadline. */
export type Readiness = 'ready' | 'exited' | 'slow' | 'aborted';

/** Connects until the server lets us in, and makes the database if it is not there yet. */
export async function untilReady(
  postmaster: Postmaster,
  connection: Connection,
  deadline: number,
  signal: AbortSignal | undefined,
): Promise<Readiness> {
  while (postmaster.isRunning()) {
    if (signal?.aborted === true) return 'aborted';
    const answer = await tryConnection(connection);
    if (answer === 'connected' && postmaster.isRunning()) return 'ready';
    if (answer === 'no-database') await createDatabase(connection);
    if (performance.now() > deadline) return 'slow';
    // The process needs at least this long for its next step; an exit wakes us at once.
    if (answer === 'not-yet') await Promise.race([delay(10), postmaster.exited]);
  }
  return 'exited';
}

async function tryConnection(connection: Connection): Promise<'connected' | 'no-database' | 'not-yet'> {
  const client = new Client({ ...connection, ssl: false, connectionTimeoutMillis: 2000 });
  client.on('error', () => {}); // a connection that breaks off is answered by the next try
  try {
    await client.connect();
    return 'connected';
  } catch (problem) {
    return (problem as { code?: unknown }).code === '3D000' ? 'no-database' : 'not-yet';
  } finally {
    await client.end().catch(() => {});
  }
}

async function createDatabase(connection: Connection): Promise<void> {
  const client = new Client({
    ...connection,
    database: 'postgres',
    ssl: false,
    connectionTimeoutMillis: 2000,
  });
  await client.connect();
  try {
    await client.query(`create database ${CLUSTER_NAME}`);
  } finally {
    await client.end();
  }
}

/**
 * Ends the server and resolves when it has ended. `fast` lets it write everything out; `immediate` is a crash on
 * purpose, and the next start recovers. What does not go in `patienceMs` is pushed harder.
 */
export async function endPostmaster(
  postmaster: Postmaster,
  mode: 'fast' | 'immediate',
  patienceMs = 10_000,
): Promise<void> {
  const ladder =
    mode === 'fast' ? (['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) : (['SIGQUIT', 'SIGKILL'] as const);
  for (const signal of ladder) {
    if (!postmaster.isRunning()) return;
    postmaster.child.kill(signal);
    const timer = new AbortController();
    const gone = await Promise.race([
      postmaster.exited.then(() => true),
      delay(patienceMs, false, { signal: timer.signal }).catch(() => false),
    ]);
    timer.abort();
    if (gone) return;
  }
  await postmaster.exited;
}
