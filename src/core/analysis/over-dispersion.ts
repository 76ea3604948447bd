import type { BlockState, LearntSeries, Tally } from '../model/analysis-state.ts';
import { stored } from './elementary.ts';

/** Blocks in seconds: bursts of a scrape, of a minute, of some minutes. */
export const blockLengths: readonly number[] = [15, 60, 240];

/** Before anything is known: clusters of three, believed like twenty bad events. */
const prior = { dispersion: 3, weight: 20 };
/** More bad events than this make the estimate no firmer against the prior. */
const firm = 1_000;

/** A block that has seen nothing; what was learnt before counts for no more than a firm estimate. */
export const freshBlock = (
  seconds: number,
  learnt: LearntSeries['bursts'] = { sum: 0, weight: 0 },
): BlockState => ({
  seconds,
  elapsed: 0,
  pods: {},
  residual: 0,
  variance: 0,
  events: 0,
  before: null,
  sum: stored(learnt.sum * Math.min(1, firm / Math.max(1, learnt.weight))),
  weight: Math.min(firm, learnt.weight),
});
export const freshDispersion = (learnt: LearntSeries['blocks'] = []): readonly BlockState[] =>
  blockLengths.map((seconds, i) => freshBlock(seconds, learnt[i]));

/** The estimate of one block length: variance over what independent requests would have, at least 1. */
export function blockDispersion(block: BlockState): number {
  const found = block.weight > 0 ? Math.max(1, block.sum / block.weight) : 1;
  const weight = Math.min(block.weight, firm);
  return (found * weight + prior.dispersion * prior.weight) / (weight + prior.weight);
}

/** The over-dispersion to reckon with: the largest of all block lengths. */
export const dispersionOf = (blocks: readonly BlockState[]): number =>
  Math.max(...blocks.map(blockDispersion));

/** Whether the blocks have seen enough to be more than the prior. */
export const isLearnt = (blocks: readonly BlockState[]): boolean =>
  blocks.every((block) => block.weight >= prior.weight);

export interface DispersionInput {
  readonly seconds: number;
  /** Stable pods' counts of the interval. */
  readonly stable: Readonly<Record<string, Tally>>;
  /** The canary's bad events, all bad events, and the canary's expected share of them; null without a canary. */
  readonly canary: { readonly bad: number; readonly all: number; readonly share: number } | null;
}

/** Adds one interval to the blocks of every length. */
export const addDispersion = (blocks: readonly BlockState[], input: DispersionInput): readonly BlockState[] =>
  blocks.map((block) => addToBlock(block, input));

/** Adds one interval to the block of one length. */
export function addToBlock(block: BlockState, input: DispersionInput): BlockState {
  const pods: Record<string, Tally> = { ...block.pods };
  for (const [pod, [bad, requests]] of Object.entries(input.stable)) {
    const [b, n] = pods[pod] ?? [0, 0];
    pods[pod] = [b + bad, n + requests];
  }
  const { canary } = input;
  const running: BlockState = {
    ...block,
    pods,
    elapsed: stored(block.elapsed + input.seconds),
    residual: stored(block.residual + (canary === null ? 0 : canary.bad - canary.all * canary.share)),
    variance: stored(block.variance + (canary === null ? 0 : canary.all * canary.share * (1 - canary.share))),
    events: block.events + (canary?.all ?? 0),
  };
  // A scrape that comes a little early must not make the block one scrape longer.
  return running.elapsed >= block.seconds * 0.95 ? close(running) : running;
}

function close(block: BlockState): BlockState {
  const tallies = Object.values(block.pods).filter(([, requests]) => requests > 0);
  const total = tallies.reduce<Tally>(([b, n], [bad, requests]) => [b + bad, n + requests], [0, 0]);
  const alone = tallies.length === 1;
  const between = podDispersion(alone && block.before !== null ? [block.before, total] : tallies);
  let { sum, weight } = block;
  if (between !== null) {
    sum += between.dispersion * between.events;
    weight += between.events;
  }
  if (block.variance > 0) {
    sum += ((block.residual * block.residual) / block.variance) * block.events;
    weight += block.events;
  }
  // Neighbours in time are compared in pairs that do not overlap.
  const before = alone && block.before === null ? total : null;
  return { ...freshBlock(block.seconds), before, sum: stored(sum), weight };
}

/**
 * The dispersion between pods within one block: how far each is from its share of all bad events, against what
 * independent requests would give. Null where it cannot be told.
 */
export function podDispersion(
  tallies: readonly Tally[],
): { readonly dispersion: number; readonly events: number } | null {
  const events = tallies.reduce((sum, [bad]) => sum + bad, 0);
  const all = tallies.reduce((sum, [, requests]) => sum + requests, 0);
  if (tallies.length < 2 || events === 0) return null;
  let spread = 0;
  for (const [bad, requests] of tallies) {
    const share = requests / all;
    const off = bad - events * share;
    spread += (off * off) / share;
  }
  return { dispersion: spread / ((tallies.length - 1) * events), events };
}
