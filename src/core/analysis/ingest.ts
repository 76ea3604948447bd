import type { AnalysisState, ArmTotals, PodCounters } from '../model/analysis-state.ts';
import type { Sample } from '../model/observation.ts';

/** An analysis that has seen nothing yet. */
export const emptyAnalysis = (promotion: string): AnalysisState => ({
  version: 1,
  promotion,
  pods: {},
  canary: { requests: 0, bad: {} },
  stable: { requests: 0, bad: {} },
  t: null,
  from: null,
});

/** The name under which requests slower than a bound are counted. */
export const slowKey = (aboveMs: number): string => `slow:${aboveMs}`;

/**
 * Adds samples to an analysis. A pod's first sample is its zero, unless the pod was born after the comparison
 * began: then its counters started at zero on their own. A counter that went down was reset: what it shows now
 * is what came since. A sample no newer than the pod's last changes nothing, so replaying is harmless. Samples
 * before the canary has weight, or when it has all, count for neither arm.
 */
export function ingest(state: AnalysisState, samples: readonly Sample[]): AnalysisState {
  const pods: Record<string, PodCounters> = { ...state.pods };
  let canary = state.canary;
  let stable = state.stable;
  let { t, from } = state;
  for (const sample of [...samples].sort((a, b) => a.t - b.t || (a.pod < b.pod ? -1 : 1))) {
    const last = pods[sample.pod];
    if (last !== undefined && sample.t <= last.t) continue;
    const now: PodCounters = { arm: sample.arm, t: sample.t, requests: sample.requests, bad: badOf(sample) };
    pods[sample.pod] = now;
    t = Math.max(t ?? sample.t, sample.t);
    if (sample.weight <= 0 || sample.weight >= 1) continue;
    from ??= sample.t;
    const bornHere = last === undefined && sample.started !== undefined && sample.started >= from;
    if (last === undefined && !bornHere) continue;
    const delta = since(now, last);
    if (sample.arm === 'canary') canary = add(canary, delta);
    else stable = add(stable, delta);
  }
  return { ...state, pods, canary, stable, t, from };
}

/** Bad counts of a sample: those it names, and for each latency bound the requests above it. */
function badOf(sample: Sample): Record<string, number> {
  const bad: Record<string, number> = { ...sample.bad };
  const all = sample.latencyMs['+Inf'];
  if (all === undefined) return bad;
  for (const [bound, count] of Object.entries(sample.latencyMs)) {
    if (bound !== '+Inf') bad[`slow:${bound}`] = Math.max(0, all - count);
  }
  return bad;
}

function since(now: PodCounters, last: PodCounters | undefined): ArmTotals {
  // A restarted process counts from zero again; all its counters do, not only the one that shows it.
  const base =
    last === undefined || now.requests < last.requests
      ? { requests: 0, bad: {} as Record<string, number> }
      : last;
  const bad = Object.fromEntries(
    Object.entries(now.bad).map(([key, count]) => [key, Math.max(0, count - (base.bad[key] ?? 0))]),
  );
  return { requests: now.requests - base.requests, bad };
}

function add(totals: ArmTotals, delta: ArmTotals): ArmTotals {
  const bad: Record<string, number> = { ...totals.bad };
  for (const [key, count] of Object.entries(delta.bad)) bad[key] = (bad[key] ?? 0) + count;
  return { requests: totals.requests + delta.requests, bad };
}
