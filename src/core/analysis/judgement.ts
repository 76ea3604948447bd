import type { RolloutState, SeriesState } from '../model/analysis-state.ts';
import type { Metric } from '../model/gate.ts';
import type { Comparison } from '../model/reason.ts';
import { isSaturated } from './boundaries.ts';
import { ln } from './elementary.ts';
import { mergeEvidence } from './merge-evidence.ts';
import { growth, meanPassage, missingRequests, type Passage } from './outlook.ts';
import { leastExcess, type MetricProfile, type Profile, seriesOf } from './profile.ts';
import { evidenceAgainst, proportionBounds } from './proportion.ts';
import { marginBefore } from './rollout.ts';
import {
  canaryAtStage,
  differenceBounds,
  evidenceOf,
  excessOf,
  hasLearnt,
  idleArm,
  isHanging,
  isShown,
  seriesDispersion,
  stableRate,
} from './series.ts';

/** Why it holds, goes on or goes back. */
export type SequentialReason =
  | { readonly code: 'no-traffic' | 'no-stable-traffic' | 'waiting-for-weight' | 'ask-a-person' }
  | { readonly code: 'no-aligned-data'; readonly silent: 'canary' | 'stable' }
  | { readonly code: 'not-counted'; readonly series: string }
  | {
      readonly code: 'not-enough-traffic' | 'learning';
      readonly series: string;
      readonly missing: Outlook;
    }
  | { readonly code: 'will-not-settle'; readonly series: string }
  | {
      readonly code: 'suspicious' | 'worse' | 'one-bad-pod';
      readonly series: string;
      readonly excess: number;
    }
  | { readonly code: 'limit-exceeded'; readonly series: string; readonly limit: number }
  | { readonly code: 'stable-abnormal' | 'stable-degraded'; readonly series: string }
  | { readonly code: 'step-time'; readonly seconds: number }
  | { readonly code: 'within-margin' };

/** Canary requests that are missing, as half and nine tenths of rollouts need, and the seconds they take. */
export interface Outlook {
  readonly requests: readonly [half: number, most: number];
  readonly seconds: readonly [half: number, most: number] | null;
}

/** One metric's numbers at a boundary. Rates are fractions; `interval` are 95 % confidence sequences. */
export interface MetricNumbers {
  readonly metric: Metric;
  readonly canary: ArmNumbers;
  readonly stable: ArmNumbers;
  /** Canary minus stable over the rollout, each interval against itself, and its 95 % bounds. */
  readonly excess: number;
  readonly bounds: readonly [lower: number, upper: number];
  readonly margin: number;
  readonly dispersion: number;
  /** ln of the evidence; rollback at ln(1/alpha) of all series together, promotion at ln(1/beta) of each. */
  readonly rollbackEvidence: number;
  readonly promotionEvidence: number;
  readonly missing: Outlook | null;
}
interface ArmNumbers {
  readonly bad: number;
  readonly requests: number;
  readonly rate: number | null;
  readonly interval: readonly [number, number];
}

export interface Judgement {
  readonly move: 'advance' | 'hold' | 'rollback';
  readonly reason: SequentialReason;
  readonly metrics: readonly MetricNumbers[];
  /** ln of the evidence for a rollback, all series together. */
  readonly evidence: number;
}

const six = (value: number): number => Math.round(value * 1e6) / 1e6;

/** Judges the analysis at its last boundary. `t` in seconds; `next` the weight that would come next. */
export function judgeRollout(state: RolloutState, profile: Profile, t: number, next: number): Judgement {
  const metrics = profile.metrics.map((one) => numbersOf(state, profile, one, next));
  return { ...decideRollout(state, profile, t, next), metrics, evidence: six(rolloutEvidence(state)) };
}

/** The move alone, without the numbers that people read beside it. */
export function decideRollout(
  state: RolloutState,
  profile: Profile,
  t: number,
  next: number,
): Pick<Judgement, 'move' | 'reason'> {
  const moment = { t, next, evidence: rolloutEvidence(state) };
  return goBack(state, profile, moment) ?? cannotTell(state, profile, moment) ?? goOn(state, profile, moment);
}

/**
 * ln of all rollback evidence: errors one half, the latency bounds together the other. Saturation has no part: a pod
 * that is full stays so for minutes, so that its scrapes are no independent events, and no budget would hold.
 */
export function rolloutEvidence(state: RolloutState, withoutPod?: string): number {
  const logs = (slow: boolean): number[] =>
    ofRequests(state)
      .filter(([name]) => name.startsWith('slow:') === slow)
      .map(([, series]) => evidenceOf(series, withoutPod));
  const groups = [logs(false), logs(true)].filter((group) => group.length > 0);
  return mergeEvidence(groups.map((group) => ({ weight: 1 / groups.length, logs: group })));
}

interface Moment {
  readonly t: number;
  readonly next: number;
  readonly evidence: number;
}
type Decided = Pick<Judgement, 'move' | 'reason'>;
const hold = (reason: SequentialReason): Decided => ({ move: 'hold', reason });

/** What speaks for a rollback, or looks like it. */
function goBack(state: RolloutState, profile: Profile, { evidence }: Moment): Decided | null {
  for (const { metric, limit } of profile.metrics) {
    const name = seriesOf(metric);
    const series = state.series[name];
    if (limit === null || series === undefined) continue;
    const { bad, requests } = canaryAtStage(series);
    // Clusters count as one: what is beyond the limit by one burst is not yet beyond it.
    const dispersion = seriesDispersion(series);
    if (
      bad > limit * requests &&
      evidenceAgainst(limit, bad / dispersion, requests / dispersion) >= ln(1 / profile.alpha)
    )
      return { move: 'rollback', reason: { code: 'limit-exceeded', series: name, limit } };
  }
  const [name, series] = culprit(state);
  const excess = six(excessOf(series));
  if (evidence < ln(1 / profile.alpha) || excess < leastExcess) return null;
  const pods = Object.keys(series.without);
  const least = Math.min(...pods.map((pod) => rolloutEvidence(state, pod)));
  if (pods.length >= 3 && least < ln(1 / profile.alpha))
    return hold({ code: 'one-bad-pod', series: name, excess });
  return { move: 'rollback', reason: { code: 'worse', series: name, excess } };
}

/** Half of what speaks for going back. */
const isSuspicious = (evidence: number, { alpha }: Profile): boolean => evidence >= 0.5 * ln(1 / alpha);

const ofRequests = (state: RolloutState): readonly (readonly [string, SeriesState])[] =>
  Object.entries(state.series).filter(([name]) => !isSaturated(name));

/** The series with the most evidence. */
function culprit(state: RolloutState): readonly [string, SeriesState] {
  const [first, ...others] = ofRequests(state);
  if (first === undefined) throw new Error('an analysis without any series');
  return others.reduce((worst, one) => (evidenceOf(one[1]) > evidenceOf(worst[1]) ? one : worst), first);
}

/** What makes the last interval say nothing. */
function cannotTell(state: RolloutState, profile: Profile, { t, evidence }: Moment): Decided | null {
  if (state.silent !== null) return hold({ code: 'no-aligned-data', silent: state.silent });
  if (state.stage === null) return hold({ code: 'no-traffic' });
  for (const { metric } of profile.metrics) {
    const series = state.series[seriesOf(metric)];
    if (series === undefined) continue;
    if (series.stage.canary.requests === 0) {
      const other = Object.values(state.series).some((one) => one.stage.canary.requests > 0);
      // A gateway may add times some seconds after the requests.
      const isLate = t - state.stage.since < 30;
      if (other && !isLate) return hold({ code: 'not-counted', series: seriesOf(metric) });
      // What was suspected at the weight before is not taken back by a weight at which nothing was compared yet.
      if (isSuspicious(evidence, profile)) return null;
      // Nothing was compared: all traffic may have gone to the canary, for longer than chance explains.
      return hold({ code: idleArm(series) === 'stable' ? 'no-stable-traffic' : 'no-traffic' });
    }
    if (series.stage.stable.requests === 0) return hold({ code: 'no-stable-traffic' });
  }
  return null;
}

/** Whether all that is required has been shown, and else what is missing. */
function goOn(state: RolloutState, profile: Profile, { t, next, evidence }: Moment): Decided {
  const [worst, series] = culprit(state);
  if (isSuspicious(evidence, profile))
    return hold({ code: 'suspicious', series: worst, excess: six(excessOf(series)) });
  const open = profile.metrics
    .map((one) => ({ one, name: seriesOf(one.metric), series: state.series[seriesOf(one.metric)] }))
    .filter(({ series: s }) => s !== undefined && !isShown(s, profile.beta));
  const since = state.stage?.since ?? t;
  const least = Math.max(profile.stepAtLeast, next >= 1 ? profile.bake : 0);
  if (open.length === 0) {
    if (t - since < least) return hold({ code: 'step-time', seconds: least - (t - since) });
    return ofThen(state, profile.metrics) ?? { move: 'advance', reason: { code: 'within-margin' } };
  }
  if (t - since >= profile.maxHold) return hold({ code: 'ask-a-person' });
  const abnormal = open.find(({ series: s }) => (s?.abnormal ?? 0) > 0);
  if (abnormal !== undefined) {
    // It began with the step: the canary may be taking from stable what both live on.
    const began = t - since <= 180 && (abnormal.series?.abnormal ?? 0) >= 3;
    return hold({ code: began ? 'stable-degraded' : 'stable-abnormal', series: abnormal.name });
  }
  // What hangs will not settle by waiting, and has no pace by which to foretell when.
  const hanging = open.every(({ series: s }) => s !== undefined && isHanging(s));
  const idle = hanging ? ofThen(state, profile.metrics) : null;
  if (idle !== null) return idle;
  const forecasts = open.map(({ one, name, series: s }) => ({
    name,
    learnt: s !== undefined && hasLearnt(s),
    forecast: s === undefined ? null : forecastOf(state, profile, s, standing(one, s, next)),
  }));
  const endless = forecasts.find(({ forecast }) => forecast === null || !(forecast.gain > 0));
  if (endless !== undefined) return hold({ code: 'will-not-settle', series: endless.name });
  const mean = ({ forecast }: (typeof forecasts)[number]): number =>
    forecast === null ? 0 : meanPassage(forecast);
  const { name, learnt } = forecasts.reduce((x, y) => (mean(y) > mean(x) ? y : x));
  const missing = outlookOf(
    state,
    forecasts.map(({ forecast }) => forecast),
  );
  if (missing === null) return hold({ code: 'will-not-settle', series: name });
  return hold({ code: learnt ? 'not-enough-traffic' : 'learning', series: name, missing });
}

/** Whether what was shown is of an earlier time only: a canary that hangs completes no requests, and fails none. */
function ofThen({ series }: RolloutState, metrics: readonly MetricProfile[]): Decided | null {
  const idle = metrics.map(({ metric }) => {
    const name = seriesOf(metric);
    const one = series[name];
    return { name, arm: one === undefined ? null : idleArm(one) };
  });
  const first = idle.find(({ arm }) => arm !== null);
  if (first === undefined) return null;
  if (idle.some(({ arm }) => arm === null)) return hold({ code: 'not-counted', series: first.name });
  return hold({ code: first.arm === 'canary' ? 'no-traffic' : 'no-stable-traffic' });
}

/** What is to be shown: a margin before the next weight, at the canary's share, from the evidence that there is. */
interface Asked {
  readonly margin: number;
  readonly next: number;
  readonly share: number;
  readonly evidence: number;
}

/** What is asked at this weight. */
const standing = ({ margin }: MetricProfile, { stage, promotion }: SeriesState, next: number): Asked => {
  const { canary, stable } = stage;
  return { margin, next, share: canary.requests / (canary.requests + stable.requests), evidence: promotion };
};

/** How the promotion evidence of a metric grows at the rates seen so far, and how much of it is missing. */
function forecastOf(
  state: RolloutState,
  profile: Profile,
  series: SeriesState,
  { margin, next, share, evidence }: Asked,
): Passage | null {
  const { canary, stable } = series.stage;
  if (canary.requests === 0 || stable.requests === 0) return null;
  const line = { slope: 1, margin: marginBefore(margin, next) };
  const rate = Math.max(stableRate(series), line.margin / 10);
  // Two clusters at stable's rate go before what was seen, or the first scrape would foretell the rest.
  const dispersion = seriesDispersion(series);
  const before = 2 * dispersion;
  const seen = (canary.bad + before) / (canary.requests + before / rate);
  const grows = growth({ canary: seen, stable: rate }, share, line);
  // Told in requests, whatever is counted: a scrape of a pod stands for the requests that came with it.
  const requests = state.series['errors']?.stage.canary.requests ?? canary.requests;
  const each = requests > 0 ? canary.requests / requests : 1;
  return {
    gain: grows.gain * each,
    variance: grows.variance * each,
    dispersion,
    missing: ln(1 / profile.beta) - evidence,
  };
}

/** What is missing until harm is shown to be below the margin by all of these; null: it will not be. */
function outlookOf(
  { pace }: Pick<RolloutState, 'pace'>,
  forecasts: readonly (Passage | null)[],
): Outlook | null {
  const known = forecasts.filter((one) => one !== null);
  const missing = known.length < forecasts.length ? null : missingRequests(known);
  if (missing === null) return null;
  return {
    requests: [Math.ceil(missing.half), Math.ceil(missing.most)],
    seconds:
      pace === null || pace <= 0 ? null : [Math.ceil(missing.half / pace), Math.ceil(missing.most / pace)],
  };
}

/**
 * What a series would need from the beginning at another weight or with another margin (by default its own), at the
 * rates seen so far; null where it would not settle.
 */
export function outlookAt(
  { state, profile }: Pick<Comparing, 'state' | 'profile'>,
  name: string,
  asked: { readonly weight: number; readonly next: number; readonly margin?: number },
): Outlook | null {
  const series = state.series[name];
  const margin = asked.margin ?? profile.metrics.find(({ metric }) => seriesOf(metric) === name)?.margin;
  if (series === undefined || margin === undefined || state.stage === null) return null;
  const { weight, next } = asked;
  const pace = state.pace === null ? null : (state.pace * weight) / state.stage.weight;
  return outlookOf({ pace }, [
    forecastOf(state, profile, series, { margin, next, share: weight, evidence: 0 }),
  ]);
}

/** What one metric of an analysis lacks by itself before the next weight. */
export function lackingOf(
  { state, profile, next }: Comparing,
  one: MetricProfile,
): Outlook | 'shown' | 'no-traffic' | 'will-not-settle' {
  const series = state.series[seriesOf(one.metric)];
  if (series === undefined || series.stage.canary.requests === 0 || series.stage.stable.requests === 0)
    return 'no-traffic';
  if (isShown(series, profile.beta)) return 'shown';
  return (
    outlookOf(state, [forecastOf(state, profile, series, standing(one, series, next))]) ?? 'will-not-settle'
  );
}

/** An analysis as a comparison of it is told. */
export interface Comparing {
  readonly state: RolloutState;
  readonly profile: Profile;
  readonly next: number;
}

/**
 * One series' numbers over the rollout. Where harm was shown to be below what the next weight asks, the upper bound
 * is no higher than that.
 */
export function compared({ state, profile, next }: Comparing, name: string): Comparison {
  const series = state.series[name];
  if (series === undefined) throw new Error(`no series ${name}`);
  const margin = profile.metrics.find(({ metric }) => seriesOf(metric) === name)?.margin ?? null;
  const [lower, upper] = differenceBounds(series, 0.05);
  const shown = margin !== null && isShown(series, profile.beta);
  return {
    series: name,
    canary: { ...series.total.canary },
    stable: { ...series.total.stable },
    lower: six(lower),
    upper: six(shown ? Math.min(upper, marginBefore(margin, next)) : upper),
    margin,
  };
}

function numbersOf(state: RolloutState, profile: Profile, one: MetricProfile, next: number): MetricNumbers {
  const series = state.series[seriesOf(one.metric)];
  if (series === undefined) throw new Error(`no series for ${seriesOf(one.metric)}`);
  const dispersion = seriesDispersion(series);
  const [lower, upper] = differenceBounds(series, 0.05);
  const arm = ({ bad, requests }: { readonly bad: number; readonly requests: number }): ArmNumbers => {
    const { lower, upper } = proportionBounds(bad / dispersion, requests / dispersion, 0.05);
    return {
      bad,
      requests,
      rate: requests === 0 ? null : six(bad / requests),
      interval: [six(lower), six(upper)],
    };
  };
  return {
    metric: one.metric,
    canary: arm(series.stage.canary),
    stable: arm(series.stage.stable),
    excess: six(excessOf(series)),
    bounds: [six(lower), six(upper)],
    margin: one.margin,
    dispersion: six(dispersion),
    rollbackEvidence: six(evidenceOf(series)),
    promotionEvidence: six(series.promotion),
    missing: outlookOf(state, [forecastOf(state, profile, series, standing(one, series, next))]),
  };
}
