import { request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { CliFailure } from '../../../cli/failure.ts';
import type { Edge } from '../stack.ts';

const opensWithinMs = 45_000;
const answerLimitMs = 3_000;
const lookEveryMs = 250;

/**
 * Waits until a gateway knows a route, which may lead nowhere yet: before it has any route, it need not even listen.
 * Throws with what was found where it does not come so far.
 */
export async function untilGatewayKnows({ url, host }: Edge, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + opensWithinMs;
  for (;;) {
    const found = await ask(url, host ?? '', signal);
    signal.throwIfAborted();
    if (found === null) return;
    if (performance.now() > deadline)
      throw new CliFailure('error', `customers cannot come in at ${url}: ${found}`, [
        'say where the Gateway’s traffic comes in, as seen from here: --gateway-url URL, for example of a kubectl port-forward',
      ]);
    await delay(lookEveryMs, undefined, { signal });
  }
}

/** Null where the route is known; else what was found. Without a route a gateway says 404, with one to nowhere 5xx. */
function ask(url: string, host: string, signal: AbortSignal): Promise<string | null> {
  return new Promise((resolve) => {
    const bounded = AbortSignal.any([signal, AbortSignal.timeout(answerLimitMs)]);
    const sent = request(url, { headers: { host }, agent: false, signal: bounded }, (response) => {
      response.resume();
      resolve(response.statusCode === 404 ? `what answers there knows no route for ${host}` : null);
    });
    sent.once('error', (error) => resolve(error.message));
    sent.end();
  });
}
