import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ArmPair, SeriesState, Tally } from '../model/analysis-state.ts';
import { exp, ln } from './elementary.ts';
import { mergeEvidence } from './merge-evidence.ts';
import { growth, missingRequests } from './outlook.ts';
import { podDispersion } from './over-dispersion.ts';
import { placementSpread } from './pod-spread.ts';
import { differenceBounds, freshSeries } from './series.ts';
import { nearestHarm, promotionBet } from './promotion-evidence.ts';
import { proportionBounds } from './proportion.ts';
import {
  addRollback,
  freshRollback,
  logRollback,
  rollbackBets,
  type RollbackTerms,
} from './rollback-evidence.ts';

/** Equal to the digits that the reference gives. */
const same = (found: number, reference: number, digits = 6): void =>
  assert.equal(found.toFixed(digits), reference.toFixed(digits));

const pair = (x: number, nc: number, y: number, ns: number): ArmPair => ({
  canary: { bad: x, requests: nc },
  stable: { bad: y, requests: ns },
});
const plain: RollbackTerms = {
  tolerance: 1,
  spread: 0,
  dispersion: 1,
  crowd: Infinity,
  cap: Infinity,
  share: 0,
};

test('one interval against every ratio of the grid', () => {
  const one = pair(5, 100, 10, 900);
  same(5 * ln(2) - 15 * ln(1.1), 2.036083);
  const bets = rollbackBets(one, 1);
  [0.343067, 0.607053, 1.056738, 1.773029, 2.693844, 2.761686, -3.408825, -26.976481].forEach(
    (reference, j) => same(bets[j] ?? 0, reference),
  );
  const tolerant = rollbackBets(one, 1.1);
  [0.164581, 0.290612, 0.503779, 0.837642, 1.242978, 1.144253, -2.185598, -14.115227].forEach(
    (reference, j) => same((tolerant[j] ?? 0) / 2, reference),
  );
});

const sequence = [pair(5, 100, 10, 900), pair(4, 100, 9, 900), pair(30, 500, 12, 500), pair(0, 500, 0, 500)];

/** The reference lays a fifth on cash and a tenth on each ratio. */
const even = [0.2, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1];

test('a sequence, plain and with dispersion, cap and share', () => {
  const play = (terms: RollbackTerms, references: readonly number[]): void => {
    let wealth = freshRollback(even);
    sequence.forEach((step, i) => {
      wealth = addRollback(wealth, step, terms, even);
      same(logRollback(wealth), references[i] ?? 0);
    });
  };
  play(plain, [1.496447, 3.159947, 6.453815, 6.453815]);
  play(
    { tolerance: 1.1, spread: 0, dispersion: 2, crowd: Infinity, cap: 0.5 * ln(100), share: 0.001 },
    [0.41874, 0.974206, 1.999915, 1.999915],
  );
});

test('promotion: the nearest harm and the evidence against it', () => {
  const check = (
    [a, b, q, nc, ns, x, y]: readonly [number, number, number, number, number, number, number],
    [rc, rs, log]: readonly [number, number, number],
  ): void => {
    const point = nearestHarm(q, nc, ns, { slope: a, margin: b });
    same(point.canary, rc, 9);
    same(point.stable, rs, 9);
    same(promotionBet(pair(x, nc, y, ns), point), log);
  };
  check([1, 0.005, 0.005, 1000, 9000, 5, 45], [0.009743416, 0.004743416, 1.469007]);
  check([1.1, 0.001, 0.004, 300, 700, 1, 3], [0.00501637, 0.003651246, 0.108049]);
  check([1, 0.005, 0.0005, 600, 5400, 0, 0], [0.005454163, 0.000454163, 2.724981]);
});

test('what is missing, as a mean and in nine of ten', () => {
  const h = ln(20);
  for (const [q, b, w, g, v, mean, most] of [
    [0.005, 0.005, 0.1, 0.001469007, 0.002350356, 2039.3, 3895.2],
    [0.001, 0.005, 0.1, 0.003171988, 0.003229952, 944.4, 1653.9],
    [0.0005, 0.005, 0.1, 0.003779551, 0.002896521, 792.6, 1316.0],
    [0.005, 0.001, 0.5, 0.000049753, 0.000098937, 60211.8, 119866.9],
  ] as const) {
    const found = growth({ canary: q, stable: q }, w, { slope: 1, margin: b });
    same(found.gain, g, 9);
    same(found.variance, v, 9);
    same(h / found.gain, mean, 1);
    const missing = missingRequests([{ missing: h, dispersion: 1, ...found }]);
    same(missing?.most ?? 0, most, 1);
  }
});

test('the strength of one bad event at a tenth of the traffic', () => {
  for (const [stable, added, reference] of [
    [0.005, 0.01, 0.078454],
    [0.005, 0.005, 0.023338],
    [0.001, 0.005, 0.283065],
    [0.005, 0.05, 0.583225],
  ] as const) {
    const share = (ratio: number): number => ratio / (ratio + 9);
    const seen = share(1 + added / stable);
    const tolerated = share(1.1);
    same(seen * ln(seen / tolerated) + (1 - seen) * ln((1 - seen) / (1 - tolerated)), reference);
  }
  same(ln(100) + ln(2) + ln(10), 7.6009, 4);
});

test('dispersion between pods over three blocks', () => {
  const bad = [
    [3, 0, 5],
    [0, 8, 1],
    [2, 2, 2],
  ];
  const requests = [
    [100, 120, 110],
    [100, 100, 100],
    [90, 100, 110],
  ];
  let sum = 0;
  let weight = 0;
  bad.forEach((row, i) => {
    const found = podDispersion(row.map((b, p): Tally => [b, requests[i]?.[p] ?? 0]));
    sum += (found?.dispersion ?? 0) * (found?.events ?? 0);
    weight += found?.events ?? 0;
  });
  same(sum / weight, 3.368314);
});

test('the confidence sequence of a proportion', () => {
  const { lower, upper } = proportionBounds(13, 1000, 0.05);
  same(lower, 0.003863788, 9);
  same(upper, 0.030681792, 9);
});

test('the half width of a normal mixture, which bounds the difference for people', () => {
  // Thirty steps of variance 1 mixed with variance ¼ are a variance of 7.5 mixed with 1; the unlearnt dispersion is 3.
  const state: SeriesState = { ...freshSeries(), excess: [0, (0.5 * 30) / 0.08, 7.5 / 3 / 0.25, 0] };
  const [lower, upper] = differenceBounds(state, 0.01 / 2);
  same(upper, 0.052386);
  same(lower, -0.052386);
});

test('merging: half the errors, half the mean of the bounds', () => {
  const log = mergeEvidence([
    { weight: 0.5, logs: [ln(30)] },
    { weight: 0.5, logs: [ln(2), ln(500), ln(10)] },
  ]);
  same(exp(log), 100.3333, 4);
});

test('how far apart pods that differ put two groups', () => {
  // One of a hundred like groups is placed so badly.
  same(exp(2.326 * placementSpread(0.15 * 0.15, 1, 9)), 1.444514);
  assert.equal(placementSpread(0, 1, 9), 0);
});
