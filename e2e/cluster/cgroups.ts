import { existsSync } from 'node:fs';
import { readdir, readFile, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from '../eventually.ts';

/** Every hierarchy of control groups, or the one of version 2. */
async function hierarchies(): Promise<readonly string[]> {
  const top = '/sys/fs/cgroup';
  if (existsSync(join(top, 'cgroup.procs'))) return [top];
  const names = await readdir(top);
  return names.map((name) => join(top, name)).filter((path) => existsSync(join(path, 'cgroup.procs')));
}

/** The cluster's group in each hierarchy: `system` holds the cluster's own processes, the kubelet adds the pods'. */
export async function groupsOf(name: string): Promise<readonly string[]> {
  return (await hierarchies()).map((path) => join(path, name));
}

/** A group and all below it, the deepest first. */
async function tree(group: string): Promise<readonly string[]> {
  const entries = await readdir(group, { withFileTypes: true }).catch(() => []);
  const below = await Promise.all(
    entries.filter((entry) => entry.isDirectory()).map((entry) => tree(join(group, entry.name))),
  );
  return existsSync(group) ? [...below.flat(), group] : below.flat();
}

/** Every process in the cluster's groups, by the machine's process ids. */
export async function processesIn(name: string): Promise<readonly number[]> {
  const groups = (await Promise.all((await groupsOf(name)).map(tree))).flat();
  const texts = await Promise.all(
    groups.map((group) => readFile(join(group, 'cgroup.procs'), 'utf8').catch(() => '')),
  );
  return [...new Set(texts.join('\n').split('\n').filter(Boolean).map(Number))].filter((pid) => pid > 0);
}

/** Ends every process of the cluster, whatever started it, and removes its groups. */
export async function emptyGroups(name: string): Promise<void> {
  await eventually('the processes of the cluster end', async () => {
    const pids = await processesIn(name);
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended in between.
      }
    }
    return pids.length === 0 ? true : undefined;
  });
  for (const group of await groupsOf(name)) {
    for (const folder of await tree(group)) await rmdir(folder);
  }
}
