import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { processIdentity } from './process-identity.ts';

const LOCK_FILE = 'agent.lock';

/** Takes the folder for this process; throws if another living agent has it. What a dead one left is taken over. */
export function lockFolder(folder: string): { release(): void } {
  const file = join(folder, LOCK_FILE);
  const mine = processIdentity(process.pid) ?? String(process.pid);
  for (;;) {
    try {
      writeFileSync(file, mine, { flag: 'wx', mode: 0o600 });
      return { release: () => rmSync(file, { force: true }) };
    } catch (problem) {
      if ((problem as NodeJS.ErrnoException).code !== 'EEXIST') throw problem;
    }
    const theirs = holder(file);
    const pid = Number(theirs?.split('-')[0]);
    if (theirs !== undefined && Number.isInteger(pid) && processIdentity(pid) === theirs) {
      throw new Error(`another agent (process ${pid}) works on ${folder}`);
    }
    rmSync(file, { force: true });
  }
}

function holder(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined; // given back meanwhile
  }
}
