import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { pathOf, resources } from '../../../src/drivers/kubernetes/client/resources.ts';
import { workloadName } from '../../../src/drivers/kubernetes/labels.ts';
import { must } from './cluster.ts';
import { ClusterStack, slot } from './cluster-stack.ts';
import { broken, weightsSeen } from './outside.ts';
import { settled } from './settled.ts';
import { pushVersion } from './versions.ts';

/* Somebody else writes while a rollout moves: by hand, without a word to the server. */

const signal = new AbortController().signal;

async function writeWeights(
  { place }: ClusterStack,
  weights: Readonly<Record<string, number>>,
): Promise<void> {
  const backendRefs = Object.entries(weights).map(([release, weight]) => ({
    group: '',
    kind: 'Service',
    name: workloadName(slot, release),
    port: 80,
    weight,
  }));
  await must(
    place.cluster.api.patch(
      resources.httpRoutes,
      place.namespace,
      slot.service,
      { spec: { rules: [{ backendRefs }] } },
      z.unknown(),
      signal,
    ),
  );
}

test('a weight that was raised by hand is put right, and the rollout goes on', async () => {
  const { stack } = await ClusterStack.withV1('weights-raised', { rollout: { stepAtLeast: '6s' } });
  await using _ = stack;
  await stack.release({ name: 'v2', failEvery: 0 });
  await stack.untilWeight('v2', 10);
  await writeWeights(stack, { v1: 20, v2: 80 });
  await stack.untilWeight('v2', 10);
  const end = await stack.end('v2');
  assert.equal(end.state, 'promoted', end.sentence);
  await stack.lookNoMore();
  const seen = weightsSeen(stack.outside.looks, 'v2').filter((weight) => weight !== 80);
  assert.deepEqual(
    seen.filter((weight, i) => weight !== seen[i - 1]),
    [0, 10, 50, 100],
  );
  assert.deepEqual(stack.customers.problems, {});
});

test('traffic that was taken from the canary by hand is not given back', async () => {
  const { stack } = await ClusterStack.withV1('weights-taken', { rollout: { stepAtLeast: '20s' } });
  await using _ = stack;
  await stack.release({ name: 'v2', failEvery: 0 });
  await stack.untilWeight('v2', 10);
  await stack.untilWaits('step-time');
  await writeWeights(stack, { v1: 100, v2: 0 });
  const end = await stack.end('v2');
  assert.deepEqual([end.state, end.reason.code], ['aborted', 'retreated'], end.sentence);
  await stack.lookNoMore();
  assert.deepEqual(weightsSeen(stack.outside.looks, 'v2'), [0, 10, 0]);
  assert.deepEqual(broken(stack.outside.looks), []);
  assert.deepEqual(stack.customers.problems, {});
});

test('a canary that was given another image by hand gets no more traffic, and goes back', async () => {
  const { stack } = await ClusterStack.withV1('image-edited', { rollout: { stepAtLeast: '10s' } });
  await using _ = stack;
  const { cluster, namespace } = stack.place;
  await stack.release({ name: 'v2', failEvery: 0 });
  await stack.untilWeight('v2', 10);
  const { reference } = await pushVersion(cluster, { name: 'nobodys', failEvery: 0 });
  const container = { name: 'tiny', image: reference };
  const patch = { spec: { template: { spec: { containers: [container] } } } };
  const path = `${pathOf(resources.deployments, namespace, workloadName(slot, 'v2'))}?fieldManager=somebody`;
  const contentType = 'application/strategic-merge-patch+json';
  await must(
    cluster.api.call(
      { method: 'PATCH', path, body: JSON.stringify(patch), contentType, signal },
      z.unknown(),
    ),
  );
  const end = await stack.end('v2');
  assert.deepEqual([end.state, end.reason.code], ['aborted', 'artifact-changed'], end.sentence);
  await settled(stack, 'v1', 'v2');
  assert.deepEqual(weightsSeen(stack.outside.looks, 'v2'), [0, 10, 0]);
  assert.deepEqual(stack.customers.problems, {});
});
