import { chmodSync, lstatSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { err, ok } from '../../core/model/result.ts';
import type { Result } from '../../core/model/result.ts';
import { canReach } from './account.ts';
import type { Account } from './account.ts';
import type { EmbeddedError } from './embedded-error.ts';
import type { Guard } from './guard.ts';
import { endOrphan, inspectHolder } from './holder.ts';
import { processTable } from './process-table.ts';

const ENTER = 1;
const PREFIX = 'belay-postgres-';

const parents = (): ReadonlySet<string> => new Set([tmpdir(), '/tmp', '/var/tmp']);

/**
 * A new folder that `account` can enter, removed with the guard. A TMPDIR in somebody's home may be closed to it, so the
 * usual places are tried after it.
 */
export function temporaryFolder(account: Account | undefined, guard: Guard): Result<string, EmbeddedError> {
  const tried = parents();
  for (const parent of tried) {
    const folder = makeIn(parent, account);
    if (folder !== undefined) {
      guard.remove(folder);
      return ok(folder);
    }
  }
  return err({
    code: 'start-failed',
    message: `no temporary folder that ${account?.name ?? 'this account'} can use: tried ${[...tried].join(', ')}`,
    fix: 'set TMPDIR to a folder that every account can enter and this one can write to',
  });
}

function makeIn(parent: string, account: Account | undefined): string | undefined {
  let folder: string;
  try {
    folder = mkdtempSync(join(parent, `${PREFIX}${processTable.identity(process.pid) ?? '?'}-`));
  } catch {
    return undefined; // missing, full or read-only: the next one may do
  }
  if (account !== undefined) chmodSync(folder, 0o711);
  if (canReach(account, folder, ENTER)) return folder;
  rmSync(folder, { recursive: true, force: true });
  return undefined;
}

/**
 * Removes the temporary folders of ours whose owner was killed together with its guard, and ends the servers that still
 * run on them. `dataIn` says where a folder has its data.
 */
export async function sweepTemporaryFolders(dataIn: (folder: string) => string): Promise<void> {
  for (const parent of parents()) {
    for (const name of namesIn(parent)) {
      const folder = join(parent, name);
      if (!name.startsWith(PREFIX) || !isOurFolder(folder)) continue;
      if (!processTable.hasEnded(name.slice(PREFIX.length, name.lastIndexOf('-')))) continue;
      const holder = inspectHolder(dataIn(folder), processTable);
      if (holder.kind === 'live') continue;
      if (holder.kind === 'orphan' && !(await endOrphan(holder.pid, dataIn(folder), processTable))) continue;
      rmSync(folder, { recursive: true, force: true });
    }
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // missing or closed to us: then nothing of ours is there
  }
}

/** In a folder that all may write to, somebody else can make anything of any name. */
function isOurFolder(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found !== undefined && found.isDirectory() && found.uid === process.getuid?.();
}
