import {
  type ArmPair,
  type Counts,
  type LearntSeries,
  mostPods as mostFollowed,
  type RollbackWealth,
  type SeriesState,
  type Tally,
} from '../model/analysis-state.ts';
import { countedOf, type Interval, isSaturated } from './boundaries.ts';
import { addBursts, burstsOf, countingOf, freshBursts, sumOf } from './bursts.ts';
import { exp, ln, stored } from './elementary.ts';
import { addDispersion, dispersionOf, freshDispersion, isLearnt } from './over-dispersion.ts';
import { placementSpread, podVariance } from './pod-spread.ts';
import { addPromotion, type HarmLine } from './promotion-evidence.ts';
import { addRollback, freshRollback, logRollback } from './rollback-evidence.ts';

const nothing: ArmPair = { canary: { bad: 0, requests: 0 }, stable: { bad: 0, requests: 0 } };

export const freshSeries = (learnt?: LearntSeries): SeriesState => ({
  blocks: freshDispersion(learnt?.blocks),
  bursts: freshBursts(learnt?.bursts),
  pods: {},
  stable: [0, 0],
  ratio: [0, 0],
  excess: [0, 0, 0, 0],
  rollback: freshRollback(),
  without: {},
  promotion: 0,
  promotionBest: 0,
  stage: nothing,
  total: nothing,
  abnormal: 0,
  idle: { canary: 0, stable: 0, missed: 0 },
});

/** What it leaves to the next rollout: how its bad events cluster, which is the service's, and not a release's. */
export const learntOf = ({ blocks, bursts }: SeriesState): LearntSeries => ({
  blocks: blocks.map(({ sum, weight }) => ({ sum, weight })),
  bursts: { sum: bursts.block.sum, weight: bursts.block.weight },
});

/** What a series is judged by. `line` is null for series that only warn of a changed shape. */
export interface SeriesTerms {
  readonly alpha: number;
  readonly beta: number;
  readonly tolerance: number;
  readonly line: HarmLine | null;
}

/** Seconds: of stable's rate, of the running ratio, and after which a share of the evidence was laid anew once. */
const memory = { rate: 1800, ratio: 900, share: 4 * 3600 };
/** Canary pods that are judged one without the other; beyond, one is too few to matter. */
const mostPods = 16;

/** Stable's running bad rate; half a bad request in a hundred stand in while it has not been seen. */
export const stableRate = ({ stable: [bad, requests] }: SeriesState): number =>
  (bad + 0.5) / (requests + 100);
export const seriesDispersion = (state: SeriesState): number => dispersionOf(state.blocks);
export const hasLearnt = (state: SeriesState): boolean => isLearnt(state.blocks);
/**
 * Whether harm was shown to be below the line at this stage. P(the evidence ever reaches 1/β) ≤ β, so that the proof
 * stands while another metric is waited for; only when half of it has been lost since is it asked for again.
 */
export const isShown = (state: SeriesState, beta: number): boolean =>
  state.promotionBest >= ln(1 / beta) && state.promotion >= 0.5 * ln(1 / beta);

/** The rate difference, canary minus stable, over the rollout; each interval against itself. */
export const excessOf = ({ excess: [sum, weight] }: SeriesState): number => (weight > 0 ? sum / weight : 0);

/**
 * Bounds of the rate difference, canary minus stable, each at one-sided 1-alpha and at every look: the asymptotic
 * confidence sequence of a normal mixture (Robbins 1970; Howard and others, arXiv 1810.08240, eq. 14; Waudby-Smith
 * and others, arXiv 2103.06476) on the stratified difference. For people: no decision reads it.
 */
export function differenceBounds(state: SeriesState, alpha: number): readonly [lower: number, upper: number] {
  const [sum, weight, overCanary, overStable] = state.excess;
  if (weight <= 0) return [-1, 1];
  const spread = ({ bad, requests }: ArmPair['canary']): number => {
    const rate = Math.min(1, (bad + 0.5) / (requests + 1));
    return rate * (1 - rate);
  };
  const { canary, stable } = state.total;
  const variance = seriesDispersion(state) * (spread(canary) * overCanary + spread(stable) * overStable);
  const mixed = variance + 1;
  const half = Math.sqrt(mixed * (ln(mixed) - 2 * ln(2 * alpha))) / weight;
  return [Math.max(-1, sum / weight - half), Math.min(1, sum / weight + half)];
}

/** The evidence begins anew for a stage: another weight, another question. */
export function restartStage(state: SeriesState): SeriesState {
  const { alone: _, ...series } = state;
  return {
    ...series,
    promotion: 0,
    promotionBest: 0,
    stage: nothing,
    // How many requests an arm should have had was reckoned by the shares of the weight before.
    idle: { ...series.idle, missed: 0 },
  };
}

/** All that the canary has counted at this stage, beside requests of stable or alone. */
export const canaryAtStage = ({ stage, alone }: SeriesState): ArmPair['canary'] =>
  alone === undefined ? stage.canary : plus(stage.canary, alone);

const tallies = (pods: Readonly<Record<string, Counts>>, name: string): Record<string, Tally> => {
  const found: Record<string, Tally> = {};
  for (const [pod, { requests, bad }] of Object.entries(pods)) {
    const count = bad[name];
    if (count !== undefined) found[pod] = [count, bad[countedOf(name)] ?? requests];
  }
  return found;
};
/** Adds one interval. All that the evidence is weighed with is known before it. */
export function addInterval(
  state: SeriesState,
  name: string,
  interval: Interval,
  terms: SeriesTerms,
): SeriesState {
  const canaryPods = tallies(interval.canary, name);
  const stablePods = tallies(interval.stable, name);
  const pair: ArmPair = { canary: sumOf(canaryPods), stable: sumOf(stablePods) };
  const { bad: x, requests: nc } = pair.canary;
  const { bad: y, requests: ns } = pair.stable;
  const seconds = interval.to - interval.from;
  const rate = stableRate(state);
  const dispersion = seriesDispersion(state);
  const usual = rate * ns;
  // A known series only: at the first sight nothing is out of the ordinary.
  const abnormal = state.stable[1] > 0 && y > usual + 6 * Math.sqrt(dispersion * usual);
  const compared = nc > 0 && ns > 0;
  // Scrapes of full pods are no independent events: no evidence for a rollback is made of them.
  const saturation = isSaturated(name);
  const ratio: SeriesState['ratio'] = compared
    ? decayed(state.ratio, seconds, memory.ratio, [(x * ns) / (nc + ns), (y * nc) / (nc + ns)])
    : state.ratio;
  const weighed = compared
    ? {
        ...state,
        ...comparison(state, pair),
        ...(saturation ? {} : evidence(state, canaryPods, stablePods, seconds, terms)),
      }
    : state;
  const share = ratioShare(ratio, nc, ns);
  const bursts = burstMemory(state.bursts, canaryPods, stablePods, seconds);
  const promotion =
    compared && terms.line !== null && !abnormal
      ? addPromotion(state.promotion, pair, terms.line, {
          stableRate: rate,
          dispersion,
          cap: 0.5 * ln(1 / terms.beta),
        })
      : state.promotion;
  return {
    ...weighed,
    ...(nc > 0 && ns <= 0 ? { alone: plus(state.alone ?? nothing.canary, pair.canary) } : {}),
    ratio,
    blocks: abnormal
      ? state.blocks
      : addDispersion(state.blocks, {
          seconds,
          stable: stablePods,
          canary: compared ? { bad: x, all: x + y, share } : null,
        }),
    bursts:
      abnormal || saturation
        ? state.bursts
        : addBursts(
            state.bursts,
            {
              seconds,
              canary: compared ? canaryPods : null,
              stable: stablePods,
              share: ratioShare(bursts.ratio, nc, ns),
            },
            bursts,
          ),
    pods: abnormal || saturation ? state.pods : summed(state.pods, stablePods),
    stable: abnormal ? state.stable : decayed(state.stable, seconds, memory.rate, [y, ns]),
    promotion,
    promotionBest: Math.max(state.promotionBest, promotion),
    abnormal: abnormal ? state.abnormal + 1 : 0,
    idle: idleAfter(state, nc, ns, interval),
  };
}

function idleAfter(
  { idle, stage }: SeriesState,
  nc: number,
  ns: number,
  { from, to, weight }: Interval,
): SeriesState['idle'] {
  const seconds = to - from;
  const both = stage.canary.requests + stage.stable.requests;
  const share = both > 0 ? stage.canary.requests / both : weight;
  // The chance that all of the interval's requests went to one arm, by the shares at this stage, or by its weight.
  const missed = (requests: number, own: number): number => (own > 0 && own < 1 ? -requests * ln(own) : 0);
  const usual = nc <= 0 ? missed(ns, 1 - share) : missed(nc, share);
  // The arm that was silent speaks: what the other misses is another matter.
  const turned =
    (nc > 0 && idle.canary > 0 && idle.stable === 0) || (ns > 0 && idle.stable > 0 && idle.canary === 0);
  return {
    canary: nc > 0 ? 0 : stored(idle.canary + seconds),
    stable: ns > 0 ? 0 : stored(idle.stable + seconds),
    missed: nc > 0 && ns > 0 ? 0 : stored((turned ? 0 : idle.missed) + usual),
  };
}

/** Without requests for so long, or with so small a chance of that (its -ln: 1 of 150), an arm has gone silent. */
const silence = { chance: 5, seconds: 60 };

/** The arm that counts no requests any more although it should; the canary where it is both. */
export function idleArm({ idle }: SeriesState): 'canary' | 'stable' | null {
  const isIdle = (seconds: number): boolean =>
    seconds > 0 && (idle.missed >= silence.chance || seconds >= silence.seconds);
  return isIdle(idle.canary) ? 'canary' : isIdle(idle.stable) ? 'stable' : null;
}

/** Whether the canary has had none of the requests that it should have had beside stable's: it may answer nothing. */
export const isCanarySilent = ({ idle }: SeriesState): boolean =>
  idle.canary > 0 && idle.canary >= idle.stable && idle.missed >= silence.chance;

/** Whether that is more than little traffic: requests were expected, or both arms have gone silent. */
export const isHanging = ({ idle }: SeriesState): boolean =>
  idle.missed >= silence.chance || Math.min(idle.canary, idle.stable) >= silence.seconds;

/**
 * Stable's bursts, and their own ratio: a canary that fails in every interval has ten times the bad events and but few
 * times the bursts. Expected by the ratio of events, its bursts would seem to scatter, and hide the harm.
 */
function burstMemory(
  { stable, ratio }: SeriesState['bursts'],
  canaryPods: Readonly<Record<string, Tally>>,
  stablePods: Readonly<Record<string, Tally>>,
  seconds: number,
): Pick<SeriesState['bursts'], 'stable' | 'ratio'> {
  const { bad: x, requests: nc } = sumOf(burstsOf(canaryPods));
  const { bad: y, requests: ns } = sumOf(burstsOf(stablePods));
  return {
    stable: decayed(stable, seconds, memory.rate, [y, ns]),
    ratio:
      nc > 0 && ns > 0
        ? decayed(ratio, seconds, memory.ratio, [(x * ns) / (nc + ns), (y * nc) / (nc + ns)])
        : ratio,
  };
}

/** The running comparison. */
function comparison(
  state: SeriesState,
  { canary, stable }: ArmPair,
): Pick<SeriesState, 'excess' | 'total' | 'stage'> {
  const weight = (canary.requests * stable.requests) / (canary.requests + stable.requests);
  const difference = canary.bad / canary.requests - stable.bad / stable.requests;
  return {
    excess: [
      stored(state.excess[0] + weight * difference),
      stored(state.excess[1] + weight),
      stored(state.excess[2] + (weight * weight) / canary.requests),
      stored(state.excess[3] + (weight * weight) / stable.requests),
    ],
    total: { canary: plus(state.total.canary, canary), stable: plus(state.total.stable, stable) },
    stage: { canary: plus(state.stage.canary, canary), stable: plus(state.stage.stable, stable) },
  };
}

/** Rollback evidence, of all pods and without each. */
function evidence(
  state: SeriesState,
  canaryPods: Readonly<Record<string, Tally>>,
  stablePods: Readonly<Record<string, Tally>>,
  seconds: number,
  { alpha, tolerance }: SeriesTerms,
): Pick<SeriesState, 'rollback' | 'without'> {
  const dispersion = seriesDispersion(state);
  const variance = podVariance(Object.values(state.pods), dispersion);
  const evidenceWith = (wealth: RollbackWealth, pods: Readonly<Record<string, Tally>>): RollbackWealth => {
    const { pair: counts, ...counting } = countingOf(
      { canary: pods, stable: stablePods, seconds },
      stableRate(state),
      dispersion,
      state.bursts,
      tolerance,
    );
    return addRollback(wealth, counts, {
      ...counting,
      tolerance,
      spread: placementSpread(variance, Object.keys(pods).length, Object.keys(stablePods).length),
      cap: 0.5 * ln(1 / alpha),
      share: Math.min(0.5, seconds / memory.share),
    });
  };
  const without: Record<string, RollbackWealth> = { ...state.without };
  for (const pod of Object.keys(canaryPods)) {
    // Until it was there, leaving it out changed nothing.
    if (!(pod in without) && Object.keys(without).length < mostPods) without[pod] = state.rollback;
  }
  for (const [pod, wealth] of Object.entries(without)) {
    const rest = Object.fromEntries(Object.entries(canaryPods).filter(([name]) => name !== pod));
    without[pod] = evidenceWith(wealth, rest);
  }
  return { rollback: evidenceWith(state.rollback, canaryPods), without };
}

const plus = (a: ArmPair['canary'], b: ArmPair['canary']): ArmPair['canary'] => ({
  bad: a.bad + b.bad,
  requests: a.requests + b.requests,
});

/** The canary's share of bad events at the running ratio, held to one by half an event of either side. */
function ratioShare([canary, stable]: SeriesState['ratio'], nc: number, ns: number): number {
  if (nc + ns <= 0) return 0;
  const ratio = (canary + 0.5) / (stable + 0.5);
  return (ratio * nc) / (ratio * nc + ns);
}

function decayed(
  [a, b]: readonly [number, number],
  seconds: number,
  span: number,
  [c, d]: readonly [number, number],
): readonly [number, number] {
  const kept = exp(-seconds / span);
  return [stored(a * kept + c), stored(b * kept + d)];
}

function summed(
  a: Readonly<Record<string, Tally>>,
  b: Readonly<Record<string, Tally>>,
): Record<string, Tally> {
  const sums: Record<string, Tally> = { ...a };
  for (const [pod, [bad, requests]] of Object.entries(b)) {
    const [x, n] = sums[pod] ?? [0, 0];
    sums[pod] = [x + bad, n + requests];
  }
  // Pods that are replaced again and again must not fill the state; of so many, those that are there tell enough.
  const names = Object.keys(sums);
  return names.length <= mostFollowed
    ? sums
    : Object.fromEntries(names.flatMap((pod) => (pod in b ? [[pod, sums[pod] ?? [0, 0]]] : [])));
}

/** ln of the rollback evidence: of all pods, or without one (pods that are not judged apart: all). */
export const evidenceOf = (state: SeriesState, withoutPod?: string): number =>
  logRollback(withoutPod === undefined ? state.rollback : (state.without[withoutPod] ?? state.rollback));
