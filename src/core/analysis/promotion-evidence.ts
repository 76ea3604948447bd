import { ln, stored } from './elementary.ts';
import type { ArmPair } from '../model/analysis-state.ts';

/** The line of harm that is to be refuted: canary rate = `slope` · stable rate + `margin`. */
export interface HarmLine {
  readonly slope: number;
  readonly margin: number;
}

/** What the bet is laid on: both arms at stable's rate, and the point of the line nearest to that. */
export interface HarmPoint {
  readonly rate: number;
  readonly canary: number;
  readonly stable: number;
}

/**
 * The point (canary, stable) on the line of harm that is nearest to (rate, rate) in relative entropy for Poisson
 * counts on these exposures: the root of A·r² + B·r + D. `rate` > 0, exposures in requests.
 */
export function nearestHarm(
  rate: number,
  canary: number,
  stable: number,
  { slope, margin }: HarmLine,
): HarmPoint {
  const a = slope * (slope * canary + stable);
  const b = slope * canary * (margin - rate) + stable * (margin - slope * rate);
  const d = -stable * rate * margin;
  const root = Math.sqrt(Math.max(0, b * b - 4 * a * d));
  // Of the two forms of the root the one that does not subtract nearly equal numbers.
  const r = b > 0 ? (-2 * d) / (b + root) : (root - b) / (2 * a);
  return { rate, canary: slope * r + margin, stable: r };
}

/**
 * ln of the likelihood ratio of "both arms are at `rate`" to the nearest harm. Its expectation is at most 1 wherever
 * the canary is on the line or beyond (first-order optimality of the projection on a half-plane; 1 + x ≤ e^x takes
 * it from Poisson to Bernoulli counts).
 */
export function promotionBet({ canary, stable }: ArmPair, point: HarmPoint): number {
  return (
    canary.bad * ln(point.rate / point.canary) +
    stable.bad * ln(point.rate / point.stable) -
    canary.requests * (point.rate - point.canary) -
    stable.requests * (point.rate - point.stable)
  );
}

/** The rate to bet on: stable's own, but not so near zero that the first bad event would cost everything. */
export const bettingRate = (stableRate: number, margin: number): number =>
  Math.min(0.999, Math.max(stableRate, margin / 10));

/** Adds one interval to the evidence that harm is below the line; `cap` is the most that it may add. */
export function addPromotion(
  log: number,
  pair: ArmPair,
  line: HarmLine,
  terms: { readonly stableRate: number; readonly dispersion: number; readonly cap: number },
): number {
  if (pair.canary.requests <= 0 || pair.stable.requests <= 0) return log;
  const rate = bettingRate(terms.stableRate, line.margin);
  const point = nearestHarm(rate, pair.canary.requests, pair.stable.requests, line);
  return stored(log + Math.min(promotionBet(pair, point) / terms.dispersion, terms.cap));
}
