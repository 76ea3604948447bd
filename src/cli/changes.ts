import type { ApiClient } from './client.ts';
import { followEvents, sleep } from './events.ts';
import { say } from './terminal.ts';

/** What shows no event (a soak that grows) is looked at again after this. */
const slowestLookMs = 5_000;
/** Events come in bursts; one look is enough for all of them. */
const burstMs = 100;

/**
 * Yields at once, then whenever something of a service has changed and at least every 5 s, until the signal ends
 * it. Driven by the event stream, so that waiting costs the server one open line.
 */
export async function* changesOf(
  client: ApiClient,
  query: { readonly project: string | null; readonly service: string | null },
  signal: AbortSignal,
): AsyncGenerator<void> {
  const stop = new AbortController();
  const ended = AbortSignal.any([signal, stop.signal]);
  let changed = Promise.withResolvers<void>();
  let failure: unknown;
  const following = (async (): Promise<void> => {
    for await (const _ of followEvents(client, query, ended, say)) changed.resolve();
  })().catch((error: unknown) => {
    failure = error;
    changed.resolve();
  });
  try {
    while (!ended.aborted) {
      yield;
      const nap = new AbortController();
      await Promise.race([changed.promise, sleep(slowestLookMs, AbortSignal.any([ended, nap.signal]))]);
      nap.abort();
      if (failure !== undefined) throw failure;
      await sleep(burstMs, ended);
      changed = Promise.withResolvers<void>();
    }
  } finally {
    stop.abort();
    await following;
  }
}
