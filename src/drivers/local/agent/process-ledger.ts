import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { processIdentity } from './process-identity.ts';

const Entries = z.array(z.strictObject({ pid: z.int().min(2), identity: z.string() }));

/** Sends a signal to a process group; a group that has gone already is fine. */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (problem) {
    if ((problem as NodeJS.ErrnoException).code !== 'ESRCH') throw problem;
  }
}

/**
 * The processes that this agent has started and that have not ended yet, also in a file, so that the next agent on
 * the same folder can end those of an agent that was killed. Each leads its own process group.
 */
export class ProcessLedger {
  readonly #file: string;
  readonly #running = new Map<number, string>();

  constructor(folder: string) {
    this.#file = join(folder, 'processes.json');
  }

  /** Ends what a killed agent left, and only that: an id that another process has got since is let be. */
  endOrphans(): number {
    let orphans = 0;
    for (const { pid, identity } of this.#read()) {
      if (processIdentity(pid) !== identity) continue;
      signalGroup(pid, 'SIGKILL');
      orphans += 1;
    }
    this.#write();
    return orphans;
  }

  /** To be called in the same turn of the event loop as the start. */
  add(pid: number): void {
    this.#running.set(pid, processIdentity(pid) ?? '');
    this.#write();
  }

  remove(pid: number): void {
    this.#running.delete(pid);
    this.#write();
  }

  /** The last resort before the agent's own end. */
  killAll(): void {
    for (const pid of this.#running.keys()) signalGroup(pid, 'SIGKILL');
  }

  #read(): z.infer<typeof Entries> {
    let text: string;
    try {
      text = readFileSync(this.#file, 'utf8');
    } catch {
      return []; // the first agent on this folder
    }
    return Entries.parse(JSON.parse(text));
  }

  #write(): void {
    const entries = [...this.#running].map(([pid, identity]) => ({ pid, identity }));
    writeFileSync(`${this.#file}.new`, JSON.stringify(entries), { mode: 0o600 });
    renameSync(`${this.#file}.new`, this.#file);
  }
}
