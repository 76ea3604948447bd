import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Interval } from '../../src/core/analysis/boundaries.ts';
import { exactInterval } from './interval.ts';
import { classify, shift } from './kayenta.ts';
import { Chance } from './random.ts';
import { argoTight, flaggerDocumented } from './threshold-tools.ts';
import type { Answer, Tool } from './tool.ts';

const ones = (count: number, value: number): readonly number[] => Array.from({ length: count }, () => value);

test('Kayenta as in spinnaker#6278: seven of ten points at 100 pass with the numbers of that thread, eight are high', () => {
  const baseline = ones(10, 1);
  const seven = [...ones(7, 100), ...ones(3, 1)];
  const found = shift(seven, baseline);
  assert.equal(found.lower.toPrecision(13), (6.825022991538781e-5).toPrecision(13));
  assert.equal(found.estimate.toPrecision(13), (98.99992904170193).toPrecision(13));
  assert.equal(classify(seven, baseline), 'pass');
  assert.equal(classify([...ones(8, 100), ...ones(2, 1)], baseline), 'high');
});

test('Kayenta leaves NaN out, and says no data where nothing is left', () => {
  assert.equal(classify(ones(5, Number.NaN), ones(5, 1)), 'no-data');
});

const idle = (to: number): Interval => ({
  kind: 'interval',
  from: to - 15,
  to,
  weight: 0.1,
  canary: { canary: { requests: 0, bad: { errors: 0 } } },
  stable: { stable: { requests: 1000, bad: { errors: 5 } } },
});
/** When it goes back from a canary without any request, in seconds. */
function goesBack(tool: Tool): number | null {
  const watcher = tool.begin();
  for (let t = 15; t <= 3600; t += 15) {
    const answer: Answer = watcher.look(idle(t));
    if (answer === 'rollback') return t;
  }
  return null;
}

test('an idle canary: four failed measurements abort Argo Rollouts, ten failed checks and a tick Flagger', () => {
  assert.equal(goesBack(argoTight), 240);
  assert.equal(goesBack(flaggerDocumented), 660);
});

test('the sources of chance have the mean and the variance that they should', () => {
  const chance = new Chance(7);
  const moments = (draw: () => number): readonly [mean: number, variance: number] => {
    const drawn = Array.from({ length: 40_000 }, draw);
    const mean = drawn.reduce((sum, one) => sum + one, 0) / drawn.length;
    return [mean, drawn.reduce((sum, one) => sum + (one - mean) ** 2, 0) / drawn.length];
  };
  const near = ([mean, variance]: readonly [number, number], m: number, v: number): void => {
    assert.ok(Math.abs(mean - m) < 5 * Math.sqrt(v / 40_000), `mean ${mean} of ${m}`);
    assert.ok(Math.abs(variance / v - 1) < 0.1, `variance ${variance} of ${v}`);
  };
  for (const mean of [0.3, 4, 12, 150, 1500])
    near(
      moments(() => chance.poisson(mean)),
      mean,
      mean,
    );
  for (const [n, p] of [
    [20, 0.1],
    [150, 0.005],
    [150, 0.35],
    [1500, 0.02],
    [1500, 0.7],
  ] as const)
    near(
      moments(() => chance.binomial(n, p)),
      n * p,
      n * p * (1 - p),
    );
  near(
    moments(() => chance.geometric(10)),
    10,
    90,
  );
});

test('the exact interval of a share', () => {
  // Three in n, the rule of thumb's exact form: 1 - 0.025^(1/n).
  assert.equal(exactInterval(0, 400)[1].toFixed(6), (1 - 0.025 ** (1 / 400)).toFixed(6));
  const [low, high] = exactInterval(5, 100);
  assert.deepEqual([low.toFixed(4), high.toFixed(4)], ['0.0164', '0.1128']);
});
