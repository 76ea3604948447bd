import { exp, lnGamma } from '../../src/core/analysis/elementary.ts';

/** P(X ≤ k) of a binomial distribution. */
function atMost(k: number, n: number, p: number): number {
  let sum = 0;
  for (let i = 0; i <= k; i++)
    sum += exp(
      lnGamma(n + 1) - lnGamma(i + 1) - lnGamma(n - i + 1) + i * Math.log(p) + (n - i) * Math.log1p(-p),
    );
  return sum;
}

function edge(isBelow: (p: number) => boolean): number {
  let [low, high] = [0, 1];
  for (let i = 0; i < 50; i++) {
    const middle = (low + high) / 2;
    if (isBelow(middle)) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** The exact 95 % interval of a share, 2.5 % on either side (Clopper and Pearson 1934). */
export function exactInterval(k: number, n: number): readonly [lower: number, upper: number] {
  if (n === 0) return [0, 1];
  return [
    k === 0 ? 0 : edge((p) => 1 - atMost(k - 1, n, p) < 0.025),
    k === n ? 1 : edge((p) => atMost(k, n, p) > 0.025),
  ];
}

/** The 95 % interval of the median of `n` values, as ranks from 0 (order statistics). */
export function medianRanks(n: number): readonly [low: number, high: number] {
  let low = 0;
  while (low < n / 2 && atMost(low, n, 0.5) <= 0.025) low += 1;
  return [Math.max(0, low - 1), Math.min(n - 1, n - low)];
}
