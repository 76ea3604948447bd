import { exp, ln, lnNormalTail } from './elementary.ts';
import { bettingRate, type HarmLine, nearestHarm } from './promotion-evidence.ts';

/** Canary requests still missing, as half and as nine tenths of rollouts like this would need; null: no end. */
export interface Missing {
  readonly half: number;
  readonly most: number;
}

/** How fast the promotion evidence grows: `gain` per canary request and its `variance`. */
export function growth(
  rates: { readonly canary: number; readonly stable: number },
  weight: number,
  line: HarmLine,
): { readonly gain: number; readonly variance: number } {
  const perCanary = (1 - weight) / weight;
  const q = bettingRate(rates.stable, line.margin);
  const point = nearestHarm(q, 1, perCanary, line);
  const canary = ln(q / point.canary);
  const stable = ln(q / point.stable);
  return {
    gain: rates.canary * canary + point.canary - q + perCanary * (rates.stable * stable + point.stable - q),
    variance: q * canary * canary + perCanary * q * stable * stable,
  };
}

/** Evidence on its way: what is missing of ln(1/β), divided by `dispersion` when it came, and how fast it grows. */
export interface Passage {
  readonly missing: number;
  readonly dispersion: number;
  readonly gain: number;
  readonly variance: number;
}

/**
 * When all of these have got over their threshold: the slowest of independent ones. Each is taken as the first passage
 * of a Brownian motion with the same drift and variance: inverse Gaussian (Schrödinger 1915). Null when the evidence of
 * one does not grow at these rates: more traffic will not settle this.
 */
export function missingRequests(passages: readonly Passage[]): Missing | null {
  const open = passages.filter(({ missing }) => missing > 0);
  if (open.length === 0) return { half: 0, most: 0 };
  if (!open.every(({ gain }) => gain > 0)) return null;
  return { half: quantile(0.5, open), most: quantile(0.9, open) };
}

/** Canary requests until the evidence has grown enough, on average. */
export const meanPassage = ({ missing, dispersion, gain }: Passage): number => (dispersion * missing) / gain;

/** P(X ≤ x) of the inverse Gaussian distribution. */
function passedBy(x: number, passage: Passage): number {
  const mean = meanPassage(passage);
  if (!(passage.variance > 0)) return x >= mean ? 1 : 0;
  const shape = (passage.dispersion * passage.missing * passage.missing) / passage.variance;
  const root = Math.sqrt(shape / x);
  return (
    exp(lnNormalTail(-root * (x / mean - 1))) + exp((2 * shape) / mean + lnNormalTail(root * (x / mean + 1)))
  );
}

function quantile(share: number, passages: readonly Passage[]): number {
  const passed = (x: number): number => passages.reduce((all, one) => all * passedBy(x, one), 1);
  let low = 0;
  let high = Math.max(...passages.map(meanPassage));
  while (passed(high) < share) high *= 2;
  while (high - low > 1e-8 * high) {
    const middle = (low + high) / 2;
    if (passed(middle) < share) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
