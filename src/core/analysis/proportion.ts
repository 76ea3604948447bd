import { ln, lnGamma } from './elementary.ts';

const lnBeta = (a: number, b: number): number => lnGamma(a) + lnGamma(b) - lnGamma(a + b);

/** ln B(½, ½). */
const lnPi = ln(Math.PI);

/**
 * ln of the evidence that a proportion is not `p`, after `bad` of `requests`: the mixture of all proportions with
 * weight Beta(½, ½) against `p`. It may be looked at after every request (Robbins 1970; Howard and others, arXiv
 * 1810.08240).
 */
export const evidenceAgainst = (p: number, bad: number, requests: number): number =>
  lnBeta(0.5 + bad, 0.5 + requests - bad) - lnPi - bad * ln(p) - (requests - bad) * ln(1 - p);

/** The proportions that are not refuted with 1/alpha: the confidence sequence. All of [0, 1] where nothing was seen. */
export function proportionBounds(
  bad: number,
  requests: number,
  alpha: number,
): { readonly lower: number; readonly upper: number } {
  if (requests <= 0) return { lower: 0, upper: 1 };
  const rate = Math.min(1, bad / requests);
  const limit = ln(1 / alpha);
  // `inside` is not refuted, `outside` is or lies at the end of what a proportion can be.
  const edge = (inside: number, outside: number): number => {
    let [near, far] = [inside, outside];
    for (let i = 0; i < 50; i++) {
      const middle = (near + far) / 2;
      if (evidenceAgainst(middle, bad, requests) < limit) near = middle;
      else far = middle;
    }
    return near;
  };
  return { lower: bad <= 0 ? 0 : edge(rate, 0), upper: bad >= requests ? 1 : edge(rate, 1) };
}
