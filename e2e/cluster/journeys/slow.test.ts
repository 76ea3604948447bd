import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClusterStack } from './cluster-stack.ts';
import { weightsSeen } from './outside.ts';
import { settled } from './settled.ts';

test('a version that answers slowly, and without an error, is rolled back from the first step', async (t) => {
  const { stack } = await ClusterStack.withV1('slow', {
    rollout: { stepAtLeast: '30s' },
    latency: { aboveMs: 250, marginPoints: 2 },
  });
  await using _ = stack;
  await stack.release({ name: 'v2', failEvery: 0, slowEvery: 5 });
  const end = await stack.end('v2');
  assert.deepEqual([end.state, end.reason.code], ['rolled-back', 'worse'], end.sentence);
  assert.match(end.sentence, /^requests slower than \d+ ms/);
  await settled(stack, 'v1', 'v2');
  assert.deepEqual(weightsSeen(stack.outside.looks, 'v2'), [0, 10, 0]);
  assert.deepEqual(stack.customers.problems, {});
  const shared = stack.outside.looks.filter(({ route }) => route['v2'] !== undefined);
  const seconds = ((shared.at(-1)?.at ?? 0) - (shared[0]?.at ?? 0)) / 1_000;
  const slow = stack.customers.answers.filter(({ version, took }) => version === 'v2' && took > 500).length;
  t.diagnostic(`weight 0 after ${seconds.toFixed(1)} s at 10 % of 200 requests/s, ${slow} were slow`);
});
