import { once } from 'node:events';
import { dispatch, type WorkerParts } from '../engine/worker.ts';
import type { Lane } from '../ports/store.ts';

/** How long a lane sleeps when nothing was due and nobody hinted: the most that a lost hint can cost. */
const idleMs = 100;
/** After an error of the store itself the lane pauses, so that a database that is away is not hammered. */
const errorPauseMs = 500;

const lanes: readonly Lane[] = ['turn', 'observe', 'effect'];

/** Workers of one process: a loop a lane, woken by hints, never relying on them. */
export interface Workers {
  /** Says that something may have come due. */
  readonly hint: () => void;
  /** Lets the work in hand finish; resolves when every loop has ended. */
  readonly stop: () => Promise<void>;
}

/** A sleep that a hint cuts short; a hint that came since `since` is not slept through. */
class Sleeper {
  #hints = 0;
  #wake: (() => void) | null = null;

  get hints(): number {
    return this.#hints;
  }

  hint(): void {
    this.#hints += 1;
    this.#wake?.();
  }

  sleep(ms: number, since: number): Promise<void> {
    if (this.#hints !== since) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#wake?.(), ms);
      this.#wake = (): void => {
        clearTimeout(timer);
        this.#wake = null;
        resolve();
      };
    });
  }
}

/**
 * Starts the loops, or lets them wait for `after` first. `onStoreError` hears of a store that cannot be reached; the
 * loops go on trying.
 */
export function startWorkers(
  parts: WorkerParts,
  onStoreError: (lane: Lane, error: unknown) => void,
  after: Promise<void> = Promise.resolve(),
): Workers {
  const stop = new AbortController();
  const sleepers = lanes.map(() => new Sleeper());
  const stopped = once(stop.signal, 'abort');
  const loops = lanes.map(async (lane, i) => {
    await Promise.race([after, stopped]);
    await runLane(parts, lane, sleepers[i] ?? new Sleeper(), stop.signal, onStoreError);
  });
  const hint = (): void => {
    for (const sleeper of sleepers) sleeper.hint();
  };
  return {
    hint,
    stop: async () => {
      stop.abort();
      hint();
      await Promise.all(loops);
    },
  };
}

/** Claims as much as there are free hands, and does not wait for a slow one before it looks again. */
async function runLane(
  parts: WorkerParts,
  lane: Lane,
  sleeper: Sleeper,
  stop: AbortSignal,
  onStoreError: (lane: Lane, error: unknown) => void,
): Promise<void> {
  const inHand = new Set<Promise<void>>();
  while (!stop.aborted) {
    const since = sleeper.hints;
    try {
      const free = parts.concurrency[lane] - inHand.size;
      // A claim costs as much for one as for many: it waits until half the hands are free.
      const started = free * 2 >= parts.concurrency[lane] ? await dispatch(parts, lane, free) : [];
      for (const work of started) {
        inHand.add(work);
        void work.then(() => {
          inHand.delete(work);
          sleeper.hint();
        });
      }
      if (started.length === 0) await sleeper.sleep(idleMs, since);
    } catch (error) {
      onStoreError(lane, error);
      await sleeper.sleep(errorPauseMs, sleeper.hints);
    }
  }
  await Promise.all(inHand);
}
