import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { resources } from '../../../src/drivers/kubernetes/client/resources.ts';
import { eventually } from '../../eventually.ts';
import { must } from './cluster.ts';
import { ClusterStack, slot } from './cluster-stack.ts';
import { broken, unroutedRequests, weightsSeen } from './outside.ts';
import { startPooledDatabase } from './pooled-database.ts';

/* What readiness depends on: a pool of connections to a database that lets nobody in, lets in, shuts out, and lets in again. */

const signal = new AbortController().signal;
const labels = { 'belay.dev/service': slot.service, 'belay.dev/release': 'v2' };
const Pod = z.object({
  metadata: z.object({ name: z.string() }),
  status: z.object({
    conditions: z.array(z.object({ type: z.string(), status: z.string() })).default([]),
    containerStatuses: z
      .array(z.object({ state: z.object({ running: z.unknown().optional() }) }))
      .default([]),
  }),
});
const Events = z.object({ items: z.array(z.object({ reason: z.string(), message: z.string() })) });

/** Whether a pod of v2 runs, and whether it is ready, by the kubelet's word. */
async function kubeletSays({ place }: ClusterStack): Promise<{ runs: boolean; ready: boolean }> {
  const [pod] = await must(place.cluster.api.list(resources.pods, place.namespace, labels, Pod, signal));
  return {
    runs: pod?.status.containerStatuses.some(({ state }) => state.running !== undefined) ?? false,
    ready: pod?.status.conditions.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false,
  };
}

/** What the kubelet tells of probes that failed. */
async function failedProbes({ place }: ClusterStack): Promise<readonly string[]> {
  const path = `/api/v1/namespaces/${place.namespace}/events?fieldSelector=reason=Unhealthy`;
  const { items } = await must(place.cluster.api.call({ method: 'GET', path, signal }, Events));
  return items.map(({ message }) => message);
}

test('a version is ready only while its pool is open: held at its start, rolled back, and good again', async (t) => {
  const { stack } = await ClusterStack.withV1('dependency', { rollout: { stepAtLeast: '3s' } });
  await using _ = stack;
  await using database = await startPooledDatabase(stack.place);
  await stack.release({ name: 'v2', failEvery: 0, database: database.url });

  // At its start the pool is shut: it runs, its readiness fails, and nothing is sent to it.
  await eventually('v2 runs', async () => (await kubeletSays(stack)).runs);
  await eventually('its readiness was asked for and failed', async () =>
    (await failedProbes(stack)).some((message) => /Readiness probe failed.* 503/.test(message)),
  );
  await delay(3_000);
  assert.deepEqual(await kubeletSays(stack), { runs: true, ready: false });
  const waits = (await stack.slot())?.promotions[0]?.waits.map(({ reason }) => reason.code);
  assert.ok(waits?.includes('not-ready'), JSON.stringify(waits));
  assert.deepEqual(weightsSeen(stack.outside.looks, 'v2'), [0]);
  const opened = performance.now();
  await database.open();
  await stack.untilWeight('v2', 10);
  assert.deepEqual(await kubeletSays(stack), { runs: true, ready: true });
  t.diagnostic(`first traffic ${Math.round(performance.now() - opened)} ms after the pool could open`);

  // In the middle it is shut: its share goes back to v1.
  await stack.untilWeight('v2', 50);
  assert.deepEqual(stack.customers.problems, {});
  const shut = performance.now();
  await database.shut();
  const end = await stack.end('v2');
  assert.equal(end.state, 'rolled-back', end.sentence);
  assert.ok(['worse', 'canary-gone'].includes(end.reason.code), end.sentence);
  const back = stack.outside.looks.find(({ at: when, route }) => when > shut && route['v1'] === 100)?.at ?? 0;
  const failed = Object.values(stack.customers.problems).reduce((sum, count) => sum + count, 0);
  t.diagnostic(
    `${end.reason.code}: weight 0 after ${Math.round(back - shut)} ms, ${failed} failed at 50 % of 200 requests/s`,
  );

  // It comes back, and the same version is taken up to the end.
  await database.open();
  await stack.ask('v2', { liftQuarantine: true });
  const second = await eventually(
    'v2 ends again',
    async () =>
      (await stack.slot())?.ended.find(({ release, state }) => release === 'v2' && state === 'promoted'),
    120_000,
  );
  assert.equal(second.state, 'promoted');
  await stack.lookNoMore();
  const { looks, counts, missed } = stack.outside;
  assert.deepEqual(missed, []);
  assert.deepEqual(weightsSeen(looks, 'v2'), [0, 10, 50, 0, 10, 50, 100]);
  assert.deepEqual(broken(looks.filter(({ at: when }) => when < shut || when > back)), []);
  assert.deepEqual(unroutedRequests(looks, counts), []);
  const late = stack.customers.answers.filter(
    ({ at: when, problem }) => problem !== null && (when < shut - 100 || when > back + 1_000),
  );
  assert.deepEqual(late, []);
});
