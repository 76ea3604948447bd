import {
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { err, ok } from '../../core/model/result.ts';
import type { Result } from '../../core/model/result.ts';
import { allows, canReach } from './account.ts';
import type { Account } from './account.ts';
import type { Binaries } from './binaries.ts';
import type { EmbeddedError } from './embedded-error.ts';
import type { Guard } from './guard.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** Programs that an account can run: the folder they lie in, and the folders their libraries are looked for in. */
export interface Installation {
  readonly bin: string;
  readonly libraries: readonly string[];
}

const READ = 4;
const READ_AND_ENTER = 5;

/** The links that loaders look for, name → file, as the package lists them (`lib` holds the files). */
function libraryLinks(native: string): ReadonlyMap<string, string> {
  const list: unknown = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8'));
  const links = new Map<string, string>();
  for (const link of Array.isArray(list) ? list : []) {
    const { source, target } = link as { readonly source?: unknown; readonly target?: unknown };
    if (typeof source !== 'string' || typeof target !== 'string')
      throw new Error(`${native}/pg-symlinks.json is malformed`);
    links.set(basename(target), basename(source));
  }
  return links;
}

/** Whether `account` can run the package where it lies: the programs, the libraries and the shared files. */
export function runsInPlace(native: string, account: Account | undefined): boolean {
  return (
    canReach(account, join(native, 'bin', 'postgres'), READ_AND_ENTER) &&
    canReach(account, join(native, 'bin', 'initdb'), READ_AND_ENTER) &&
    canReach(account, join(native, 'lib', 'postgresql'), READ_AND_ENTER) &&
    canReach(account, join(native, 'lib', 'postgresql', pluginName()), READ) &&
    canReach(account, join(native, 'share', 'postgresql', 'postgres.bki'), READ)
  );
}

function pluginName(): string {
  return process.platform === 'darwin' ? 'plpgsql.dylib' : 'plpgsql.so';
}

/**
 * Makes the programs runnable for `account` without writing where they are installed: in place, with the missing
 * library links in a folder of our own; or, where the account cannot enter, from a temporary copy.
 */
export function prepareInstallation(
  binaries: Binaries,
  account: Account | undefined,
  guard: Guard,
): Result<Installation, EmbeddedError> {
  if (binaries.kind === 'folder') {
    if (canReach(account, join(binaries.folder, 'postgres'), READ_AND_ENTER))
      return ok({ bin: binaries.folder, libraries: [] });
    return err({
      code: 'binaries-unusable',
      message: `${account?.name ?? 'this account'} cannot run ${join(binaries.folder, 'postgres')}`,
      fix: 'choose programs that every account may run',
    });
  }
  const { native } = binaries;
  return runsInPlace(native, account)
    ? linkedInPlace(native, account, guard)
    : copied(native, account, guard);
}

function linkedInPlace(
  native: string,
  account: Account | undefined,
  guard: Guard,
): Result<Installation, EmbeddedError> {
  const lib = join(native, 'lib');
  const missing = [...libraryLinks(native)].filter(([name]) => !existsSync(join(lib, name)));
  if (missing.length === 0) return ok({ bin: join(native, 'bin'), libraries: [lib] });
  const folder = temporaryFolder(account, guard);
  if (!folder.ok) return folder;
  for (const [name, file] of missing) symlinkSync(join(lib, file), join(folder.value, name));
  return ok({ bin: join(native, 'bin'), libraries: [folder.value, lib] });
}

function copied(
  native: string,
  account: Account | undefined,
  guard: Guard,
): Result<Installation, EmbeddedError> {
  const made = temporaryFolder(account, guard);
  if (!made.ok) return made;
  for (const part of ['bin', 'lib', 'share']) takeOver(join(native, part), join(made.value, part), account);
  const lib = join(made.value, 'lib');
  for (const [name, file] of libraryLinks(native)) {
    if (!existsSync(join(lib, name))) symlinkSync(file, join(lib, name));
  }
  return ok({ bin: join(made.value, 'bin'), libraries: [lib] });
}

// What only compilers need: static archives and build recipes.
const notNeeded = (name: string): boolean =>
  name.endsWith('.a') || name === 'pgxs' || name === 'pkgconfig' || name === 'pg_ctl';

function takeOver(from: string, to: string, account: Account | undefined): void {
  mkdirSync(to);
  chmodSync(to, 0o755);
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    if (notNeeded(entry.name)) continue;
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) takeOver(source, target, account);
    else if (entry.isFile()) linkOrCopy(source, target, account);
  }
}

/** A second name for the same file costs no space and no time, but needs the same disk and a file open to the account. */
function linkOrCopy(source: string, target: string, account: Account | undefined): void {
  const owned = statSync(source);
  const executable = (owned.mode & 0o100) !== 0;
  if (account === undefined || allows(account, owned, executable ? READ_AND_ENTER : READ)) {
    try {
      linkSync(source, target);
      return;
    } catch {
      // another disk, or a file system without links: a copy serves as well
    }
  }
  copyFileSync(source, target);
  chmodSync(target, executable ? 0o755 : 0o644);
}
