import { readdirSync, readFileSync } from 'node:fs';

/** Reads a file of /proc; null where the process has ended meanwhile, or there is no /proc. */
function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

/** Processes and the processes that they started, by parent. */
function descendants(roots: readonly number[]): readonly number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = read(`/proc/${name}/stat`);
    const parent = stat === null ? undefined : stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1];
    if (parent !== undefined) parents.set(Number(name), Number(parent));
  }
  const found = new Set(roots);
  for (let grew = true; grew;) {
    grew = false;
    for (const [pid, parent] of parents) {
      if (!found.has(parent) || found.has(pid)) continue;
      found.add(pid);
      grew = true;
    }
  }
  return [...found];
}

/** Megabytes that these processes and theirs take together (sum of proportional set sizes); null where it cannot be read. */
export function proportionalMegabytes(roots: readonly number[]): number | null {
  if (process.platform !== 'linux') return null;
  let kilobytes = 0;
  for (const pid of descendants(roots)) {
    const pss = /^Pss:\s+(\d+) kB/m.exec(read(`/proc/${pid}/smaps_rollup`) ?? '');
    kilobytes += Number(pss?.[1] ?? 0);
  }
  return Math.round(kilobytes / 1024);
}
