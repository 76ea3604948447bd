import type { LearntGate, RolloutState, SeriesState } from '../model/analysis-state.ts';
import type { Sample } from '../model/observation.ts';
import { inBatches, noCounters, type Round, takeIn } from './boundaries.ts';
import { type Profile, seriesOf, shapeSeries, stableLatency } from './profile.ts';
import { addInterval, freshSeries, isHanging, learntOf, restartStage } from './series.ts';

/** An analysis that watches these series beside those of its metrics. `learnt` is what the rollout before has left. */
export function beginRollout(
  profile: Profile,
  shape: readonly string[],
  learnt: LearntGate = {},
): RolloutState {
  const names = new Set([...profile.metrics.map(({ metric }) => seriesOf(metric)), ...shape]);
  return {
    counters: noCounters,
    series: Object.fromEntries([...names].map((name) => [name, freshSeries(learnt[name])])),
    stage: null,
    began: null,
    pace: null,
    silent: null,
  };
}

/** What a rollout leaves to the next. */
export const learntFrom = ({ series }: RolloutState): LearntGate =>
  Object.fromEntries(Object.entries(series).map(([name, one]) => [name, learntOf(one)]));

/** The margin that must be shown before traffic grows to `next`: what is risked is harm times traffic. */
export const marginBefore = (margin: number, next: number): number => margin / next;

/** Adds one round. `next` is the weight that the canary would get next (0 to 1). */
export function addRound(state: RolloutState, round: Round, profile: Profile, next: number): RolloutState {
  if (round.kind === 'silence') return { ...state, silent: round.arm };
  const isStage = round.weight > 0 && (state.began !== null || Object.keys(round.canary).length > 0);
  const rises = isStage && state.stage?.weight !== round.weight;
  const stage = rises ? { weight: round.weight, since: round.to } : state.stage;
  const series: Record<string, SeriesState> = {};
  for (const [name, one] of Object.entries(state.series)) {
    const required = profile.metrics.find(({ metric }) => seriesOf(metric) === name);
    series[name] = addInterval(rises ? restartStage(one) : one, name, round, {
      alpha: profile.alpha,
      beta: profile.beta,
      tolerance: profile.tolerance,
      line: required === undefined ? null : { slope: 1, margin: marginBefore(required.margin, next) },
    });
  }
  const requests = Object.values(round.canary).reduce((sum, counts) => sum + counts.requests, 0);
  const rate = requests / (round.to - round.from);
  // An arm that hangs has no pace: what is missing then would be foretold for years ahead.
  const hangs = series['errors'] !== undefined && isHanging(series['errors']);
  return {
    ...state,
    series,
    stage,
    began: state.began ?? (isStage ? round.to : null),
    pace: hangs ? null : state.pace === null || rises ? rate : 0.8 * state.pace + 0.2 * rate,
    silent: null,
  };
}

/** An analysis whose first batch of samples chooses the latency bounds that are watched for a changed shape. */
export const beginWith = (
  profile: Profile,
  samples: Iterable<Sample>,
  learnt: LearntGate = {},
): RolloutState =>
  beginRollout(profile, measuresLatency(profile) ? shapeSeries(stableLatency(samples, 'first')) : [], learnt);

/**
 * An analysis that has taken in what stable counted before the rollout, in the order of time. Pods that are gone have taught what they could;
 * only those that are left are remembered by name.
 */
export function beginWithHistory(
  profile: Profile,
  history: Iterable<Sample>,
  learnt: LearntGate = {},
): RolloutState {
  const shape = measuresLatency(profile) ? shapeSeries(stableLatency(history, 'last')) : [];
  let state = beginRollout(profile, shape, learnt);
  for (const batch of inBatches(history)) state = addBatch(state, profile, [], batch);
  const series: Record<string, SeriesState> = {};
  for (const [name, one] of Object.entries(state.series))
    series[name] = {
      ...one,
      pods: Object.fromEntries(Object.entries(one.pods).filter(([pod]) => pod in state.counters.pods)),
    };
  return { ...state, series };
}

/** The analysis of one gate after one more batch. `steps` are the rollout's weights in percent, rising. */
export function addBatch(
  state: RolloutState,
  profile: Profile,
  steps: readonly number[],
  samples: readonly Sample[],
): RolloutState {
  const watched = new Set(Object.keys(state.series));
  const { state: counters, rounds } = takeIn(state.counters, samples, profile.warmUp, watched);
  return rounds.reduce<RolloutState>(
    (next, round) => addRound(next, round, profile, nextWeight(steps, round.weight)),
    { ...state, counters },
  );
}

/** The canary's share (0 to 1) that comes after one. */
export const nextWeight = (steps: readonly number[], weight: number): number =>
  (steps.find((step) => step > Math.round(100 * weight)) ?? 100) / 100;

const measuresLatency = (profile: Profile): boolean =>
  profile.metrics.some(({ metric }) => metric.type === 'slow');
