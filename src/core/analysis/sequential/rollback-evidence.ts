import type { ArmPair, RollbackWealth } from '../../model/analysis-state.ts';
import { exp, ln, logSumExp, stored } from './elementary.ts';

/** Bets on the canary being worse than tolerated by e^u: 1.1 times to 459 times. */
const grid: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 7].map((j) => {
  let u = 0.1;
  for (let i = 0; i < j; i++) u *= 1.8;
  return u;
});
const ratios: readonly number[] = grid.map(exp);
const shares: readonly number[] = [0.2, ...grid.map(() => 0.1)];
const lnShares: readonly number[] = shares.map(ln);

export const freshRollback = (): RollbackWealth => lnShares.map(stored);

export interface RollbackTerms {
  /** The ratio of bad rates, canary to stable, that is tolerated. */
  readonly tolerance: number;
  /** Over-dispersion: bad events come in clusters of up to about this many. */
  readonly dispersion: number;
  /** Bad events in one interval beyond which their weight is limited; Infinity for no limit. */
  readonly crowd: number;
  /** The most that one interval may add to a bet; Infinity for no limit. */
  readonly cap: number;
  /** The share of the evidence that is laid anew in this interval (0 to 1). */
  readonly share: number;
}

/**
 * Logarithms of the likelihood ratios, one for each ratio of the grid: given all `k` bad events of the interval, the
 * canary's part is binomial whatever the rate both arms share at that hour, so that load, hour and incidents
 * cancel (Lindon and Malek, arXiv 2011.03567; strata as in Turner and Grünwald, arXiv 2302.11401).
 */
export function rollbackBets({ canary, stable }: ArmPair, tolerance: number): readonly number[] {
  const k = canary.bad + stable.bad;
  const base = ln(tolerance * canary.requests + stable.requests);
  return ratios.map(
    (ratio, j) =>
      canary.bad * (grid[j] ?? 0) - k * (ln(tolerance * ratio * canary.requests + stable.requests) - base),
  );
}

/**
 * Adds one interval. Valid for independent requests, and for independent clusters of up to `dispersion` bad events,
 * as long as the mean canary risk is at most `tolerance` times the mean stable risk in the interval:
 * E[a^x·b^y] ≤ exp(E x·(a-1) + E y·(b-1)) ≤ 1 for the two factors of the ratio, and powers below 1 keep that. The cap
 * and the crowd only lower it; laying a fixed share anew re-weights a portfolio by a rule that is known beforehand.
 * So P(evidence ever reaches 1/α) ≤ α (Ville).
 */
export function addRollback(wealth: RollbackWealth, pair: ArmPair, terms: RollbackTerms): RollbackWealth {
  const k = pair.canary.bad + pair.stable.bad;
  if (k <= 0 || pair.canary.requests <= 0 || pair.stable.requests <= 0) return wealth;
  const power = 1 / Math.max(terms.dispersion, k / terms.crowd);
  const bets = rollbackBets(pair, terms.tolerance);
  const moved = wealth.map((log, i) =>
    i === 0 ? log : log + Math.min(power * (bets[i - 1] ?? 0), terms.cap),
  );
  if (terms.share <= 0) return moved.map(stored);
  const sum = logSumExp(moved);
  return moved.map((log, i) =>
    stored(sum + ln((1 - terms.share) * exp(log - sum) + terms.share * (shares[i] ?? 0))),
  );
}

/** ln of the evidence. */
export const logRollback = (wealth: RollbackWealth): number => logSumExp(wealth);
