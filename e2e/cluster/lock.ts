import { mkdir, readlink, rm, symlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { eventually } from '../eventually.ts';
import { type Identity, identify, isAlive } from './process-identity.ts';
import type { Progress } from './progress.ts';
import type { Settings } from './settings.ts';

/** A symbolic link that leads nowhere: its text names the holder, and is there from the moment that the link is. */
function lockFile(settings: Settings): string {
  return `${settings.state}.lock`;
}

async function take(settings: Settings, self: Identity): Promise<boolean> {
  return symlink(`${self.pid}-${self.started}`, lockFile(settings)).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return false;
      throw error;
    },
  );
}

/** Who holds the lock, if anybody still does. */
async function holder(settings: Settings): Promise<Identity | undefined> {
  const text = await readlink(lockFile(settings)).catch(() => '');
  const [pid, started] = text.split('-');
  if (pid === undefined || started === undefined) return undefined;
  const identity = { pid: Number(pid), started };
  return (await isAlive(identity)) ? identity : undefined;
}

/** Gives up the lock that this process holds. */
export async function release(settings: Settings): Promise<void> {
  await rm(lockFile(settings), { force: true });
}

/** Does a piece of work on a cluster while nobody else does; waits for another at most twenty minutes. */
export async function alone<T>(settings: Settings, progress: Progress, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(settings.state), { recursive: true });
  const self = await identify(process.pid);
  if (self === undefined) throw new Error('/proc is not mounted');
  let told = false;
  await eventually(
    `the lock ${lockFile(settings)} is free`,
    async () => {
      if (await take(settings, self)) return true;
      const other = await holder(settings);
      if (other === undefined) await release(settings);
      else if (!told) progress.say(`waits for process ${other.pid}, which works on this cluster`);
      told = true;
      return false;
    },
    1_200_000,
  );
  try {
    return await work();
  } finally {
    await release(settings);
  }
}
