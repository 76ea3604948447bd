import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AnalysisState } from '../model/analysis-state.ts';
import { MetricGate } from '../model/gate.ts';
import { emptyAnalysis } from './ingest.ts';
import { differenceInterval } from './intervals.ts';
import { judgeMetric } from './judge.ts';

const gate = MetricGate.parse({
  kind: 'metric',
  name: 'errors',
  metric: { type: 'errors' },
  marginPoints: 2,
  minRequests: 50,
});

const counted = (canary: number, canaryBad: number, stable: number, stableBad: number): AnalysisState => ({
  ...emptyAnalysis('p'),
  canary: { requests: canary, bad: { errors: canaryBad } },
  stable: { requests: stable, bad: { errors: stableBad } },
  from: 100,
  t: 110,
});

test('no data is never success', () => {
  assert.equal(judgeMetric(counted(0, 0, 1_000, 0), gate).verdict, 'pending');
  assert.equal(judgeMetric(counted(0, 0, 1_000, 0), gate).reason.code, 'no-traffic');
  assert.equal(judgeMetric(counted(1_000, 0, 0, 0), gate).reason.code, 'no-stable-traffic');
});

test('worse by more than the margin fails, with its numbers', () => {
  const judged = judgeMetric(counted(200, 12, 1_800, 2), gate);
  assert.equal(judged.verdict, 'fail');
  assert.ok(judged.reason.code === 'worse' && judged.reason.comparison.lower > 0);
});

test('not worse by more than the margin passes', () => {
  assert.equal(judgeMetric(counted(1_000, 2, 9_000, 18), gate).verdict, 'pass');
});

test('fewer requests than the minimum are never enough, either way', () => {
  assert.equal(judgeMetric(counted(49, 40, 10_000, 0), gate).verdict, 'insufficient');
  assert.equal(judgeMetric(counted(49, 0, 10_000, 0), { ...gate, marginPoints: 50 }).verdict, 'insufficient');
});

test('an incident that hits both sides alike is not blamed on the canary', () => {
  assert.equal(judgeMetric(counted(2_000, 600, 2_000, 600), { ...gate, marginPoints: 5 }).verdict, 'pass');
});

test('the absolute limit stays on, whatever stable does', () => {
  const judged = judgeMetric(counted(2_000, 600, 2_000, 600), { ...gate, limitPercent: 20 });
  assert.equal(judged.reason.code, 'limit-exceeded');
});

test('what is missing is said: that many more at the same rates decide, and not one fewer', () => {
  const state = counted(60, 0, 540, 0);
  const judged = judgeMetric(state, gate);
  assert.ok(judged.reason.code === 'not-enough-data');
  const { missingRequests, etaMs } = judged.reason;
  const upper = (more: number): number =>
    differenceInterval({ bad: 0, requests: 60 + more }, { bad: 0, requests: (540 * (60 + more)) / 60 }, 1.645)
      .upper;
  assert.ok(upper(missingRequests) <= 0.02);
  assert.ok(upper(missingRequests - 1) > 0.02);
  assert.equal(etaMs, Math.round((missingRequests / 60) * 10_000));
});

test('where more traffic settles nothing, it says so by its greatest number and no time', () => {
  const atMargin = judgeMetric(counted(1_000, 22, 10_000, 20), gate);
  assert.ok(atMargin.reason.code === 'not-enough-data' && atMargin.reason.etaMs === null);
});

test('a latency bound that nobody counts is an error, never a pass', () => {
  const slow = { ...gate, metric: { type: 'slow', aboveMs: 333 } } as const;
  const judged = judgeMetric(counted(1_000, 0, 10_000, 0), slow);
  assert.equal(judged.verdict, 'error');
  assert.equal(judged.reason.code, 'not-counted');
});
