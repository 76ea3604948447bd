import { joined, p99, type Tool, type Watcher, type Window, windowOf } from './tool.ts';

/*
 * Kayenta's NetflixACAJudge-v1.0, written anew from reading spinnaker/kayenta at a69573b (2025-04): no line of it is
 * here. For each metric the canary's points are compared with those of a baseline of the same size by a two-sided
 * Mann-Whitney test at 98 %, normal approximation with ties and continuity correction, after R's wilcox.test; `High`
 * when the interval's lower end lies above a quarter of the Hodges-Lehmann estimate of the shift itself.
 */

const z98 = 2.3263478740408408;

export type Classified = 'pass' | 'high' | 'no-data';

/** Higher is worse. NaN are removed, which is the judge's default. */
export function classify(canary: readonly number[], baseline: readonly number[]): Classified {
  const x = canary.filter((value) => !Number.isNaN(value));
  const y = baseline.filter((value) => !Number.isNaN(value));
  if (x.length === 0 || y.length === 0) return 'no-data';
  if (x.length === y.length && x.every((value, i) => value === y[i])) return 'pass';
  const { lower, estimate } = shift(x, y);
  return lower > 0.25 * Math.abs(estimate) ? 'high' : 'pass';
}

/** The lower end of the interval of the shift, and its estimate. */
export function shift(
  x: readonly number[],
  y: readonly number[],
): { readonly lower: number; readonly estimate: number } {
  const least = Math.min(...x) - Math.max(...y);
  const most = Math.max(...x) - Math.min(...y);
  const root = (quantile: number): number => {
    const [first, last] = [deviate(x, y, least) - quantile, deviate(x, y, most) - quantile];
    if (first <= 0) return least;
    if (last >= 0) return most;
    return zero((by) => deviate(x, y, by) - quantile, least, most, first, last);
  };
  return { lower: root(z98), estimate: root(0) };
}

/** As exact as R's wilcox.test asks for; with ties the answer depends on it. */
const accuracy = 1e-4;

/** A zero between two ends of different signs: Brent 1973, chapter 4, stopped as R's `zeroin` stops. */
function zero(f: (at: number) => number, low: number, high: number, fLow: number, fHigh: number): number {
  let [a, b, c] = [low, high, low];
  let [fa, fb, fc] = [fLow, fHigh, fLow];
  for (let i = 0; i < 1000; i++) {
    const before = b - a;
    if (Math.abs(fc) < Math.abs(fb)) {
      [a, b, c] = [b, c, b];
      [fa, fb, fc] = [fb, fc, fb];
    }
    const near = 2 * Number.EPSILON * Math.abs(b) + accuracy / 2;
    let step = (c - b) / 2;
    if (Math.abs(step) <= near || fb === 0) return b;
    if (Math.abs(before) >= near && Math.abs(fa) > Math.abs(fb)) step = interpolated(step, before, near);
    if (Math.abs(step) < near) step = step > 0 ? near : -near;
    [a, fa] = [b, fb];
    b += step;
    fb = f(b);
    if (fb > 0 === fc > 0 && fb !== 0) [c, fc] = [a, fa];
  }
  return b;

  /** By a line through two points, or a parabola through three, where that stays inside; else the half. */
  function interpolated(half: number, before: number, near: number): number {
    const width = c - b;
    const s = fb / fa;
    let p = width * s;
    let q = 1 - s;
    if (a !== c) {
      const [u, v] = [fa / fc, fb / fc];
      p = s * (width * u * (u - v) - (b - a) * (v - 1));
      q = (u - 1) * (v - 1) * (s - 1);
    }
    if (p > 0) q = -q;
    else p = -p;
    return p < 0.75 * width * q - Math.abs(near * q) / 2 && p < Math.abs(before * q) / 2 ? p / q : half;
  }
}

/** The standardised rank sum of `x` moved down by `by` among `y`. */
function deviate(x: readonly number[], y: readonly number[], by: number): number {
  const [n, m] = [x.length, y.length];
  const all = Float64Array.from([...x.map((value) => value - by), ...y]);
  const order = Array.from(all.keys()).sort((a, b) => (all[a] ?? 0) - (all[b] ?? 0));
  let [ranks, ties] = [0, 0];
  for (let i = 0; i < order.length;) {
    let j = i;
    while (j < order.length && all[order[j] ?? 0] === all[order[i] ?? 0]) j++;
    for (let k = i; k < j; k++) if ((order[k] ?? 0) < n) ranks += (i + j + 1) / 2;
    ties += (j - i) ** 3 - (j - i);
    i = j;
  }
  const off = ranks - (n * (n + 1)) / 2 - (n * m) / 2;
  const spread = Math.sqrt(((n * m) / 12) * (n + m + 1 - ties / ((n + m) * (n + m - 1))));
  // With all values tied the original throws; nothing can be told.
  return spread === 0 ? 0 : (off - 0.5 * Math.sign(off)) / spread;
}

interface Judge {
  readonly name: string;
  /** Seconds a point, from one judgement to the next, and to the last. */
  readonly point: number;
  readonly interval: number;
  readonly lifetime: number;
  /** Whether it goes on judging after its lifetime, as in the table of detection. */
  readonly endless: boolean;
}

/**
 * The score is the share of metrics that pass; with two metrics and marks of 75 and 95 both must pass, at each
 * judgement, and half or more without data score 0. Judgements look at all since the canary's start.
 */
const kayenta = (one: Judge): Tool => ({
  name: one.name,
  weights: [0.1],
  begin(): Watcher {
    const points: { readonly canary: Window; readonly baseline: Window }[] = [];
    let [canary, baseline]: [Window[], Window[]] = [[], []];
    let [point, due] = [one.point, one.interval];
    return {
      look(interval) {
        canary.push(windowOf(Object.values(interval.canary)));
        // One stable pod has the canary's traffic: it stands for the baseline that is deployed beside it.
        baseline.push(windowOf(Object.values(interval.stable).slice(0, 1)));
        if (interval.to < point) return 'hold';
        point += one.point;
        points.push({ canary: joined(canary), baseline: joined(baseline) });
        [canary, baseline] = [[], []];
        if (interval.to < due) return 'hold';
        due += one.interval;
        const metric = (of: (window: Window) => number): Classified =>
          classify(
            points.map((each) => of(each.canary)),
            points.map((each) => of(each.baseline)),
          );
        const found = [metric(({ errors, requests }) => (100 * errors) / requests), metric(p99)];
        if (found.some((result) => result !== 'pass')) return 'rollback';
        return !one.endless && interval.to >= one.lifetime ? 'advance' : 'hold';
      },
    };
  },
});

/** Its documents: three hours, a judgement each hour, points of a minute. */
export const kayentaDocumented = (endless: boolean): Tool =>
  kayenta({
    name: 'Kayenta, documented',
    point: 60,
    interval: 3600,
    lifetime: 3 * 3600,
    endless,
  });

/** As quick as people run it (kayenta#540): 45 minutes, a judgement each 15, points of 15 seconds. */
export const kayentaQuick = (endless: boolean): Tool =>
  kayenta({
    name: 'Kayenta, 15 minutes',
    point: 15,
    interval: 900,
    lifetime: 45 * 60,
    endless,
  });
