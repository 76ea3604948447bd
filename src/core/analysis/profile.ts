import type { AnalysisProfile, GateOf, Metric } from '../model/gate.ts';
import type { Sample } from '../model/observation.ts';
import { unreachable } from '../model/result.ts';
import { saturatedSeries, slowSeries } from './boundaries.ts';

/** One metric that must be shown to be within its margin before the canary goes on. */
export interface MetricProfile {
  readonly metric: Metric;
  /** Harm below this is accepted: a difference of rates (0 to 1). */
  readonly margin: number;
  /** An absolute limit of the canary's rate, whatever stable does; null for none. */
  readonly limit: number | null;
}

/** What a user promises and asks for; every number has a default. Times in seconds. */
export interface Profile {
  /** The budget of false rollbacks, per rollout. */
  readonly alpha: number;
  /** The budget of false promotions, per metric at its margin. */
  readonly beta: number;
  /** The ratio of bad rates, canary to stable, that is no reason for a rollback. */
  readonly tolerance: number;
  readonly metrics: readonly MetricProfile[];
  readonly stepAtLeast: number;
  readonly warmUp: number;
  readonly maxHold: number;
  /** The least time at the last weight before promotion. */
  readonly bake: number;
}

/** The name of the counted series that a metric is about. */
export function seriesOf(metric: Metric): string {
  switch (metric.type) {
    case 'errors':
      return 'errors';
    case 'slow':
      return slowSeries(metric.aboveMs);
    case 'saturated':
      return saturatedSeries(metric.above);
    default:
      return unreachable(metric);
  }
}

/** An excess below this is no reason for a rollback, however certain: 0.05 percentage points. */
export const leastExcess = 0.0005;

/** Most latency bounds that are watched, and between which shares of slower requests they lie. */
const bounds = { most: 5, least: 0.0005, largest: 0.5 };

/**
 * The latency bounds to watch for a changed shape: those that stable exceeds neither nearly never nor mostly, evenly
 * picked. `cumulative` are stable's counts by upper bound, with `+Inf`; only what lies before the comparison may be
 * given. Series names, rising.
 */
export function shapeSeries(cumulative: Readonly<Record<string, number>>): readonly string[] {
  const all = cumulative['+Inf'] ?? 0;
  const fitting = Object.keys(cumulative)
    .filter((bound) => bound !== '+Inf')
    .filter((bound) => {
      const slower = (all - (cumulative[bound] ?? 0)) / all;
      return slower >= bounds.least && slower <= bounds.largest;
    })
    .sort((a, b) => Number(a) - Number(b));
  const picked =
    fitting.length <= bounds.most
      ? fitting
      : Array.from(
          { length: bounds.most },
          (_, i) => fitting[Math.round((i * (fitting.length - 1)) / (bounds.most - 1))] ?? '',
        );
  return picked.map(slowSeries);
}

/** Stable's latency counts by upper bound, as each of its pods shows them first, or last: all of a history. */
export function stableLatency(
  samples: Iterable<Sample>,
  which: 'first' | 'last',
): Readonly<Record<string, number>> {
  const shown = new Map<string, Sample>();
  for (const sample of samples) {
    if (sample.arm !== 'stable') continue;
    const other = shown.get(sample.pod);
    if (other === undefined || (which === 'first' ? sample.t < other.t : sample.t >= other.t))
      shown.set(sample.pod, sample);
  }
  const sums: Record<string, number> = {};
  for (const { latencyMs } of shown.values())
    for (const [bound, count] of Object.entries(latencyMs)) sums[bound] = (sums[bound] ?? 0) + count;
  return sums;
}

/** A gate as it stands in a pipeline. Its hold and the least time of a step are the rollout's to keep. */
export const gateProfile = (gate: GateOf<'metric'>): Profile => ({
  ...profileOf({ ...gate, stepAtLeast: 0 }),
  maxHold: Infinity,
});

/** A written profile in the units of the analysis: fractions and seconds. */
export function profileOf(written: Omit<AnalysisProfile, 'kind' | 'name'>): Profile {
  const { errors, latency, saturation } = written;
  const percent = (value: number | undefined): number | null => (value === undefined ? null : value / 100);
  const slow: readonly MetricProfile[] =
    latency === null
      ? []
      : [
          {
            metric: { type: 'slow', aboveMs: latency.aboveMs },
            margin: latency.marginPoints / 100,
            limit: percent(latency.limitPercent),
          },
        ];
  const full: readonly MetricProfile[] =
    saturation === null
      ? []
      : [
          {
            metric: { type: 'saturated', above: saturation.above },
            margin: saturation.marginPoints / 100,
            limit: percent(saturation.limitPercent),
          },
        ];
  return {
    alpha: written.alpha,
    beta: written.beta,
    tolerance: written.tolerance,
    metrics: [
      {
        metric: { type: 'errors' },
        margin: errors.marginPoints / 100,
        limit: percent(errors.limitPercent),
      },
      ...slow,
      ...full,
    ],
    stepAtLeast: written.stepAtLeast / 1000,
    warmUp: written.warmUp / 1000,
    maxHold: written.maxHold / 1000,
    bake: written.bake / 1000,
  };
}
