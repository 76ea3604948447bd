/** Work that comes again: each time it says how long to pause before the next, in milliseconds. */
export type PeriodicWork = () => Promise<number>;

export interface Periodic {
  /** Lets the work in hand finish; resolves when it will not come again. */
  readonly stop: () => Promise<void>;
}

/** Runs work until stopped. An error is told and the work comes again after `afterErrorMs`. */
export function startPeriodic(
  work: PeriodicWork,
  afterErrorMs: number,
  onError: (error: unknown) => void,
): Periodic {
  const stop = new AbortController();
  const loop = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      const pause = await work().catch((error: unknown) => {
        onError(error);
        return afterErrorMs;
      });
      if (pause > 0) await sleep(pause, stop.signal);
    }
  };
  const running = loop();
  return {
    stop: async () => {
      stop.abort();
      await running;
    },
  };
}

/** A sleep that a stop cuts short without an error. */
function sleep(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
