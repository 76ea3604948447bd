import { exp } from './elementary.ts';
import type { ArmPair, BurstState, LearntSeries, Tally } from '../model/analysis-state.ts';
import { addToBlock, blockDispersion, freshBlock } from './over-dispersion.ts';

/*
 * Where bad events come in clusters, the number of clusters says all that there is to know of the rate, and their sizes
 * are noise: counting bursts needs about half the traffic then.
 */

/** Four minutes, the longest of the blocks: within a scrape a burst is one by definition. */
export const freshBursts = (learnt?: LearntSeries['bursts']): BurstState => ({
  block: freshBlock(240, learnt),
  stable: [0, 0],
  ratio: [0, 0],
});

type Pods = Readonly<Record<string, Tally>>;

/** Each pod's bursts of the interval, none or one, with its requests. */
export const burstsOf = (pods: Pods): Record<string, Tally> =>
  Object.fromEntries(
    Object.entries(pods).map(([pod, [bad, requests]]) => [pod, [Math.min(1, bad), requests]]),
  );

export function addBursts(
  state: BurstState,
  interval: {
    readonly seconds: number;
    readonly canary: Pods | null;
    readonly stable: Pods;
    readonly share: number;
  },
  memory: Pick<BurstState, 'stable' | 'ratio'>,
): BurstState {
  const stableBursts = burstsOf(interval.stable);
  const bad = interval.canary === null ? 0 : sumOf(burstsOf(interval.canary)).bad;
  return {
    block: addToBlock(state.block, {
      seconds: interval.seconds,
      stable: stableBursts,
      canary:
        interval.canary === null ? null : { bad, all: bad + sumOf(stableBursts).bad, share: interval.share },
    }),
    ...memory,
  };
}

/** How many more requests than the canary's may share a stable pod, beyond the tolerance. */
export const room = 1.05;

/**
 * Seconds. In shorter intervals one client that fails for minutes is a burst in each of them, while a history that was
 * read at a slower pace has seen it as a few.
 */
const shortest = 14;

/** What an interval is counted by, and how far that is from independent events. */
export interface Counting {
  readonly pair: ArmPair;
  readonly dispersion: number;
  /** Events beyond which the interval's weight is limited. */
  readonly crowd: number;
}

/**
 * Counts bad events, or bursts where these are known beforehand to say more: the information about the ratio is
 * p(1-p) for each canary pod that sees a burst with chance p, and the expected bad events, each over its
 * dispersion. The choice uses only the past and the interval's requests, so that it is a choice between two fair
 * bets.
 *
 * Bursts come with chance 1 - e^(-λn) on n requests. To second order in λ the expectation of a^x·b^y stays ≤ 1 for
 * a ratio ρ of the grid as long as the mean stable request sits among at most ρ times as many requests of its pod as
 * the mean canary request: what saturates first must be the canary. The smallest ρ is 1.105 times the tolerance; with
 * 1.05 it holds for every λ (by enumeration, `evidence-budget.test.ts`).
 */
export function countingOf(
  pods: { readonly canary: Pods; readonly stable: Pods; readonly seconds: number },
  rate: number,
  dispersion: number,
  bursts: BurstState,
  tolerance: number,
): Counting {
  const [canary, stable] = [sumOf(pods.canary), sumOf(pods.stable)];
  const [seen, requests] = bursts.stable;
  const cells = Object.keys(pods.canary).length;
  if (
    pods.seconds >= shortest &&
    requests > 0 &&
    cells > 0 &&
    mates(pods.stable) <= room * tolerance * mates(pods.canary)
  ) {
    const chance = 1 - exp((-(seen / requests) * canary.requests) / cells);
    const found = blockDispersion(bursts.block);
    if ((cells * chance * (1 - chance)) / found > (rate * canary.requests) / dispersion)
      return {
        pair: { canary: sumOf(burstsOf(pods.canary)), stable: sumOf(burstsOf(pods.stable)) },
        dispersion: found,
        crowd: Infinity,
      };
  }
  return {
    pair: { canary, stable },
    dispersion,
    crowd: 4 * (1 + rate * (canary.requests + stable.requests)),
  };
}

/** Requests of its pod's interval among which the mean request sits. */
function mates(pods: Pods): number {
  let [squares, all] = [0, 0];
  for (const [, requests] of Object.values(pods)) {
    squares += requests * requests;
    all += requests;
  }
  return all > 0 ? squares / all : 0;
}

/** All pods together. */
export function sumOf(pods: Pods): ArmPair['canary'] {
  let [bad, requests] = [0, 0];
  for (const [b, n] of Object.values(pods)) {
    bad += b;
    requests += n;
  }
  return { bad, requests };
}
