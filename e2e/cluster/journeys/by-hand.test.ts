import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Recorded } from '../../../src/server/schemas.ts';
import { FreezeAnswer } from '../../../src/server/schemas-freezes.ts';
import { ClusterStack, slot } from './cluster-stack.ts';
import { weightsSeen } from './outside.ts';
import { settled } from './settled.ts';

/* What people do to a rollout that moves, by the API, on a real cluster under traffic. */

test('a rollback that is asked for at 60 % takes all traffic back at once, and then to the version asked for', async (t) => {
  const { stack } = await ClusterStack.withV1('rollback-asked', {
    rollout: { steps: [60, 100], stepAtLeast: '3s' },
  });
  await using _ = stack;
  await stack.release({ name: 'v2', failEvery: 0 });
  assert.equal((await stack.end('v2')).state, 'promoted');
  await stack.release({ name: 'v3', failEvery: 0 });
  await stack.untilWeight('v3', 60);
  const asked = performance.now();
  await stack.ask('v1', { mode: 'rollback' });
  await stack.untilWeight('v3', 0);
  t.diagnostic(`weight 0 after ${Math.round(performance.now() - asked)} ms`);
  const end = await stack.end('v3');
  assert.deepEqual([end.state, end.reason.code], ['aborted', 'rollback-asked'], end.sentence);
  await stack.untilWeight('v1', 100);
  await settled(stack, 'v1', 'v2');
  assert.deepEqual(weightsSeen(stack.outside.looks, 'v3'), [0, 60, 0]);
  assert.deepEqual(stack.customers.problems, {});
});

test('where no version was before, a rollback is refused with what ends the rollout, and that returns to stable', async () => {
  const { stack } = await ClusterStack.withV1('abort-asked', { rollout: { stepAtLeast: '20s' } });
  await using _ = stack;
  await stack.release({ name: 'v2', failEvery: 0 });
  await stack.untilWeight('v2', 10);
  await assert.rejects(stack.ask('v1', { mode: 'rollback' }), /belay abort .* returns to v1/);
  const path = `/v1/promotions/${slot.project}/${slot.environment}/${slot.service}/v2-live-auto/abort`;
  await stack.client.post(path, { note: '' }, Recorded);
  const end = await stack.end('v2');
  assert.deepEqual([end.state, end.reason.code], ['aborted', 'abort-asked'], end.sentence);
  await settled(stack, 'v1', 'v2');
  assert.deepEqual(weightsSeen(stack.outside.looks, 'v2'), [0, 10, 0]);
  assert.deepEqual(stack.customers.problems, {});
});

test('releases that come at 30 % wait their turn, and the newest supersedes the one between', async () => {
  const { stack } = await ClusterStack.withV1('superseded', {
    rollout: { steps: [30, 100], stepAtLeast: '8s' },
  });
  await using _ = stack;
  await stack.release({ name: 'v2', failEvery: 0 });
  const seals = [
    await stack.open({ name: 'v3', failEvery: 0 }),
    await stack.open({ name: 'v4', failEvery: 0 }),
  ];
  await stack.untilWeight('v2', 30);
  for (const seal of seals) await seal();
  const ends = [await stack.end('v2'), await stack.end('v3'), await stack.end('v4')];
  assert.deepEqual(
    ends.map(({ state, reason }) => [state, reason.code]),
    [
      ['promoted', 'done'],
      ['superseded', 'superseded-by'],
      ['promoted', 'done'],
    ],
  );
  await settled(stack, 'v4', 'v2');
  assert.deepEqual(weightsSeen(stack.outside.looks, 'v3'), [0]);
  assert.deepEqual(weightsSeen(stack.outside.looks, 'v4'), [0, 30, 100]);
  assert.deepEqual(stack.customers.problems, {});
});

test('a freeze at 30 % holds it there until it is lifted', async () => {
  const { stack } = await ClusterStack.withV1('frozen', { rollout: { steps: [30, 100], stepAtLeast: '2s' } });
  await using _ = stack;
  await stack.release({ name: 'v2', failEvery: 0 });
  await stack.untilWeight('v2', 30);
  const freeze = { scope: 'everything', reason: 'an incident' };
  const { id } = await stack.client.post('/v1/freezes', freeze, FreezeAnswer);
  assert.match(await stack.untilWaits('frozen'), /an incident/);
  await delay(12_000);
  assert.deepEqual((await stack.outside.look()).route, { v1: 70, v2: 30 });
  await stack.client.delete(`/v1/freezes/${id}?scope=everything`, Recorded);
  const end = await stack.end('v2');
  assert.equal(end.state, 'promoted', end.sentence);
  await settled(stack, 'v2', 'v1');
  assert.deepEqual(weightsSeen(stack.outside.looks, 'v2'), [0, 30, 100]);
  assert.deepEqual(stack.customers.problems, {});
});
