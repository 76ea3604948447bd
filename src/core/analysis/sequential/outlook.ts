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

/**
 * The first passage of the evidence over its threshold, taken as that of a Brownian motion with the same drift and
 * variance: inverse Gaussian (Schrödinger 1915). `missing` is what is missing of ln(1/β). Null when the evidence
 * does not grow at these rates: more traffic will not settle this.
 */
export function missingRequests(
  missing: number,
  dispersion: number,
  { gain, variance }: { readonly gain: number; readonly variance: number },
): Missing | null {
  if (missing <= 0) return { half: 0, most: 0 };
  if (!(gain > 0)) return null;
  const mean = (dispersion * missing) / gain;
  if (!(variance > 0)) return { half: mean, most: mean };
  const shape = (dispersion * missing * missing) / variance;
  return { half: quantile(0.5, mean, shape), most: quantile(0.9, mean, shape) };
}

/** P(X ≤ x) of the inverse Gaussian distribution. */
function inverseGaussian(x: number, mean: number, shape: number): number {
  const root = Math.sqrt(shape / x);
  return (
    exp(lnNormalTail(-root * (x / mean - 1))) + exp((2 * shape) / mean + lnNormalTail(root * (x / mean + 1)))
  );
}

function quantile(share: number, mean: number, shape: number): number {
  let low = 0;
  let high = mean;
  while (inverseGaussian(high, mean, shape) < share) high *= 2;
  while (high - low > 1e-9 * high) {
    const middle = (low + high) / 2;
    if (inverseGaussian(middle, mean, shape) < share) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
