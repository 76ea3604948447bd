import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { eventually } from '../eventually.ts';
import { type Identity, identify, isAlive } from './process-identity.ts';
import type { Progress } from './progress.ts';
import type { Settings } from './settings.ts';

function lockFile(settings: Settings): string {
  return `${settings.state}.lock`;
}

/** Gives up the lock that this process holds. */
export async function release(settings: Settings): Promise<void> {
  await rm(lockFile(settings), { force: true });
}

async function holder(file: string): Promise<Identity | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const [pid, started] = text.trim().split(' ');
  return pid === undefined || started === undefined ? undefined : { pid: Number(pid), started };
}

/** Does a piece of work on a cluster while nobody else does; waits for another at most ten minutes. */
export async function alone<T>(settings: Settings, progress: Progress, work: () => Promise<T>): Promise<T> {
  const file = lockFile(settings);
  await mkdir(dirname(file), { recursive: true });
  const self = await identify(process.pid);
  let told = false;
  await eventually(
    `the lock ${file} is free`,
    async () => {
      const taken = await writeFile(file, `${self?.pid} ${self?.started}\n`, { flag: 'wx' }).then(
        () => true,
        () => false,
      );
      if (taken) return true;
      const other = await holder(file);
      if (other !== undefined && !(await isAlive(other))) await rm(file, { force: true });
      else if (!told) progress.say(`waits for process ${other?.pid}, which works on this cluster`);
      told = true;
      return false;
    },
    600_000,
  );
  try {
    return await work();
  } finally {
    await release(settings);
  }
}
