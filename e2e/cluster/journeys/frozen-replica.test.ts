import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { ClusterStack } from './cluster-stack.ts';
import { weightsSeen } from './outside.ts';
import { settled } from './settled.ts';

test('of two servers one stands still beyond its leases and wakes again: the release goes on, and nothing twice', async (t) => {
  const { stack, server } = await ClusterStack.withV1('replica-frozen', { rollout: { stepAtLeast: '4s' } });
  await using _ = stack;
  await stack.startServer();
  await stack.release({ name: 'v2', failEvery: 0 });
  await stack.untilWeight('v2', 10);
  process.kill(server.pid, 'SIGSTOP');
  try {
    await stack.untilWeight('v2', 50);
    // Longer than every lease, and in the middle of the other's step.
    await delay(3_000);
  } finally {
    process.kill(server.pid, 'SIGCONT');
  }
  const end = await stack.end('v2');
  assert.equal(end.state, 'promoted', end.sentence);
  t.diagnostic(end.sentence);
  await settled(stack, 'v2', 'v1');
  assert.deepEqual(weightsSeen(stack.outside.looks, 'v2'), [0, 10, 50, 100]);
  assert.deepEqual(stack.customers.problems, {});
});
