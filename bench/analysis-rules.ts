import type { Interval } from '../src/core/analysis/sequential/boundaries.ts';
import { decideRollout } from '../src/core/analysis/sequential/judgement.ts';
import type { Profile } from '../src/core/analysis/sequential/profile.ts';
import { addRound } from '../src/core/analysis/sequential/rollout.ts';
import type { Counts, RolloutState } from '../src/core/model/analysis-state.ts';

export type Answer = 'hold' | 'rollback' | 'promote';
/** A rule sees one interval after the other and answers after each. */
export type Rule = (interval: Interval) => Answer;

const sum = (pods: Readonly<Record<string, Counts>>): Counts => {
  let requests = 0;
  const bad: Record<string, number> = {};
  for (const counts of Object.values(pods)) {
    requests += counts.requests;
    for (const [key, count] of Object.entries(counts.bad)) bad[key] = (bad[key] ?? 0) + count;
  }
  return { requests, bad };
};
const plus = (a: Counts, b: Counts): Counts => ({
  requests: a.requests + b.requests,
  bad: Object.fromEntries(Object.keys(b.bad).map((key) => [key, (a.bad[key] ?? 0) + (b.bad[key] ?? 0)])),
});
const rate = ({ requests, bad }: Counts): number => (bad['errors'] ?? 0) / requests;

/** The sequential analysis, from a history's state on. */
export function sequential(history: RolloutState, profile: Profile): Rule {
  let state = history;
  return (interval) => {
    state = addRound(state, interval, profile, 1);
    const { move } = decideRollout(state, profile, interval.to, 1);
    return move === 'advance' ? 'promote' : move;
  };
}

/**
 * A model of counting threshold crossings: each minute the canary's share of good requests of that minute is held
 * against 99 %, `failures` crossings in all go back, `minutes` without go on. No tool's code.
 */
export function thresholdCounting(failures: number, minutes: number): Rule {
  let window: Counts = { requests: 0, bad: {} };
  let failed = 0;
  let passed = 0;
  return ({ canary, to }) => {
    window = plus(window, sum(canary));
    if (to % 60 !== 0) return 'hold';
    if (window.requests === 0 || rate(window) > 0.01) failed += 1;
    else passed += 1;
    window = { requests: 0, bad: {} };
    if (failed >= failures) return 'rollback';
    return passed >= minutes ? 'promote' : 'hold';
  };
}

/**
 * A model of a rank test on fixed windows: error rates of each scrape in windows of 15 minutes, Mann-Whitney with
 * ties at two-sided 98 %; one window that is higher goes back, three that are not go on. No tool's code.
 */
export function rankTest(): Rule {
  let a: number[] = [];
  let b: number[] = [];
  let windows = 0;
  return ({ canary, stable, to }) => {
    const [one, other] = [sum(canary), sum(stable)];
    if (one.requests > 0) a.push(rate(one));
    if (other.requests > 0) b.push(rate(other));
    if (to % 900 !== 0) return 'hold';
    const z = mannWhitney(a, b);
    [a, b] = [[], []];
    windows += 1;
    if (z > 2.326) return 'rollback';
    return windows >= 3 ? 'promote' : 'hold';
  };
}

function mannWhitney(a: readonly number[], b: readonly number[]): number {
  const n = a.length + b.length;
  if (a.length === 0 || b.length === 0) return 0;
  const all = [...a.map((value) => ({ value, mine: true })), ...b.map((value) => ({ value, mine: false }))];
  all.sort((x, y) => x.value - y.value);
  let ranks = 0;
  let ties = 0;
  for (let i = 0; i < n;) {
    let j = i;
    while (j < n && all[j]?.value === all[i]?.value) j++;
    const size = j - i;
    ties += size ** 3 - size;
    for (let k = i; k < j; k++) if (all[k]?.mine === true) ranks += (i + j + 1) / 2;
    i = j;
  }
  const u = ranks - (a.length * (a.length + 1)) / 2;
  const variance = ((a.length * b.length) / 12) * (n + 1 - ties / (n * (n - 1)));
  return variance > 0 ? (u - (a.length * b.length) / 2 - 0.5) / Math.sqrt(variance) : 0;
}
