import { setTimeout as delay } from 'node:timers/promises';

const lookEveryMs = 20;

/** Looks until there is something (neither null nor undefined nor false), and returns it; throws at the deadline. */
export async function eventually<T>(
  what: string,
  look: () => T | Promise<T>,
  withinMs = 60_000,
): Promise<Exclude<T, null | undefined | false>> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const seen = await look();
    if (seen !== null && seen !== undefined && seen !== false)
      return seen as Exclude<T, null | undefined | false>;
    if (performance.now() > deadline)
      throw new Error(`${what}: it did not come to be so within ${withinMs} ms`);
    await delay(lookEveryMs);
  }
}
