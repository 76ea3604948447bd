/**
 * The probability of at least `k` successes in `n` independent trials of probability `p` (the upper tail of the
 * binomial distribution). Only products and quotients, ordered so that nothing overflows and nothing underflows
 * before the result does: every machine gets the same number. `p` in (0, 1), `k` and `n` whole, 0 ≤ k ≤ n.
 */
export function binomialTail(k: number, n: number, p: number): number {
  if (k <= 0) return 1;
  // Below the mean the tail is nearly all: what is missing of it is the small tail on the other side.
  if (k < n * p) return 1 - upperTail(n - k + 1, n, 1 - p);
  return upperTail(k, n, p);
}

/** The tail from `k` on, where `k` lies beyond the mean and the terms only shrink. */
function upperTail(k: number, n: number, p: number): number {
  if (k > n) return 0;
  let term = binomialAt(k, n, p);
  let sum = term;
  for (let i = k + 1; i <= n; i++) {
    term *= ((n - i + 1) / i) * (p / (1 - p));
    sum += term;
    // What is left out is less than a rounding error.
    if (term < sum * 1e-16) break;
  }
  return Math.min(1, sum);
}

/** C(n, k) p^k (1-p)^(n-k): growing and shrinking factors are taken in turn, which keeps the product near one. */
function binomialAt(k: number, n: number, p: number): number {
  let value = 1;
  let misses = 0;
  for (let j = 1; j <= k; j++) {
    value *= ((n - k + j) / j) * p;
    while (value > 1 && misses < n - k) {
      value *= 1 - p;
      misses += 1;
    }
  }
  for (; misses < n - k; misses++) value *= 1 - p;
  return value;
}
