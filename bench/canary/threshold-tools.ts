import { Recent, p99, successRate, type Tool, type Watcher, windowOf } from './tool.ts';

/*
 * Tools that count crossings of a threshold, written anew from their documents and from reading their code (no line
 * of it is here). Both are as documented, and once tightened as far as one would dare.
 */

interface Measured {
  readonly name: string;
  /** Weights, and the seconds at each. */
  readonly weights: readonly number[];
  readonly pause: number;
  /** When the first measurement is taken, and how often from then on. */
  readonly first: number;
  readonly every: number;
  /** A metric fails the rollout when more than so many of its measurements failed. */
  readonly failureLimit: number;
  /** `irate` looks at the last two samples of its range, `rate` at all of them. */
  readonly rate: 'irate' | 'rate';
  readonly success: number;
}

/**
 * Argo Rollouts, background analysis. A measurement is successful when its condition holds and failed when not (with a
 * success condition alone); NaN is not at least anything, so it fails. The run fails when `failed > failureLimit`:
 * `analysis/analysis.go` and `utils/evaluate/evaluate.go` of argoproj/argo-rollouts, 2026-08. The latency metric is
 * ours: the documented example has none, and would never see a slow canary.
 */
const argo = (one: Measured): Tool => ({
  name: one.name,
  weights: one.weights,
  begin(): Watcher {
    const recent = new Recent(one.every);
    let [failed, slow] = [0, 0];
    let [step, due] = [0, one.first];
    return {
      look({ canary, to }) {
        recent.add(to, windowOf(Object.values(canary)));
        if (to >= due) {
          due += one.every;
          const seen = one.rate === 'irate' ? recent.last() : recent.all();
          if (!(successRate(seen) >= one.success)) failed += 1;
          if (!(p99(seen) < 500)) slow += 1;
          if (failed > one.failureLimit || slow > one.failureLimit) return 'rollback';
        }
        if (to < (step + 1) * one.pause) return 'hold';
        step += 1;
        return 'advance';
      },
    };
  },
});

/** The example of docs/features/analysis.md: 5 minutes, at least 95 %, four failures, from the second step on. */
export const argoDocumented = (whole: boolean): Tool =>
  argo({
    name: 'Argo Rollouts, documented',
    weights: [0.2, 0.4, 0.6, 0.8],
    pause: 600,
    first: whole ? 900 : 300,
    every: 300,
    failureLimit: 3,
    rate: 'irate',
    success: 0.95,
  });

/** The same steps watched from the start, each minute, at 99 %. */
export const argoTight: Tool = argo({
  name: 'Argo Rollouts, tight',
  weights: [0.2, 0.4, 0.6, 0.8],
  pause: 600,
  first: 60,
  every: 60,
  failureLimit: 3,
  rate: 'rate',
  success: 0.99,
});

/**
 * Flagger. At each interval every metric must be within its range, else a counter grows that no success resets; when
 * it has reached the threshold, the next interval goes back. No value is a failed check. A passed check raises the
 * weight; passed at the last weight it promotes: `pkg/controller/scheduler.go` of fluxcd/flagger, 2026-07.
 */
const flagger = (one: {
  readonly name: string;
  readonly weights: readonly number[];
  readonly threshold: number;
  readonly success: number;
}): Tool => ({
  name: one.name,
  weights: one.weights,
  begin(): Watcher {
    const recent = new Recent(60);
    let [failed, due] = [0, 60];
    return {
      look({ canary, to }) {
        recent.add(to, windowOf(Object.values(canary)));
        if (to < due) return 'hold';
        due += 60;
        if (failed >= one.threshold) return 'rollback';
        const seen = recent.all();
        if (successRate(seen) >= one.success && p99(seen) <= 500) return 'advance';
        failed += 1;
        return 'hold';
      },
    };
  },
});

/** Its page "How it works": each minute, ten failed checks, 5 % more up to 50 %, at least 99 %, p99 up to 500 ms. */
export const flaggerDocumented: Tool = flagger({
  name: 'Flagger, documented',
  weights: Array.from({ length: 10 }, (_, i) => 0.05 * (i + 1)),
  threshold: 10,
  success: 0.99,
});

/** One failed check is too many (its default threshold), at 99 %. */
export const flaggerTight: Tool = flagger({
  name: 'Flagger, tight',
  weights: Array.from({ length: 10 }, (_, i) => 0.05 * (i + 1)),
  threshold: 1,
  success: 0.99,
});

/** What many write by hand: a test of two proportions at p < 0.01, looked at after each scrape. */
export const peeking: Tool = {
  name: 'z-test at each scrape',
  weights: [0.1],
  begin(): Watcher {
    let [x, n, y, m] = [0, 0, 0, 0];
    return {
      look({ canary, stable }) {
        const [one, other] = [windowOf(Object.values(canary)), windowOf(Object.values(stable))];
        x += one.errors;
        n += one.requests;
        y += other.errors;
        m += other.requests;
        const pooled = (x + y) / (n + m);
        const error = Math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m));
        return error > 0 && (x / n - y / m) / error > 2.326 ? 'rollback' : 'hold';
      },
    };
  },
};
