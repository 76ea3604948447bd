import type { Pool } from 'pg';
import { lastIndex } from '../store/history.ts';

const pollMs = 200;

/**
 * Knows how far the ledger is sequenced, for all readers of this process together: one question to the database every
 * 200 ms while anybody waits, none while nobody does.
 */
export class LeafFeed {
  readonly #pool: Pool;
  readonly #waiting = new Set<() => void>();
  #last = -1;
  #timer: NodeJS.Timeout | null = null;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** The index of the latest sequenced entry, asked for now. */
  async last(): Promise<number> {
    this.#last = Math.max(this.#last, await lastIndex(this.#pool));
    return this.#last;
  }

  /** Resolves once an entry after this index is sequenced, `withinMs` are over, or the signal ends the wait. */
  async waitBeyond(index: number, withinMs: number, signal: AbortSignal): Promise<void> {
    if (this.#last > index || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        this.#waiting.delete(look);
        resolve();
      };
      const look = (): void => {
        if (this.#last > index) done();
      };
      const timer = setTimeout(done, withinMs);
      signal.addEventListener('abort', done);
      this.#waiting.add(look);
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#timer !== null || this.#waiting.size === 0) return;
    this.#timer = setTimeout(() => {
      // A database that is away is asked again; whoever waits has a deadline of his own.
      void this.last()
        .catch(() => undefined)
        .then(() => {
          this.#timer = null;
          for (const look of this.#waiting) look();
          this.#schedule();
        });
    }, pollMs);
    this.#timer.unref();
  }
}
