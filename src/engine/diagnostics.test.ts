import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TurnBench } from '../../simulation/turn-bench.ts';
import type { Diagnostics } from '../core/model/diagnostics.ts';
import { err, ok, type Result } from '../core/model/result.ts';
import type { EnvironmentDriver, Unreadable } from '../ports/environment.ts';
import type { DiagnosticsRead, EngineStore } from '../ports/store.ts';
import { nodeCrypto } from './crypto.ts';
import { carryOut } from './effects.ts';

/** v1 is stable; v2 never became ready, was turned back, and is to be removed. */
function turnedBack(): TurnBench {
  const bench = new TurnBench();
  const pipeline = bench.production({ rollout: { steps: [10, 100], progressDeadline: '1m' } });
  bench.bootstrap('v1', pipeline, 1);
  bench.build('v2');
  bench.request('v2', pipeline);
  bench.turn();
  bench.observe({ v1: 1, v2: 0 }, { v1: 100 });
  bench.now += 120_000;
  bench.turn();
  assert.deepEqual(
    bench.slot.effects.map((e) => e.action.type),
    ['remove-workload'],
  );
  return bench;
}

/** Carries out the removal; gives what was recorded and what was asked of the outside, in their order. */
async function removed(
  bench: TurnBench,
  diagnose: () => Promise<Result<Diagnostics, Unreadable>>,
): Promise<{
  readonly order: readonly string[];
  readonly reads: readonly DiagnosticsRead[];
  readonly kept: readonly (string | null)[];
}> {
  const order: string[] = [];
  const reads: DiagnosticsRead[] = [];
  const kept: (string | null)[] = [];
  const store: Partial<EngineStore> = {
    load: () =>
      Promise.resolve({ ...bench.input(), pending: { seenUntil: null, samples: [] }, headHash: '' }),
    release: () => Promise.resolve(),
    effectFailed: () => Promise.resolve(),
    diagnosticsRead: async (_slot, read, bytes) => {
      order.push('read');
      reads.push(read);
      kept.push(bytes);
      bench.entry({ type: 'diagnostics-read', at: bench.now, ...read });
    },
  };
  const driver: Partial<EnvironmentDriver> = {
    troubleshooting: { diagnose },
    desiredState: {
      applyWorkload: () => assert.fail('nothing is to be applied'),
      removeWorkload: async () => {
        order.push('removed');
        return { outcome: 'failed', message: 'not now' };
      },
    },
  };
  const claim = { slot: bench.slot.key, lane: 'effect', token: 1 } as const;
  const never = new AbortController().signal;
  const limits = { signal: never, diagnosticsLimit: () => never };
  for (let tries = 0; tries < 2; tries++)
    await carryOut(store as EngineStore, driver as EnvironmentDriver, nodeCrypto, claim, limits);
  return { order, reads, kept };
}

const words = {
  processes: [
    { name: 'v2-0', state: 'ended with exit code 1', restarts: 3, log: ['password=hunter2', 'no database'] },
  ],
  events: [{ at: 5, about: 'v2-0', text: 'BackOff: restarting failed container' }],
};

test('what a release says is kept before it is removed, once, and not in the ledger', async () => {
  const bench = turnedBack();
  const { order, reads, kept } = await removed(bench, async () => ok(words));
  assert.deepEqual(order, ['read', 'removed', 'removed']);
  const bytes = kept[0] ?? '';
  assert.match(bytes, /no database/);
  assert.doesNotMatch(bytes, /hunter2/);
  assert.deepEqual(reads, [
    {
      promotion: 'v2-production',
      content: nodeCrypto.digest(bytes),
      processes: 1,
      events: 1,
      message: '',
    },
  ]);
  bench.observe({ v1: 1 }, { v1: 100 });
  for (let turns = 0; turns < 3; turns++) bench.turn();
  assert.equal(bench.slot.ended[0]?.diagnostics, nodeCrypto.digest(bytes));
});

test('a release that cannot be asked is removed all the same, and the record says why nothing is known', async () => {
  for (const diagnose of [
    async () => err({ code: 'unreachable', message: 'no answer' }) as Result<Diagnostics, Unreadable>,
    () => Promise.reject<Result<Diagnostics, Unreadable>>(new Error('no answer')),
  ]) {
    const bench = turnedBack();
    const { order, reads } = await removed(bench, diagnose);
    assert.deepEqual(order, ['read', 'removed', 'removed']);
    assert.deepEqual([reads[0]?.content, reads[0]?.message], [null, 'no answer']);
    assert.equal(bench.slot.promotions[0]?.diagnostics, null);
  }
});
