import { type Interval, noCounters, type Round, takeIn } from '../../src/core/analysis/boundaries.ts';
import { exp, lnNormalTail } from '../../src/core/analysis/elementary.ts';
import type { Counts, CounterState } from '../../src/core/model/analysis-state.ts';
import type { Sample } from '../../src/core/model/observation.ts';
import { Chance } from './random.ts';
import { addedAt, type Harm, harms, type Kind } from './worlds.ts';

const stablePods = 9;
export const bounds = [100, 250, 500, 1000] as const;

const tails = new Map<number, readonly number[]>();
/** P(latency > bound) for each bound: lognormal with median 80 ms and p99 300 ms, all of it times the factor. */
export function slowerThan(factor: number): readonly number[] {
  const known = tails.get(factor);
  if (known !== undefined) return known;
  const found = bounds.map((bound) => exp(lnNormalTail(Math.log(bound / (80 * factor)) / 0.5682)));
  tails.set(factor, found);
  return found;
}

interface Pod {
  readonly name: string;
  readonly isCanary: boolean;
  /** Its lasting factor, and the log of the drifting one. */
  readonly lasting: number;
  drift: number;
  stickyUntil: number;
  /** For counters that are scraped one by one: until when it has counted, when it began, and what it shows. */
  readonly phase: number;
  counted: number;
  started: number;
  requests: number;
  bad: number[];
}

/** A world that is played forward: intervals, or samples that are taken in as the product takes them. */
export class Simulation {
  readonly kind: Kind;
  harm: Harm = harms.none;
  private readonly chance: Chance;
  private readonly pods: Pod[];
  private t = 0;
  private counters: CounterState = noCounters;

  constructor(kind: Kind, seed: number, from?: Simulation) {
    this.kind = kind;
    this.chance = from === undefined ? new Chance(seed) : from.chance.copy();
    this.t = from?.t ?? 0;
    this.counters = from?.counters ?? noCounters;
    this.pods =
      from === undefined
        ? Array.from({ length: stablePods + 1 }, (_, p) => this.pod(p))
        : from.pods.map((pod) => ({ ...pod, bad: [...pod.bad] }));
  }

  /** The same past, another future. */
  with(harm: Harm): Simulation {
    const other = new Simulation(this.kind, 0, this);
    other.harm = harm;
    return other;
  }

  private pod(p: number): Pod {
    const isCanary = p === stablePods;
    return {
      name: isCanary ? 'canary' : `stable-${p}`,
      isCanary,
      lasting: Math.exp(this.kind.lasting * this.chance.normal()),
      drift: this.kind.drifting * this.chance.normal(),
      stickyUntil: -Infinity,
      phase: this.kind.unsynchronised ? this.chance.uniform() * this.kind.scrape : 0,
      counted: 0,
      started: -1e6,
      requests: 0,
      bad: Array.from({ length: bounds.length + 1 }, () => 0),
    };
  }

  /** Starts the clock; the canary comes at 0. */
  startAt(t: number): void {
    this.t = t;
    for (const pod of this.pods) pod.counted = t;
  }

  /** Goes on by one scrape of `seconds`; `weight` is the canary's share, 0 for a history. */
  step(seconds: number, weight: number): readonly Round[] {
    const from = this.t;
    this.t += seconds;
    const { restarts, unsynchronised } = this.kind;
    return restarts || unsynchronised ? this.scraped(from, weight) : [this.interval(from, weight)];
  }

  private interval(from: number, weight: number): Interval {
    const canary: Record<string, Counts> = {};
    const stable: Record<string, Counts> = {};
    for (const pod of this.pods) {
      if (pod.isCanary && weight <= 0) continue;
      (pod.isCanary ? canary : stable)[pod.name] = named(this.count(pod, from, this.t, weight));
    }
    const perArm = this.kind.armOnly;
    return {
      kind: 'interval',
      from,
      to: this.t,
      weight,
      canary,
      stable: perArm ? { stable: summed(Object.values(stable)) } : stable,
    };
  }

  /** Each pod's counters are read at its own time, some not at all, and taken in as the product does. */
  private scraped(from: number, weight: number): readonly Round[] {
    const samples: Sample[] = [];
    for (const pod of this.pods) {
      if (pod.isCanary && weight <= 0) continue;
      const at = from + (this.kind.unsynchronised ? pod.phase : this.t - from);
      if (pod.isCanary && this.kind.restarts && this.chance.uniform() < (this.t - from) / 600) {
        // What it counted since the last scrape is lost with it.
        pod.counted += this.chance.uniform() * (at - pod.counted);
        pod.started = pod.counted;
        pod.requests = 0;
        pod.bad = pod.bad.map(() => 0);
      }
      const found = this.count(pod, pod.counted, at, weight);
      pod.counted = at;
      pod.requests += found.requests;
      pod.bad = pod.bad.map((sum, i) => sum + (found.bad[i] ?? 0));
      if (this.kind.restarts && this.chance.uniform() < 0.1) continue;
      samples.push(sampleOf(pod, at, weight));
    }
    const taken = takeIn(this.counters, samples);
    this.counters = taken.state;
    return taken.rounds;
  }

  /** What a pod counts from one time to another: requests, errors, and requests slower than each bound. */
  private count(pod: Pod, from: number, to: number, weight: number): Found {
    const { kind, harm, chance } = this;
    const seconds = to - from;
    const share = pod.isCanary ? weight : (1 - weight) / stablePods;
    const { load, errors, hit } = this.both(from, to, weight);
    const isQuiet = pod.isCanary && harm.silent;
    const mean = isQuiet ? 0 : kind.perSecond * seconds * load * share;
    let requests = chance.poisson(mean);
    const rate = Math.min(
      1,
      errors * pod.lasting * this.drifted(pod, seconds) + (pod.isCanary ? addedAt(harm, (from + to) / 2) : 0),
    );
    let failed = this.failures(requests, mean, rate);
    if (kind.sticky > 0 && !isQuiet) {
      if (chance.uniform() < (kind.sticky * seconds * share) / 0.1 / 3600) pod.stickyUntil = from + 300;
      const held = pod.stickyUntil > from ? chance.poisson(seconds / 3) : 0;
      requests += held;
      failed += held;
    }
    const factor = pod.isCanary ? harm.slower : 1;
    const bad = [failed];
    let above = requests;
    let before = 1;
    slowerThan(factor).forEach((tail, i) => {
      // Three times the latency while the incident lasts.
      const p = hit > 0 ? tail + hit * ((slowerThan(3 * factor)[i] ?? 0) - tail) : tail;
      above = chance.binomial(above, p / before);
      before = p;
      bad.push(above);
    });
    return { requests, bad };
  }

  private failures(requests: number, mean: number, rate: number): number {
    const { cluster } = this.kind;
    if (cluster <= 1) return this.chance.binomial(requests, rate);
    let failed = 0;
    for (let left = this.chance.poisson((mean * rate) / cluster); left > 0; left--)
      failed += this.chance.geometric(cluster);
    return Math.min(requests, failed);
  }

  /** What both arms have in common: load, the share of errors, the part of the time that an incident takes. */
  private both(from: number, to: number, weight: number): { load: number; errors: number; hit: number } {
    const { kind, harm } = this;
    const hour = (((from + to) / 2) * 2 * Math.PI) / 3600;
    const [begins, ends] = kind.incident ?? [0, 0];
    const overlap = Math.min(to, ends * 60) - Math.max(from, begins * 60);
    const hit = to > from ? Math.max(0, overlap) / (to - from) : 0;
    const usual = kind.errors * (kind.diurnal ? Math.exp(1.09 * Math.sin(hour + 1)) : 1);
    return {
      load: kind.diurnal ? 1 + 0.7 * Math.sin(hour) : 1,
      errors: usual + 0.2 * hit + harm.interference * weight,
      hit,
    };
  }

  private drifted(pod: Pod, seconds: number): number {
    const { drifting } = this.kind;
    if (drifting <= 0) return 1;
    const keep = 0.9 ** (seconds / 60);
    pod.drift = keep * pod.drift + Math.sqrt(1 - keep * keep) * drifting * this.chance.normal();
    return Math.exp(pod.drift);
  }
}

interface Found {
  readonly requests: number;
  /** Errors, then slower than each bound. */
  readonly bad: readonly number[];
}
const names = ['errors', ...bounds.map((bound) => `slow:${bound}`)];

const named = ({ requests, bad }: Found): Counts => {
  const counts: Record<string, number> = {};
  names.forEach((name, i) => (counts[name] = bad[i] ?? 0));
  return { requests, bad: counts };
};

export function summed(pods: readonly Counts[]): Counts {
  let requests = 0;
  const bad: Record<string, number> = {};
  for (const counts of pods) {
    requests += counts.requests;
    for (const [key, count] of Object.entries(counts.bad)) bad[key] = (bad[key] ?? 0) + count;
  }
  return { requests, bad };
}

const sampleOf = (pod: Pod, t: number, weight: number): Sample => ({
  t,
  arm: pod.isCanary ? 'canary' : 'stable',
  pod: pod.name,
  started: pod.started,
  weight,
  requests: pod.requests,
  bad: { errors: pod.bad[0] ?? 0 },
  latencyMs: {
    ...Object.fromEntries(bounds.map((bound, i) => [String(bound), pod.requests - (pod.bad[i + 1] ?? 0)])),
    '+Inf': pod.requests,
  },
});
