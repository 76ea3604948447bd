import type { ArmPair, RollbackWealth } from '../model/analysis-state.ts';
import { exp, ln, logSumExp, stored } from './elementary.ts';

/** Bets on the canary being worse than tolerated by e^u: 1.1 times to 459 times. */
const grid: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 7].map((j) => {
  let u = 0.1;
  for (let i = 0; i < j; i++) u *= 1.8;
  return u;
});
const ratios: readonly number[] = grid.map(exp);
/**
 * What is laid on cash and on each bet. Regressions that are hard to see lie in the middle of the grid; the large
 * ones are found at once whatever is laid on them.
 */
const usualStakes: readonly number[] = [0.04, 0.08, 0.12, 0.16, 0.2, 0.16, 0.12, 0.08, 0.04];

/**
 * How much better stable's pods may be placed than the canary's, in standard deviations, and the chance of each:
 * the normal distribution's upper half in steps, each step taken at its worse end.
 */
const places: readonly number[] = [0, 0.5, 1, 1.5, 2, 2.5, 3];
const lnChances: readonly number[] = [0.5, 0.19146, 0.14988, 0.09185, 0.04406, 0.01654, 0.00621].map(ln);

export const freshRollback = (stakes = usualStakes): RollbackWealth =>
  [...stakes.map(ln), ...lnChances].map(stored);

export interface RollbackTerms {
  /** The ratio of bad rates, canary to stable, that is tolerated. */
  readonly tolerance: number;
  /** The standard deviation of the log ratio that pods' places alone give; 0 where pods are alike. */
  readonly spread: number;
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
export function rollbackBets(pair: ArmPair, tolerance: number): readonly number[] {
  const base = likelihood(pair, tolerance);
  return ratios.map((ratio) => likelihood(pair, tolerance * ratio) - base);
}

/** ln of the likelihood of one ratio of the bad rates given all bad events, without what all ratios share. */
const likelihood = ({ canary, stable }: ArmPair, ratio: number): number =>
  canary.bad * ln(ratio) - (canary.bad + stable.bad) * ln(ratio * canary.requests + stable.requests);

/**
 * Adds one interval. Valid for independent requests, and for independent clusters of up to `dispersion` bad events,
 * as long as the mean canary risk is at most the tolerated ratio times the mean stable risk in the interval:
 * E[a^x·b^y] ≤ exp(E x·(a-1) + E y·(b-1)) ≤ 1 for the two factors of the ratio, and powers below 1 keep that. The cap
 * and the crowd only lower it; laying a fixed share anew re-weights a portfolio by a rule that is known beforehand.
 * So P(evidence ever reaches 1/α) ≤ α (Ville).
 *
 * Where pods differ by their place the tolerated ratio is not known: it is max(tolerance, e^(z·spread)), z normal.
 * The bets are laid against the mixture of all places, each weighed by what the data say of it: with P = Σ v·P_z the
 * factor's expectation under P is 1, so that the promise is kept on average over where the pods came to stand (the
 * method of mixtures, Robbins 1970; Bayes factors of composite nulls as e-values: Grünwald, de Heide and Koolen, arXiv
 * 1906.07801). The bets lie above the worst place, so that the factor grows with the canary's bad events and a better
 * canary only lowers it.
 */
export function addRollback(
  wealth: RollbackWealth,
  pair: ArmPair,
  terms: RollbackTerms,
  stakes = usualStakes,
): RollbackWealth {
  const k = pair.canary.bad + pair.stable.bad;
  if (k <= 0 || pair.canary.requests <= 0 || pair.stable.requests <= 0) return wealth;
  const power = 1 / Math.max(terms.dispersion, k / terms.crowd);
  const most = Math.max(terms.tolerance, exp(3 * terms.spread));
  const before = wealth.slice(ratios.length + 1);
  // Where pods are alike, places say nothing, and what is believed of them stays.
  const beliefs = most > terms.tolerance ? believed(before, pair, terms, power) : before;
  const known = most > terms.tolerance ? logSumExp(beliefs) : 0;
  const bets = rollbackBets(pair, most);
  const moved = wealth
    .slice(0, ratios.length + 1)
    .map((log, i) => (i === 0 ? log : log + Math.min(power * (bets[i - 1] ?? 0) - known, terms.cap)));
  const sum = logSumExp(moved);
  const laid =
    terms.share <= 0
      ? moved
      : moved.map((log, i) => sum + ln((1 - terms.share) * exp(log - sum) + terms.share * (stakes[i] ?? 0)));
  return [...laid, ...beliefs.map((belief) => belief - known)].map(stored);
}

/** What is believed of the places after an interval, against the worst of them; not yet summing to 1. */
function believed(
  before: readonly number[],
  pair: ArmPair,
  { tolerance, spread }: RollbackTerms,
  power: number,
): readonly number[] {
  const worst = likelihood(pair, Math.max(tolerance, exp(3 * spread)));
  return places.map(
    (place, i) =>
      (before[i] ?? 0) + power * (likelihood(pair, Math.max(tolerance, exp(place * spread))) - worst),
  );
}

/** ln of the evidence. */
export const logRollback = (wealth: RollbackWealth): number => logSumExp(wealth.slice(0, ratios.length + 1));
