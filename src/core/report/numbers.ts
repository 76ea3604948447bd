import type { ArmCounts } from '../model/reason.ts';

/** A count for people: `1803` is `1,803`. The same on every machine, whatever its language. */
export function formatCount(count: number): string {
  return String(Math.trunc(count)).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** A count with its noun: `1 request`, `2,000 requests`. */
export const counted = (count: number, noun: string): string =>
  `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;

/** A fraction (0 to 1) in percent: `6.1 %`; two decimals where one would hide that it is not zero. */
export function formatPercent(fraction: number): string {
  const percent = fraction * 100;
  const decimals = percent !== 0 && Math.abs(percent) < 0.1 ? 2 : 1;
  return `${trimmed(percent, decimals)} %`;
}

/** Percentage points of a fraction: `3.2 points`. `rounding` keeps a claim true: `down` for "at least", `up` for "at most". */
export function formatPoints(fraction: number, rounding: 'nearest' | 'down' | 'up' = 'nearest'): string {
  // Six decimals first: a stored 0.03 times 1,000 must not become 30.000000000000004.
  const tenths = Number((fraction * 1000).toFixed(6));
  const rounded =
    rounding === 'down' ? Math.floor(tenths) : rounding === 'up' ? Math.ceil(tenths) : Math.round(tenths);
  const points = trimmed(rounded / 10, 1);
  return `${points} ${points === '1' ? 'point' : 'points'}`;
}

/** One arm's share of bad requests with what it was counted from: `6.1 % (12 of 197)`. */
export function formatArm(arm: ArmCounts): string {
  if (arm.requests === 0) return 'no requests';
  return `${formatPercent(arm.bad / arm.requests)} (${formatCount(arm.bad)} of ${formatCount(arm.requests)})`;
}

/** What a series counts, as the subject of a sentence: `errors`, `requests slower than 250 ms`. */
export const formatSeries = (series: string): string =>
  series
    .replace(/^slow:(.*)$/, 'requests slower than $1 ms')
    .replace(/^saturated:(.*)$/, 'scrapes with saturation above $1');

const trimmed = (value: number, decimals: number): string =>
  value.toFixed(decimals).replace(/\.?0+$/, '') || '0';
