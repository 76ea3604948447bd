import { setTimeout as delay } from 'node:timers/promises';
import { err, ok, unreachable } from '../../core/model/result.ts';
import type { Result } from '../../core/model/result.ts';
import { chooseAccount, readPasswd } from './account.ts';
import { binariesIn, locateBinaries } from './binaries.ts';
import {
  CLUSTER_NAME,
  createCluster,
  dataIn,
  dataOwner,
  dataVersion,
  openCluster,
  prepareParent,
} from './cluster-folder.ts';
import type { ClusterFolder } from './cluster-folder.ts';
import { runProgram } from './command.ts';
import type { Runner } from './command.ts';
import { aborted, errorFromOutput } from './embedded-error.ts';
import type { EmbeddedError } from './embedded-error.ts';
import { startGuard } from './guard.ts';
import type { Guard } from './guard.ts';
import { endOrphan, inspectHolder, removeStaleLock } from './holder.ts';
import { prepareInstallation } from './installation.ts';
import { endPostmaster, freePort, readLog, spawnPostmaster, untilReady } from './postmaster.ts';
import type { Connection, ExitStatus, Postmaster } from './postmaster.ts';
import { processTable } from './process-table.ts';
import { defaultSettings, OWNER_SETTING } from './settings.ts';
import type { Settings } from './settings.ts';
import { sweepTemporaryFolders, temporaryFolder } from './temporary-folder.ts';

/** Where the data lies: a folder that is kept and used again, or a temporary one that goes when the server stops. */
export type EmbeddedData =
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'temporary' };

export interface EmbeddedOptions {
  readonly data: EmbeddedData;
  /** A fixed port; without it the operating system chooses. */
  readonly port?: number;
  /** A folder with other server programs; without it those of the npm package. */
  readonly binaries?: string;
  /** Server parameters, over the default ones. */
  readonly settings?: Settings;
  /** Cancels the start; a server that runs is stopped by `stop`. */
  readonly signal?: AbortSignal;
  /** How long to wait until the server lets us in, in milliseconds; 60,000 unless told (recovery may take long). */
  readonly timeoutMs?: number;
}

/** A PostgreSQL server that runs as long as this process, unless it is stopped before. */
export interface EmbeddedServer {
  readonly connection: Connection;
  /** The server's process (its children are its own) and the small one that ends it should we die. */
  readonly pids: { readonly postmaster: number; readonly guard: number };
  /** For example "18.4". */
  readonly version: string;
  /** Resolves when the server process has ended, for whatever reason. `stop` must still be called. */
  readonly exited: Promise<ExitStatus>;
  /** Ends the server, removes everything temporary; resolves when that is done. Further calls wait for the first. */
  stop(mode: 'fast' | 'immediate'): Promise<void>;
  /** Lets Node end although the server still runs; it is then stopped by the guard. */
  unref(): void;
  [Symbol.asyncDispose](): Promise<void>;
}

/** What a start needs to know from its preparations. */
interface Prepared {
  readonly runner: Runner;
  readonly cluster: ClusterFolder;
  readonly version: string;
}

const PORT_ATTEMPTS = 5;
const LEFTOVER_PATIENCE_MS = 5000;

/**
 * Starts a real PostgreSQL server on the loopback interface and resolves when it lets us in: on new data, on the data
 * that a stopped server left, or on what a killed one left, whose orphan it ends first.
 */
export async function startEmbedded(
  options: EmbeddedOptions,
): Promise<Result<EmbeddedServer, EmbeddedError>> {
  const guard = await startGuard();
  let started: Result<EmbeddedServer, EmbeddedError> | undefined;
  try {
    started = await start(options, guard);
    return started;
  } finally {
    if (started?.ok !== true) await guard.release();
  }
}

async function start(options: EmbeddedOptions, guard: Guard): Promise<Result<EmbeddedServer, EmbeddedError>> {
  const prepared = await prepare(options, guard);
  if (!prepared.ok) return prepared;
  const launched = await launch(prepared.value, options);
  if (!launched.ok) return launched;
  return ok(asServer(launched.value.postmaster, launched.value.connection, prepared.value.version, guard));
}

async function prepare(options: EmbeddedOptions, guard: Guard): Promise<Result<Prepared, EmbeddedError>> {
  const binaries = options.binaries === undefined ? locateBinaries() : binariesIn(options.binaries);
  if (!binaries.ok) return binaries;
  await sweepTemporaryFolders(dataIn);
  const owner = options.data.kind === 'folder' ? dataOwner(options.data.path) : undefined;
  const account = chooseAccount(process.getuid?.(), readPasswd(), owner);
  const installation = prepareInstallation(binaries.value, account, guard);
  if (!installation.ok) return installation;
  const runner = { installation: installation.value, account, guard, signal: options.signal };
  const version = await programVersion(runner);
  if (!version.ok) return version;
  const parent =
    options.data.kind === 'folder'
      ? prepareParent(options.data.path, account)
      : temporaryFolder(account, guard);
  if (!parent.ok) return parent;
  const cluster = await clusterFor(parent.value, runner, version.value, options.data.kind === 'folder');
  return cluster.ok ? ok({ runner, cluster: cluster.value, version: version.value }) : cluster;
}

/** Asks the server program for its version, which also shows that it runs at all. */
async function programVersion(runner: Runner): Promise<Result<string, EmbeddedError>> {
  const outcome = await runProgram(runner, 'postgres', ['--version']);
  if (runner.signal?.aborted === true) return err(aborted);
  const version = /\(PostgreSQL\) (\d+(?:\.\d+)?)/.exec(outcome.output)?.[1];
  if (outcome.code === 0 && version !== undefined) return ok(version);
  // The program is there, so what "was not found" is the loader that it was built for.
  const otherLoader = outcome.output.includes('ENOENT');
  return err({
    code: otherLoader ? 'unsupported-platform' : 'binaries-unusable',
    message: `${runner.installation.bin}/postgres does not run here: ${outcome.output.trim()}`,
    fix: otherLoader
      ? 'use a system with glibc, or name the folder of an installed PostgreSQL'
      : 'install what it misses, or name the folder of an installed PostgreSQL; if it may not be executed, set TMPDIR to a folder whose programs may',
  });
}

async function clusterFor(
  parent: string,
  runner: Runner,
  version: string,
  kept: boolean,
): Promise<Result<ClusterFolder, EmbeddedError>> {
  const written = dataVersion(parent);
  if (written === undefined) return createCluster(parent, runner, kept, processTable);
  if (written !== majorOf(version)) {
    return err({
      code: 'version-mismatch',
      message: `the data in ${parent} was written by PostgreSQL ${written}, this is ${version}`,
      fix: `start it with the programs of PostgreSQL ${written}, or choose another data folder`,
    });
  }
  const cluster = openCluster(parent, kept);
  if (!cluster.ok) return cluster;
  const free = await freeFromHolder(cluster.value.data);
  return free.ok ? cluster : free;
}

const majorOf = (version: string): string => version.split('.')[0] ?? version;

async function freeFromHolder(data: string): Promise<Result<true, EmbeddedError>> {
  const holder = inspectHolder(data, processTable);
  switch (holder.kind) {
    case 'nobody':
      return ok(true);
    case 'stale':
      removeStaleLock(data);
      return ok(true);
    case 'live':
      return err(inUse(data, `process ${holder.pid}`));
    case 'orphan':
      return (await endOrphan(holder.pid, data, processTable))
        ? ok(true)
        : err(inUse(data, `process ${holder.pid}`));
    default:
      return unreachable(holder);
  }
}

const inUse = (data: string, by: string): EmbeddedError => ({
  code: 'in-use',
  message: `a PostgreSQL server works on ${data} (${by})`,
  fix: 'stop the Belay that uses it, or choose another data folder',
});

interface Launched {
  readonly postmaster: Postmaster;
  readonly connection: Connection;
}

/** Starts the server, again on another port if somebody was faster, and again while leftovers of a killed one go. */
async function launch(
  prepared: Prepared,
  options: EmbeddedOptions,
): Promise<Result<Launched, EmbeddedError>> {
  const leftoversUntil = performance.now() + LEFTOVER_PATIENCE_MS;
  for (let attempt = 1; ;) {
    const port = await freePort(options.port);
    if (port === undefined) return err(portInUse(options.port));
    const launched = await launchOnce(prepared, options, port);
    if (launched.ok || launched.error.code !== 'start-failed') return launched;
    const log = readLog(prepared.cluster);
    if (/could not bind .*Address already in use/.test(log)) {
      if (options.port !== undefined) return err(portInUse(options.port));
      attempt += 1;
      if (attempt > PORT_ATTEMPTS) return launched;
    } else if (/lock file "postmaster.pid" already exists/.test(log)) {
      return err(inUse(prepared.cluster.data, 'it started at the same moment'));
    } else if (/pre-existing shared memory block/.test(log) && performance.now() < leftoversUntil) {
      await delay(25); // the children of a killed server notice and end by themselves
    } else {
      return launched;
    }
  }
}

const portInUse = (port: number | undefined): EmbeddedError => ({
  code: 'port-in-use',
  message: `port ${port} of 127.0.0.1 is taken`,
  fix: 'choose another port, or none: the system then finds a free one',
});

async function launchOnce(
  prepared: Prepared,
  options: EmbeddedOptions,
  port: number,
): Promise<Result<Launched, EmbeddedError>> {
  const { runner, cluster, version } = prepared;
  const postmaster = spawnPostmaster(runner, cluster, {
    ...defaultSettings(Number(majorOf(version))),
    ...options.settings,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    port: String(port),
    [OWNER_SETTING]: processTable.identity(process.pid) ?? '',
  });
  const connection = {
    host: '127.0.0.1',
    port,
    user: CLUSTER_NAME,
    password: cluster.password,
    database: CLUSTER_NAME,
  };
  const timeoutMs = options.timeoutMs ?? 60_000;
  const readiness = await untilReady(postmaster, connection, performance.now() + timeoutMs, options.signal);
  if (readiness === 'ready') return ok({ postmaster, connection });
  await endPostmaster(postmaster, 'immediate');
  if (readiness === 'aborted') return err(aborted);
  const failure = errorFromOutput('PostgreSQL', readLog(cluster));
  return err(
    readiness === 'slow'
      ? { ...failure, message: `not ready after ${timeoutMs} ms. ${failure.message}` }
      : failure,
  );
}

function asServer(
  postmaster: Postmaster,
  connection: Connection,
  version: string,
  guard: Guard,
): EmbeddedServer {
  let stopped: Promise<void> | undefined;
  const end = async (mode: 'fast' | 'immediate'): Promise<void> => {
    postmaster.child.ref();
    await endPostmaster(postmaster, mode);
    await guard.release();
  };
  const stop = (mode: 'fast' | 'immediate'): Promise<void> => (stopped ??= end(mode));
  return {
    connection,
    pids: { postmaster: postmaster.pid, guard: guard.pid },
    version,
    exited: postmaster.exited,
    stop,
    unref: () => {
      postmaster.child.unref();
      guard.unref();
    },
    [Symbol.asyncDispose]: () => stop('fast'),
  };
}
