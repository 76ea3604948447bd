import type { AnalysisState, ArmTotals } from '../model/analysis-state.ts';
import type { GateOf, Metric } from '../model/gate.ts';
import { unreachable } from '../model/result.ts';
import type { ArmCounts, Comparison, Reason } from '../model/reason.ts';
import type { Verdict } from '../model/verdict.ts';
import { binomialTail } from './binomial.ts';
import { slowKey } from './ingest.ts';
import { differenceInterval, rounded, scoreInterval } from './intervals.ts';

/**
 * How improbable what was seen must be if the canary were no worse. Judged after every scrape, so that one look in
 * a rollout's hundred that errs is still rare.
 */
const surelyWorse = 0.0002;
/** The normal quantile that goes with it, for absolute limits and for the outlook. */
const zWorse = 3.54;
/** A canary may be worse by this share of stable's rate before that counts as worse at all. */
const toleratedRatio = 0.1;
/** "Not worse by more than the margin" with one-sided 95 %. */
const zWithin = 1.645;

export interface Judged {
  readonly verdict: Verdict;
  readonly reason: Reason;
}

/**
 * Judges one metric of a rollout by what both arms have counted.
 * - `fail`: it was seen to be worse than stable by more than the margin, and that is no chance; or it is surely over
 *   the absolute limit.
 * - `pass`: it is not worse by more than the margin, with 95 %, on at least `minRequests` requests.
 * - `insufficient`: neither can be said; the reason says how many requests are missing, as far as can be told.
 * - `error`: what the gate counts is not counted at all.
 * - `pending`: an arm has no traffic. No data is never success.
 */
export function judgeMetric(state: AnalysisState, gate: GateOf<'metric'>): Judged {
  if (!isCounted(state, gate.metric))
    return { verdict: 'error', reason: { code: 'not-counted', metric: gate.metric } };
  const canary = counts(state.canary, gate.metric);
  const stable = counts(state.stable, gate.metric);
  if (canary.requests === 0)
    return { verdict: 'pending', reason: { code: 'no-traffic', metric: gate.metric } };
  if (
    gate.limitPercent !== undefined &&
    scoreInterval(canary.bad, canary.requests, zWorse).lower > gate.limitPercent / 100
  ) {
    return {
      verdict: 'fail',
      reason: { code: 'limit-exceeded', metric: gate.metric, canary, limit: gate.limitPercent / 100 },
    };
  }
  if (stable.requests === 0)
    return { verdict: 'pending', reason: { code: 'no-stable-traffic', metric: gate.metric } };
  const margin = gate.marginPoints / 100;
  const within = differenceInterval(canary, stable, zWithin);
  const comparison = (lower: number, upper: number): Comparison => ({
    metric: gate.metric,
    canary,
    stable,
    lower: rounded(lower),
    upper: rounded(upper),
    margin,
  });
  if (canary.requests >= gate.minRequests && isWorse(canary, stable, margin)) {
    return { verdict: 'fail', reason: { code: 'worse', comparison: comparison(within.lower, within.upper) } };
  }
  if (canary.requests >= gate.minRequests && isWithin(canary, stable, margin)) {
    return {
      verdict: 'pass',
      reason: { code: 'within-margin', comparison: comparison(within.lower, within.upper) },
    };
  }
  const missing = missingRequests(canary, stable, margin, gate.minRequests);
  return {
    verdict: 'insufficient',
    reason: {
      code: 'not-enough-data',
      comparison: comparison(within.lower, within.upper),
      missingRequests: missing,
      etaMs: timeFor(missing, canary.requests, state),
    },
  };
}

const rateOf = (arm: ArmCounts): number => (arm.requests === 0 ? 0 : arm.bad / arm.requests);

/**
 * What was seen lies beyond the margin, and would hardly be seen were the canary no worse than is tolerated of
 * stable's own rate: given how many bad requests there are in all, the canary's share of them is binomial
 * (Przyborowski and Wilenski 1940). Waiting until it is sure to be beyond the margin itself would cost several
 * times as many failed requests and tell nobody anything new.
 */
function isWorse(canary: ArmCounts, stable: ArmCounts, margin: number): boolean {
  if (rounded(rateOf(canary) - rateOf(stable)) <= margin) return false;
  const weight = canary.requests * (1 + toleratedRatio);
  return (
    binomialTail(canary.bad, canary.bad + stable.bad, weight / (weight + stable.requests)) <= surelyWorse
  );
}

/** Whether it will be sure by then, near enough to say how long that takes. */
function willBeWorse(canary: ArmCounts, stable: ArmCounts, margin: number): boolean {
  const beyond = rounded(rateOf(canary) - rateOf(stable)) > margin;
  return beyond && differenceInterval(canary, stable, zWorse).lower > toleratedRatio * rateOf(stable);
}

const isWithin = (canary: ArmCounts, stable: ArmCounts, margin: number): boolean =>
  differenceInterval(canary, stable, zWithin).upper <= margin;

/** Errors are absent where there were none; a latency bound that the histogram has is there from the first scrape. */
const isCounted = (state: AnalysisState, metric: Metric): boolean =>
  metric.type === 'errors' ||
  state.canary.requests === 0 ||
  state.canary.bad[slowKey(metric.aboveMs)] !== undefined;

/** What a metric counts, of one arm. */
export function counts(totals: ArmTotals, metric: Metric): ArmCounts {
  switch (metric.type) {
    case 'errors':
      return { requests: totals.requests, bad: totals.bad['errors'] ?? 0 };
    case 'slow':
      return { requests: totals.requests, bad: totals.bad[slowKey(metric.aboveMs)] ?? 0 };
    default:
      return unreachable(metric);
  }
}

/** The longest search for how much is missing: beyond this the answer is "more traffic will not settle this". */
const mostMissing = 1_000_000;

/**
 * Canary requests still needed to decide, were both arms to go on at their present rates. Intervals only shrink
 * as both arms grow alike, so the least number that decides is found by doubling and halving.
 */
function missingRequests(canary: ArmCounts, stable: ArmCounts, margin: number, minRequests: number): number {
  const grown = (arm: ArmCounts, factor: number): ArmCounts => ({
    requests: arm.requests * factor,
    bad: arm.bad * factor,
  });
  const decides = (needed: number): boolean => {
    const factor = needed / canary.requests;
    const later = [grown(canary, factor), grown(stable, factor)] as const;
    return isWithin(...later, margin) || willBeWorse(...later, margin);
  };
  // `low` does not decide, `high` does.
  let low = Math.max(canary.requests, minRequests - 1);
  let high = low + 1;
  while (!decides(high)) {
    low = high;
    high *= 2;
    if (high > mostMissing) return mostMissing;
  }
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (decides(middle)) high = middle;
    else low = middle;
  }
  return high - canary.requests;
}

function timeFor(missing: number, seen: number, state: AnalysisState): number | null {
  if (missing >= mostMissing || state.from === null || state.t === null || state.t <= state.from) return null;
  return Math.round((missing / seen) * (state.t - state.from) * 1000);
}
