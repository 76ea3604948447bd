import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const State = z.record(z.string(), z.int().min(0));

/**
 * The highest generation that each slot has seen, kept in a file: a restart of the agent must not let an old
 * control plane in again.
 */
export class Fence {
  readonly #file: string;
  readonly #highest: Map<string, number>;

  constructor(folder: string) {
    this.#file = join(folder, 'fence.json');
    this.#highest = new Map(Object.entries(this.#read()));
  }

  highest(slot: string): number {
    return this.#highest.get(slot) ?? 0;
  }

  /** Lets a generation pass, and remembers it; false where a higher one was seen. */
  admit(slot: string, generation: number): boolean {
    const highest = this.highest(slot);
    if (generation < highest) return false;
    if (generation > highest) {
      this.#highest.set(slot, generation);
      writeFileSync(`${this.#file}.new`, JSON.stringify(Object.fromEntries(this.#highest)), {
        mode: 0o600,
        flush: true,
      });
      renameSync(`${this.#file}.new`, this.#file);
    }
    return true;
  }

  #read(): z.infer<typeof State> {
    let text: string;
    try {
      text = readFileSync(this.#file, 'utf8');
    } catch (problem) {
      if ((problem as NodeJS.ErrnoException).code === 'ENOENT') return {};
      throw problem;
    }
    return State.parse(JSON.parse(text));
  }
}
