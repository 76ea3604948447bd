import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { pathOf, resources } from '../../../src/drivers/kubernetes/client/resources.ts';
import { must } from './cluster.ts';
import { ClusterStack } from './cluster-stack.ts';
import { killedAt } from './kill-journey.ts';
import { weightsSeen } from './outside.ts';
import { settled } from './settled.ts';

/*
 * Rollouts on a real cluster under 200 requests a second through the gateway. What is asserted is read from the API
 * server and from customers' answers.
 */

const signal = new AbortController().signal;
const Named = z.object({ metadata: z.object({ name: z.string() }) });

test('12 % errors are rolled back from the first step', async (t) => {
  const { stack } = await ClusterStack.withV1('errors', { rollout: { stepAtLeast: '20s' } });
  await using _ = stack;
  await stack.release({ name: 'v2', failEvery: 8 });
  const end = await stack.end('v2');
  assert.equal(end.state, 'rolled-back', end.sentence);
  assert.equal(end.reason.code, 'worse');
  await settled(stack, 'v1', 'v2');
  assert.deepEqual(weightsSeen(stack.outside.looks, 'v2'), [0, 10, 0]);
  // Only what the bad version itself answered has failed.
  assert.deepEqual(Object.keys(stack.customers.problems), ['v2: 500']);
  const shared = stack.outside.looks.filter(({ route }) => route['v2'] !== undefined);
  const seconds = ((shared.at(-1)?.at ?? 0) - (shared[0]?.at ?? 0)) / 1_000;
  t.diagnostic(
    `weight 0 after ${seconds.toFixed(1)} s at 10 % of 200 requests/s, ${stack.customers.problems['v2: 500']} failed`,
  );
});

for (const [what, name, version] of [
  ['never becomes ready', 'never-ready', { neverReady: true }],
  ['crashes in a loop', 'crash-loop', { crashes: true }],
] as const)
  test(`what ${what} gets no traffic and is refused`, async () => {
    const { stack } = await ClusterStack.withV1(name, { rollout: { progressDeadline: '10s' } });
    await using _ = stack;
    await stack.release({ name: 'v2', failEvery: 0, ...version });
    const end = await stack.end('v2');
    assert.equal(end.state, 'refused', end.sentence);
    assert.equal(end.reason.code, 'progress-deadline');
    await settled(stack, 'v1', 'v2');
    assert.deepEqual(weightsSeen(stack.outside.looks, 'v2'), [0]);
    assert.deepEqual(stack.customers.problems, {});
    assert.deepEqual(Object.keys(stack.customers.byVersion), ['v1']);
  });

test('a pod that is killed without a word takes no other down, and the rollout goes on', async () => {
  const { stack } = await ClusterStack.withV1('pod-killed', { rollout: { stepAtLeast: '6s' } });
  await using _ = stack;
  const { cluster, namespace } = stack.place;
  await stack.release({ name: 'v2', failEvery: 0 });
  await stack.untilWeight('v2', 50);
  const labels = { 'belay.dev/service': 'tiny', 'belay.dev/release': 'v1' };
  const [pod] = await must(cluster.api.list(resources.pods, namespace, labels, Named, signal));
  const path = `${pathOf(resources.pods, namespace, pod?.metadata.name ?? '')}?gracePeriodSeconds=0`;
  await must(cluster.api.call({ method: 'DELETE', path, signal }, z.unknown()));
  const end = await stack.end('v2');
  assert.equal(end.state, 'promoted', end.sentence);
  await settled(stack, 'v2', 'v1');
  // What the killed pod had in hand is lost; nobody else's requests are.
  const failed = Object.values(stack.customers.problems).reduce((sum, count) => sum + count, 0);
  assert.ok(failed < 0.01 * stack.customers.answers.length, JSON.stringify(stack.customers.problems));
  assert.ok(!Object.keys(stack.customers.problems).some((problem) => problem.startsWith('v2')));
});

test('killed between the route’s patch and its record, another server goes on', () =>
  killedAt('server-killed', { at: 'shift-done', occurrence: 2 }));
