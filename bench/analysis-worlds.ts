import type { Interval } from '../src/core/analysis/sequential/boundaries.ts';
import type { Counts } from '../src/core/model/analysis-state.ts';

/** A seeded source of numbers in (0, 1): the same seed gives the same world. */
export function random(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t ^= t + Math.imul(t ^ (t >>> 7), 61 | t);
    return (((t ^ (t >>> 14)) >>> 0) + 0.5) / 4_294_967_296;
  };
}
type Source = () => number;
const normal = (next: Source): number => Math.sqrt(-2 * Math.log(next())) * Math.cos(2 * Math.PI * next());

function poisson(next: Source, mean: number): number {
  if (mean > 60) return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal(next)));
  const limit = Math.exp(-mean);
  let product = next();
  let count = 0;
  for (; product > limit; count++) product *= next();
  return count;
}
/** Bad of n; Poisson for rare events, normal for the rest: exact enough at these counts. */
function binomial(next: Source, n: number, p: number): number {
  if (n < 40) {
    let count = 0;
    for (let i = 0; i < n; i++) if (next() < p) count++;
    return count;
  }
  if (p < 0.02) return Math.min(n, poisson(next, n * p));
  return Math.min(n, Math.max(0, Math.round(n * p + Math.sqrt(n * p * (1 - p)) * normal(next))));
}

export interface World {
  readonly name: string;
  /** Requests a second of both arms, and the bad share of both. */
  readonly perSecond: number;
  readonly errors: number;
  /** What the canary adds: to the share of errors, and as a factor to each latency. */
  readonly added: number;
  readonly slower: number;
  /** Errors come in clusters of this mean size, each in one pod. */
  readonly cluster: number;
  /** Standard deviation of pods' log error rates: lasting, and drifting (correlation 0.9 a minute). */
  readonly lasting: number;
  readonly drifting: number;
  /** Load and errors follow the hour. */
  readonly diurnal: boolean;
  /** Minutes in which both arms have 20 points more errors. */
  readonly incident: readonly [number, number] | null;
}

const plain: World = {
  name: 'plain',
  perSecond: 100,
  errors: 0.005,
  added: 0,
  slower: 1,
  cluster: 1,
  lasting: 0,
  drifting: 0,
  diurnal: false,
  incident: null,
};
const kinds: readonly World[] = [
  plain,
  { ...plain, name: 'clean', errors: 0.001 },
  { ...plain, name: 'overdispersed', cluster: 10 },
  { ...plain, name: 'autocorrelated', drifting: 0.15 },
  { ...plain, name: 'pods differ', lasting: 0.15 },
  { ...plain, name: 'diurnal', diurnal: true },
  { ...plain, name: 'incident', incident: [5, 10] },
  { ...plain, name: 'low traffic', perSecond: 1 },
];
export const worlds: readonly World[] = [
  ...kinds.flatMap((kind) =>
    [0, 0.005, 0.01, 0.05].map((added) => ({
      ...kind,
      added,
      name: added === 0 ? `${kind.name}, identical` : `${kind.name}, +${added * 100}`,
    })),
  ),
  { ...plain, name: 'latency +10 %', slower: 1.1 },
  { ...plain, name: 'latency 2x', slower: 2 },
  { ...plain, name: 'plain, +50', added: 0.5 },
];

const stablePods = 9;
export const scrapeSeconds = 15;
/** P(latency > bound), lognormal with median 80 ms and p99 300 ms. */
function slowerThan(bound: number, factor: number): number {
  const z = Math.log(bound / (80 * factor)) / 0.5682;
  const t = 1 / (1 + 0.2316419 * Math.abs(z));
  const tail =
    (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) *
    t *
    (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return z > 0 ? tail : 1 - tail;
}
const bounds = [100, 250, 500];

/** A source of intervals: stable pods keep their character from the history on. */
export class Simulation {
  readonly world: World;
  readonly next: Source;
  readonly lasting: number[];
  readonly drift: number[];

  constructor(world: World, seed: number) {
    this.world = world;
    this.next = random(seed);
    const pods = Array.from({ length: stablePods + 1 });
    this.lasting = pods.map(() => Math.exp(world.lasting * normal(this.next)));
    this.drift = pods.map(() => world.drifting * normal(this.next));
  }

  /** The interval that ends at `t` (seconds; the canary comes at 0); `weight` 0 gives a history. */
  interval(t: number, weight: number): Interval {
    const { world } = this;
    const hour = (t / 86_400) * 2 * Math.PI;
    const load = world.diurnal ? 1 + 0.7 * Math.sin(24 * hour) : 1;
    const minute = t / 60;
    const hit = world.incident !== null && minute > world.incident[0] && minute <= world.incident[1];
    const base =
      world.errors * (world.diurnal ? Math.exp(1.09 * Math.sin(24 * hour + 1)) : 1) + (hit ? 0.2 : 0);
    const keep = 0.9 ** (scrapeSeconds / 60);
    const all = world.perSecond * scrapeSeconds * load;
    const stable: Record<string, Counts> = {};
    const canary: Record<string, Counts> = {};
    for (let p = 0; p <= stablePods; p++) {
      const isCanary = p === stablePods;
      this.drift[p] =
        keep * (this.drift[p] ?? 0) + Math.sqrt(1 - keep * keep) * world.drifting * normal(this.next);
      const share = isCanary ? weight : (1 - weight) / stablePods;
      if (share <= 0) continue;
      const rate =
        base * (this.lasting[p] ?? 1) * Math.exp(this.drift[p] ?? 0) + (isCanary ? world.added : 0);
      const counts = this.pod(all * share, rate, isCanary ? world.slower : 1);
      if (isCanary) canary['canary'] = counts;
      else stable[`stable-${p}`] = counts;
    }
    return { kind: 'interval', from: t - scrapeSeconds, to: t, weight, canary, stable };
  }

  private pod(mean: number, rate: number, factor: number): Counts {
    const requests = poisson(this.next, mean);
    const { cluster } = this.world;
    let errors = 0;
    if (cluster <= 1) errors = binomial(this.next, requests, rate);
    else {
      for (let left = poisson(this.next, (mean * rate) / cluster); left > 0; left--)
        errors += 1 + Math.floor(Math.log(this.next()) / Math.log(1 - 1 / cluster));
      errors = Math.min(requests, errors);
    }
    const bad: Record<string, number> = { errors };
    let above = requests;
    let before = 1;
    for (const bound of bounds) {
      const p = slowerThan(bound, factor);
      above = binomial(this.next, above, p / before);
      before = p;
      bad[`slow:${bound}`] = above;
    }
    return { requests, bad };
  }
}
