import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Sample } from '../model/observation.ts';
import { emptyAnalysis, ingest } from './ingest.ts';

const sample = (
  t: number,
  pod: string,
  requests: number,
  errors: number,
  more: Partial<Sample> = {},
): Sample => ({
  t,
  arm: pod.startsWith('c') ? 'canary' : 'stable',
  pod,
  weight: 0.1,
  requests,
  bad: { errors },
  latencyMs: { '250': requests - 2 * errors, '+Inf': requests },
  ...more,
});

test('the first sample of a pod is its zero; what comes after counts', () => {
  const state = ingest(emptyAnalysis('p'), [
    sample(1, 's1', 1_000, 10),
    sample(1, 'c1', 5, 0),
    sample(2, 's1', 1_090, 11),
    sample(2, 'c1', 15, 2),
  ]);
  assert.deepEqual(state.stable, { requests: 90, bad: { errors: 1, 'slow:250': 2 } });
  assert.deepEqual(state.canary, { requests: 10, bad: { errors: 2, 'slow:250': 4 } });
  assert.equal(state.t, 2);
  assert.equal(state.from, 1);
});

test('a pod born after the comparison began counts from its birth', () => {
  const state = ingest(emptyAnalysis('p'), [sample(1, 's1', 100, 0), sample(3, 's2', 40, 1, { started: 2 })]);
  assert.deepEqual(state.stable, { requests: 40, bad: { errors: 1, 'slow:250': 2 } });
  const before = ingest(emptyAnalysis('p'), [
    sample(1, 's1', 100, 0),
    sample(3, 's2', 40, 1, { started: 0.5 }),
  ]);
  assert.equal(before.stable.requests, 0);
});

test('a counter that went down was reset: what it shows now is what came since', () => {
  const state = ingest(emptyAnalysis('p'), [
    sample(1, 'c1', 500, 5),
    sample(2, 'c1', 520, 6),
    sample(3, 'c1', 7, 1),
    sample(4, 'c1', 17, 1),
  ]);
  assert.deepEqual(state.canary, {
    requests: 20 + 7 + 10,
    bad: { errors: 1 + 1 + 0, 'slow:250': 2 + 2 + 0 },
  });
});

test('before the canary has weight, and when it has all, nothing counts', () => {
  const state = ingest(emptyAnalysis('p'), [
    sample(1, 'c1', 0, 0, { weight: 0 }),
    sample(2, 'c1', 10, 0, { weight: 0 }),
    sample(3, 'c1', 30, 1, { weight: 0.5 }),
    sample(4, 'c1', 90, 9, { weight: 1 }),
  ]);
  assert.equal(state.canary.requests, 20);
  assert.equal(state.from, 3);
});

test('replaying a batch, whole or in part, changes nothing', () => {
  const batch = [
    sample(1, 'c1', 0, 0),
    sample(2, 'c1', 10, 1),
    sample(3, 'c1', 30, 2),
    sample(3, 's1', 9, 0),
  ];
  const once = ingest(emptyAnalysis('p'), batch);
  assert.deepEqual(ingest(once, batch), once);
  assert.deepEqual(ingest(once, batch.slice(1, 3)), once);
});

test('cutting a batch anywhere gives the same totals', () => {
  const steps = fc.array(
    fc.record({ pod: fc.constantFrom('c1', 'c2', 's1'), requests: fc.nat(50), reset: fc.boolean() }),
    { maxLength: 30 },
  );
  fc.assert(
    fc.property(steps, fc.nat(30), (made, cut) => {
      const counts = new Map<string, number>();
      const samples = made.map(({ pod, requests, reset }, i) => {
        const count = (reset ? 0 : (counts.get(pod) ?? 0)) + requests;
        counts.set(pod, count);
        return sample(i + 1, pod, count, 0);
      });
      const whole = ingest(emptyAnalysis('p'), samples);
      const parts = ingest(ingest(emptyAnalysis('p'), samples.slice(0, cut)), samples.slice(cut));
      assert.deepEqual(parts, whole);
    }),
  );
});
