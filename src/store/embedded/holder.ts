import { readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ProcessTable } from './process-table.ts';
import { OWNER_SETTING } from './settings.ts';

/**
 * Who works on a data folder. `nobody`: no server, or a lock file that PostgreSQL sorts out by itself. `stale`: the lock
 * file names a process that has nothing to do with it, its id was given out again. `orphan`: a server that we started
 * once and whose starter is dead. `live`: a server that somebody needs.
 */
export type Holder =
  | { readonly kind: 'nobody' }
  | { readonly kind: 'stale' }
  | { readonly kind: 'orphan'; readonly pid: number }
  | { readonly kind: 'live'; readonly pid: number };

const LOCK_FILE = 'postmaster.pid';

/** Reads PostgreSQL's lock file (its first line is the process id) in `data`, an absolute path without links. */
export function inspectHolder(data: string, table: ProcessTable): Holder {
  const pid = lockedBy(data);
  const args = pid === undefined ? undefined : table.commandLine(pid);
  if (pid === undefined || args === undefined) return { kind: 'nobody' };
  if (args === 'hidden') return { kind: 'live', pid };
  const ours = isServer(args) && (args.includes(data) || table.workingIn(data).includes(pid));
  if (!ours) return table.workingIn(data).length === 0 ? { kind: 'stale' } : { kind: 'live', pid };
  const owner = ownerIn(args);
  // A server without our mark was started by hand: it is not ours to end.
  if (owner === undefined || !table.hasEnded(owner)) return { kind: 'live', pid };
  return { kind: 'orphan', pid };
}

function lockedBy(data: string): number | undefined {
  try {
    // A server in single-user mode writes its id with a minus sign.
    const pid = Math.abs(Number.parseInt(readFileSync(join(data, LOCK_FILE), 'utf8'), 10));
    return Number.isInteger(pid) && pid > 1 ? pid : undefined;
  } catch (problem) {
    if ((problem as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw problem;
  }
}

function isServer(args: readonly string[]): boolean {
  return /^(?:postgres|postmaster)(?:\.exe)?:?$/.test(basename(args[0] ?? ''));
}

function ownerIn(args: readonly string[]): string | undefined {
  const prefix = `${OWNER_SETTING}=`;
  return args.find((argument) => argument.startsWith(prefix))?.slice(prefix.length);
}

/** Removes the lock file of a `stale` holder, which would keep PostgreSQL from starting. */
export function removeStaleLock(data: string): void {
  rmSync(join(data, LOCK_FILE), { force: true });
}

/** Ends an orphan: politely, then at once, then by force. Resolves when it is gone; false if it does not go. */
export async function endOrphan(pid: number, data: string, table: ProcessTable): Promise<boolean> {
  const isThere = (): boolean => inspectHolder(data, table).kind === 'orphan';
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    try {
      process.kill(pid, signal);
    } catch (problem) {
      if ((problem as NodeJS.ErrnoException).code !== 'ESRCH') return false;
    }
    const deadline = performance.now() + 5000;
    while (isThere() && performance.now() < deadline) await delay(10);
    if (!isThere()) return true;
  }
  return false;
}
