/** A proportion's interval, as fractions. */
export interface Interval {
  readonly lower: number;
  readonly upper: number;
}

/**
 * The score interval of a proportion for a normal quantile `z` (Wilson 1927). With no trials it is all of [0, 1]:
 * nothing is known.
 */
export function scoreInterval(bad: number, requests: number, z: number): Interval {
  if (requests === 0) return { lower: 0, upper: 1 };
  const p = bad / requests;
  const z2 = z * z;
  const centre = p + z2 / (2 * requests);
  const spread = z * Math.sqrt((p * (1 - p) + z2 / (4 * requests)) / requests);
  const scale = 1 + z2 / requests;
  return { lower: Math.max(0, (centre - spread) / scale), upper: Math.min(1, (centre + spread) / scale) };
}

/**
 * The interval of the difference of two independent proportions, canary minus stable (Newcombe 1998, method 10:
 * score intervals of both, combined as hybrid).
 */
export function differenceInterval(
  canary: { readonly bad: number; readonly requests: number },
  stable: { readonly bad: number; readonly requests: number },
  z: number,
): Interval {
  const a = scoreInterval(canary.bad, canary.requests, z);
  const b = scoreInterval(stable.bad, stable.requests, z);
  const pa = canary.requests === 0 ? 0 : canary.bad / canary.requests;
  const pb = stable.requests === 0 ? 0 : stable.bad / stable.requests;
  const d = pa - pb;
  return {
    lower: d - Math.sqrt((pa - a.lower) ** 2 + (b.upper - pb) ** 2),
    upper: d + Math.sqrt((a.upper - pa) ** 2 + (pb - b.lower) ** 2),
  };
}

/** Rounds a number that is stored or shown, so that two machines write the same. */
export const rounded = (value: number): number => Math.round(value * 1_000_000) / 1_000_000;
