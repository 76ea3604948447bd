import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import { eventually } from '../../eventually.ts';
import { ClusterStack } from './cluster-stack.ts';
import type { Place } from './cluster.ts';

interface Held {
  readonly version: string | undefined;
  /** Resolves with the time (performance.now()) at which it is broken off. */
  readonly over: Promise<number>;
}

/** A request whose answer begins and never ends. */
function hold({ cluster, host }: Place): Promise<Held> {
  return new Promise((resolve, reject) => {
    const sent = request(`${cluster.gatewayUrl}/hold`, { headers: { host }, agent: false }, (response) => {
      response.resume();
      const over = new Promise<number>((ended) => {
        response.once('close', () => ended(performance.now()));
      });
      const version = response.headers['x-version'];
      resolve({ version: typeof version === 'string' ? version : undefined, over });
    });
    sent.once('error', reject);
    sent.end();
  });
}

test('a request that never ends gets its pod’s grace, and does not hold the removal of its version', async (t) => {
  const { stack } = await ClusterStack.withV1('drain');
  await using _ = stack;
  const held = await hold(stack.place);
  assert.equal(held.version, 'v1');
  await stack.release({ name: 'v2', failEvery: 0 });
  const end = await stack.end('v2');
  assert.equal(end.state, 'promoted', end.sentence);
  const began = performance.now();
  await eventually(
    'v1 is told to end',
    async () => (await stack.outside.look()).ready['v1'] === undefined,
    20_000,
  );
  const seconds = ((await held.over) - began) / 1_000;
  t.diagnostic(`broken off ${seconds.toFixed(1)} s after the promotion`);
  assert.ok(seconds > 8, 'it had its pod’s grace of 10 seconds, from about 3 seconds after the promotion');
  await stack.lookNoMore();
  assert.deepEqual(stack.customers.problems, {});
});
