import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { err, ok } from '../../core/model/result.ts';
import type { Result } from '../../core/model/result.ts';
import { canReach } from './account.ts';
import type { Account } from './account.ts';
import { runProgram } from './command.ts';
import type { Runner } from './command.ts';
import { aborted, errorFromOutput } from './embedded-error.ts';
import type { EmbeddedError } from './embedded-error.ts';
import type { ProcessTable } from './process-table.ts';

/** The name of the superuser and of the database that every cluster of ours has. */
export const CLUSTER_NAME = 'belay';

/** A database cluster on disk: `<folder>/postgres/{data,password,server.log}`. */
export interface ClusterFolder {
  readonly data: string;
  readonly log: string;
  readonly password: string;
  /** False if it goes with the server: then nothing is worth writing out. */
  readonly kept: boolean;
}

const ENTER = 1;
const INITIALISING = 'initialising-';

const at = (folder: string): string => join(folder, 'postgres');

/** Where the data of the cluster in `folder` lies. */
export const dataIn = (folder: string): string => join(at(folder), 'data');

/** Who owns the data that is already in `folder`; undefined if there is none yet. */
export function dataOwner(folder: string): { readonly uid: number; readonly gid: number } | undefined {
  return statSync(dataIn(resolve(folder)), { throwIfNoEntry: false });
}

/** The major version that wrote the data in `folder`, as in its PG_VERSION; undefined if there is none yet. */
export function dataVersion(folder: string): string | undefined {
  const file = join(dataIn(resolve(folder)), 'PG_VERSION');
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined;
}

/**
 * Makes the folders above the data and opens those that it makes to `account`. Folders that were there before are left
 * as they are: opening somebody's home is not ours to do.
 */
export function prepareParent(folder: string, account: Account | undefined): Result<string, EmbeddedError> {
  const wanted = resolve(folder);
  let first: string | undefined;
  try {
    first = mkdirSync(wanted, { recursive: true, mode: 0o700 });
  } catch (problem) {
    return err({
      code: 'data-unreachable',
      message: `the data folder cannot be made: ${(problem as Error).message}`,
      fix: 'choose another data folder',
    });
  }
  if (account !== undefined && first !== undefined) {
    for (let made = wanted; made.length >= first.length; made = dirname(made)) chmodSync(made, 0o711);
  }
  if (canReach(account, wanted, ENTER)) return ok(realpathSync(wanted));
  return err({
    code: 'data-unreachable',
    message: `PostgreSQL runs as ${account?.name ?? 'this account'}, which cannot enter ${wanted}`,
    fix: 'choose a data folder that lies in no closed folder, for example under /var/lib, or run as an ordinary user',
  });
}

/** Opens the cluster that is in `parent`, which `dataVersion` found. */
export function openCluster(parent: string, kept: boolean): Result<ClusterFolder, EmbeddedError> {
  const cluster = at(parent);
  const owner = dataOwner(parent);
  const currentUid = process.getuid?.();
  if (owner !== undefined && currentUid !== undefined && currentUid !== 0 && owner.uid !== currentUid) {
    return err({
      code: 'data-foreign',
      message: `the data in ${cluster} belongs to another account (uid ${owner.uid})`,
      fix: 'run as that account, or choose another data folder',
    });
  }
  const passwordFile = join(cluster, 'password');
  if (!existsSync(passwordFile)) {
    return err({
      code: 'data-foreign',
      message: `${cluster} holds data, but not the file "password" that belongs to it`,
      fix: 'put the file back, or choose another data folder',
    });
  }
  const password = readFileSync(passwordFile, 'utf8').trim();
  return ok({ data: dataIn(parent), log: join(cluster, 'server.log'), password, kept });
}

/**
 * Makes a new cluster in `parent`, complete or not at all: it is made beside and then renamed. `identity` marks what is
 * half made, so that a later start removes what a dead one left. If it is `kept`, it is on the disk when this resolves.
 */
export async function createCluster(
  parent: string,
  runner: Runner,
  kept: boolean,
  table: ProcessTable,
): Promise<Result<ClusterFolder, EmbeddedError>> {
  removeAbandoned(parent, table);
  const identity = table.identity(process.pid) ?? String(process.pid);
  const unfinished = join(parent, `${INITIALISING}${identity}-${randomBytes(4).toString('hex')}`);
  const password = randomBytes(24).toString('base64url');
  try {
    const made = await initialise(unfinished, password, runner, kept);
    if (!made.ok) return made;
    renameSync(unfinished, at(parent));
  } catch (problem) {
    const { code, message } = problem as NodeJS.ErrnoException;
    if (code === 'ENOSPC')
      return err(errorFromOutput('the data folder', `No space left on device: ${message}`));
    if (code === 'ENOTEMPTY' || code === 'EEXIST') {
      return err({
        code: 'in-use',
        message: `another process made data in ${parent} meanwhile`,
        fix: 'start again',
      });
    }
    throw problem;
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  return openCluster(parent, kept);
}

async function initialise(
  unfinished: string,
  password: string,
  runner: Runner,
  kept: boolean,
): Promise<Result<true, EmbeddedError>> {
  const { account } = runner;
  const [data, passwordFile, handedOver] = [
    join(unfinished, 'data'),
    join(unfinished, 'password'),
    join(unfinished, 'pw'),
  ];
  mkdirSync(unfinished, { mode: 0o700 });
  if (account !== undefined) chmodSync(unfinished, 0o711);
  mkdirSync(data, { mode: 0o700 });
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  writeFileSync(handedOver, `${password}\n`, { mode: 0o600 });
  if (account !== undefined) {
    for (const path of [data, handedOver]) chownSync(path, account.uid, account.gid);
  }
  const outcome = await runProgram(runner, 'initdb', [
    `--pgdata=${data}`,
    `--username=${CLUSTER_NAME}`,
    `--pwfile=${handedOver}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--no-instructions',
    ...(kept ? [] : ['--no-sync']),
  ]);
  rmSync(handedOver, { force: true });
  if (runner.signal?.aborted === true) return err(aborted);
  return outcome.code === 0 ? ok(true) : err(errorFromOutput('initdb', outcome.output));
}

function removeAbandoned(parent: string, table: ProcessTable): void {
  for (const name of readdirSync(parent)) {
    if (!name.startsWith(INITIALISING)) continue;
    const identity = name.slice(INITIALISING.length, name.lastIndexOf('-'));
    if (!table.hasEnded(identity)) continue; // a peer is at work on it
    rmSync(join(parent, name), { recursive: true, force: true });
  }
}
