import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Action } from '../../model/decision.ts';
import { nodeCrypto } from '../../../engine/crypto.ts';
import { TurnBench } from '../../../../simulation/turn-bench.ts';
import { isSeen, sameWeights } from './seen.ts';
import { foldSlot } from './slot.ts';

const artifact = nodeCrypto.digest('artifact of v1');
const looked = (generation: number, ready: number, weight: number) => ({
  at: 0,
  generation,
  workloads: [{ release: 'v1', artifact, desired: 2, ready, open: null }],
  weights: [{ release: 'v1', weight }],
  level: 'confirmed' as const,
});

test('an effect is seen only once the outside has accepted its generation', () => {
  const apply: Action = {
    type: 'apply-workload',
    generation: 5,
    release: 'v1',
    artifact,
    configuration: artifact,
    replicas: 2,
  };
  assert.equal(isSeen(apply, looked(4, 2, 0)), false);
  assert.equal(isSeen(apply, looked(5, 1, 0)), false);
  assert.equal(isSeen(apply, looked(5, 2, 0)), true);
  assert.equal(isSeen({ ...apply, artifact: nodeCrypto.digest('other') }, looked(5, 2, 0)), false);
  const shift: Action = { type: 'shift-traffic', generation: 5, weights: [{ release: 'v1', weight: 100 }] };
  assert.equal(isSeen(shift, looked(4, 2, 100)), false);
  assert.equal(isSeen(shift, looked(5, 2, 90)), false);
  assert.equal(isSeen(shift, looked(6, 2, 100)), true);
  const remove: Action = { type: 'remove-workload', generation: 5, release: 'v0' };
  assert.equal(isSeen(remove, looked(4, 2, 100)), false);
  assert.equal(isSeen(remove, looked(5, 2, 100)), true);
  assert.equal(isSeen({ ...remove, release: 'v1' }, looked(5, 2, 0)), false);
});

test('a release at 0 is the same as one left out', () => {
  const all = [{ release: 'v1', weight: 100 }];
  assert.equal(sameWeights(all, [{ release: 'v2', weight: 0 }, ...all]), true);
  assert.equal(
    sameWeights(all, [
      { release: 'v1', weight: 99 },
      { release: 'v2', weight: 1 },
    ]),
    false,
  );
  assert.equal(sameWeights([], all), false);
});

test('soak grows by what was seen healthy, and by no gap', () => {
  const bench = new TurnBench();
  bench.build('v1');
  bench.request('v1', nodeCrypto.digest('pipeline'));
  bench.slot = {
    ...bench.slot,
    moving: 'v1-production',
    promotions: bench.slot.promotions.map((p) => ({ ...p, state: 'observing', since: bench.now })),
  };
  const healthy = (): number => bench.promotion('v1-production').healthyMs;
  const look = (afterMs: number, ready: number): number => {
    bench.now += afterMs;
    bench.observe({ v1: ready }, { v1: 100 });
    return healthy();
  };
  assert.equal(look(0, 2), 0);
  assert.equal(look(10_000, 2), 10_000);
  // Longer silence than fifteen seconds is no observed time.
  assert.equal(look(15_001, 2), 10_000);
  assert.equal(look(15_000, 0), 25_000);
  // From an unhealthy look on nothing counts, until one is healthy again.
  assert.equal(look(5_000, 2), 25_000);
  assert.equal(look(5_000, 2), 30_000);
  bench.now += 60_000;
  bench.entry({ type: 'seen', at: bench.now, until: bench.now });
  assert.equal(healthy(), 90_000);
  bench.entry({ type: 'seen', at: bench.now, until: bench.now - 10_000 });
  assert.equal(healthy(), 90_000);
});

test('an entry that fits nothing changes nothing but the clock and the sequence', () => {
  const { slot } = new TurnBench();
  const by = { id: 'dana', kind: 'person' } as const;
  const after = foldSlot(slot, { type: 'paused', at: 77, by, promotion: 'nobody', note: '' }, 1);
  assert.deepEqual(after, { ...slot, seq: 1, clock: 77 });
});
