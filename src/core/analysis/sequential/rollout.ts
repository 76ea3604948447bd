import { type CounterState, noCounters, type Round } from './boundaries.ts';
import { type Profile, seriesOf } from './profile.ts';
import { addInterval, freshSeries, restartStage, type SeriesState } from './series.ts';

/** An analysis between two batches of samples: small, serialisable, versioned; part of the recorded inputs. */
export interface RolloutState {
  readonly version: 2;
  readonly counters: CounterState;
  readonly series: Readonly<Record<string, SeriesState>>;
  /** The canary's share, since when, and the seconds of requests it counted; null before it has any. */
  readonly stage: { readonly weight: number; readonly since: number } | null;
  /** The first boundary at which the canary had weight. */
  readonly began: number | null;
  /** Canary requests a second, with a short memory. */
  readonly pace: number | null;
  /** Whether the last round was an arm's silence. */
  readonly silent: 'canary' | 'stable' | null;
}

/** An analysis that watches these series beside those of its metrics. */
export function beginRollout(profile: Profile, shape: readonly string[]): RolloutState {
  const names = new Set([...profile.metrics.map(({ metric }) => seriesOf(metric)), ...shape]);
  return {
    version: 2,
    counters: noCounters,
    series: Object.fromEntries([...names].map((name) => [name, freshSeries()])),
    stage: null,
    began: null,
    pace: null,
    silent: null,
  };
}

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
  return {
    ...state,
    series,
    stage,
    began: state.began ?? (isStage ? round.to : null),
    pace: state.pace === null || rises ? rate : 0.8 * state.pace + 0.2 * rate,
    silent: null,
  };
}
