import { nodeCrypto } from '../src/engine/crypto.ts';
import { canonicalJson } from '../src/core/model/canonical.ts';
import type { MetricsHistory } from '../src/ports/environment.ts';
import type { Diagnostics } from '../src/core/model/diagnostics.ts';
import type { Digest } from '../src/core/model/digest.ts';
import type { Observation, Sample, Weight } from '../src/core/model/observation.ts';
import type { Random } from './random.ts';

/** How a release behaves once it runs. Rates are fractions of requests. */
export interface Behaviour {
  /** How long until it is ready; null for never. */
  readonly readyAfterMs: number | null;
  readonly errorRate: number;
  readonly slowRate: number;
  /** When it dies after having become ready; null for never. */
  readonly diesAfterMs: number | null;
}

export const goodBehaviour: Behaviour = {
  readyAfterMs: 1_500,
  errorRate: 0.002,
  slowRate: 0.01,
  diesAfterMs: null,
};

interface Pod {
  readonly id: string;
  readonly started: number;
  requests: number;
  errors: number;
  slow: number;
}

interface Workload {
  readonly release: string;
  artifact: Digest;
  desired: number;
  /** True times at which each process was asked for. */
  readonly pods: Pod[];
  everReady: boolean;
}

/** What a simulated slot saw done to it that must never be done. */
export type Breach = (invariant: number, message: string) => void;

/** The outside of one slot: workloads, weights, counters, and the fence. Time is true time in milliseconds. */
export class SimulatedSlot {
  readonly #random: Random;
  readonly #behaviour: (release: string) => Behaviour;
  readonly #requestsPerSecond: number;
  readonly #breach: Breach;
  readonly #workloads = new Map<string, Workload>();
  /** What the source of metrics says instead of giving samples; null while it can be read. */
  metricsSay: string | null = null;
  #weights: readonly Weight[] = [];
  #generation = 0;
  #countedTo = 0;
  #carried = new Map<string, number>();
  #births = 0;

  constructor(
    random: Random,
    behaviour: (release: string) => Behaviour,
    requestsPerSecond: number,
    breach: Breach,
  ) {
    this.#random = random;
    this.#behaviour = behaviour;
    this.#requestsPerSecond = requestsPerSecond;
    this.#breach = breach;
  }

  get generation(): number {
    return this.#generation;
  }

  get weights(): readonly Weight[] {
    return this.#weights;
  }

  get running(): readonly string[] {
    return [...this.#workloads.keys()];
  }

  weightOf(release: string): number {
    return this.#weights.find((w) => w.release === release)?.weight ?? 0;
  }

  /** Whether a call of this generation may still change something. */
  accepts(generation: number): boolean {
    if (generation < this.#generation) return false;
    this.#generation = generation;
    return true;
  }

  apply(release: string, artifact: Digest, replicas: number, now: number): void {
    const known = this.#workloads.get(release);
    const workload: Workload = known ?? { release, artifact, desired: 0, pods: [], everReady: false };
    if (known !== undefined && known.artifact !== artifact) {
      workload.pods.length = 0;
      workload.artifact = artifact;
    }
    workload.desired = replicas;
    while (workload.pods.length < replicas) workload.pods.push(this.#pod(release, now));
    workload.pods.length = replicas;
    this.#workloads.set(release, workload);
  }

  #pod(release: string, now: number): Pod {
    return { id: `${release}-${++this.#births}`, started: now, requests: 0, errors: 0, slow: 0 };
  }

  /** Returns why not, where the outside refuses it. */
  remove(release: string): string | null {
    if (this.weightOf(release) > 0) {
      this.#breach(5, `${release} is removed at ${this.weightOf(release)} % of traffic`);
      return `${release} still has traffic`;
    }
    this.#workloads.delete(release);
    return null;
  }

  shift(weights: readonly Weight[], now: number): void {
    const sum = weights.reduce((total, w) => total + w.weight, 0);
    if (sum !== 100) this.#breach(5, `weights add up to ${sum}`);
    for (const { release, weight } of weights) {
      this.#ready(release, now);
      const workload = this.#workloads.get(release);
      if (weight > this.weightOf(release) && workload?.everReady !== true)
        this.#breach(5, `${release} gets ${weight} % and has never been ready`);
    }
    this.count(now);
    this.#weights = weights.filter((w) => w.weight > 0);
  }

  /** How many processes of a release are ready. */
  #ready(release: string, now: number): number {
    const workload = this.#workloads.get(release);
    const { readyAfterMs, diesAfterMs } = this.#behaviour(release);
    if (workload === undefined || readyAfterMs === null) return 0;
    const ready = workload.pods.filter((pod) => {
      const age = now - pod.started - readyAfterMs;
      return age >= 0 && (diesAfterMs === null || age < diesAfterMs);
    }).length;
    if (ready > 0) workload.everReady = true;
    return ready;
  }

  /** A process is replaced by one of the same name that counts from zero. */
  restartOne(now: number): boolean {
    const pods = [...this.#workloads.values()].flatMap((w) => w.pods);
    if (pods.length === 0) return false;
    this.count(now);
    const pod = this.#random.pick(pods);
    pod.requests = 0;
    pod.errors = 0;
    pod.slow = 0;
    return true;
  }

  /** Counts the requests that came since the last time. */
  count(now: number): void {
    const seconds = (now - this.#countedTo) / 1_000;
    this.#countedTo = now;
    for (const { release, weight } of this.#weights) {
      const pods = this.#workloads.get(release)?.pods ?? [];
      const behaviour = this.#behaviour(release);
      for (const pod of pods) {
        const exact =
          (this.#requestsPerSecond * seconds * weight) / 100 / pods.length + (this.#carried.get(pod.id) ?? 0);
        const requests = Math.floor(exact);
        this.#carried.set(pod.id, exact - requests);
        pod.requests += requests;
        pod.errors += this.#random.binomial(requests, behaviour.errorRate);
        pod.slow += this.#random.binomial(requests, behaviour.slowRate);
      }
    }
  }

  diagnose(release: string): Diagnostics {
    const pods = this.#workloads.get(release)?.pods ?? [];
    return {
      processes: pods.map(({ id }) => ({ name: id, state: 'ready', restarts: 0, log: [id] })),
      events: [],
    };
  }

  look(now: number): Omit<Observation, 'at'> {
    const workloads = [...this.#workloads.values()].map((workload) => ({
      release: workload.release,
      artifact: workload.artifact,
      desired: workload.desired,
      ready: this.#ready(workload.release, now),
      open: null,
    }));
    return { generation: this.#generation, workloads, weights: [...this.#weights], level: 'confirmed' };
  }

  /** `wall` is the scraper's clock in milliseconds, `now` true time. */
  scrape(canary: string, stable: string | null, now: number, wall: number): readonly Sample[] {
    this.count(now);
    const share = this.weightOf(canary) / 100;
    const of = (release: string, arm: Sample['arm']): readonly Sample[] =>
      (this.#workloads.get(release)?.pods ?? []).map((pod) => ({
        t: wall / 1_000,
        arm,
        pod: pod.id,
        started: (wall - (now - pod.started)) / 1_000,
        weight: share,
        requests: pod.requests,
        bad: { errors: pod.errors },
        latencyMs: { '250': pod.requests - pod.slow, '+Inf': pod.requests },
      }));
    return [...of(canary, 'canary'), ...(stable === null ? [] : of(stable, 'stable'))];
  }

  /** What a source with a memory tells of the last minutes: counters that have grown evenly. */
  history(stable: string, now: number, wall: number): MetricsHistory {
    const samples = this.scrape('', stable, now, wall).flatMap((last) => {
      const started = last.started ?? last.t;
      const times = Array.from({ length: 20 }, (_, i) => last.t - 15 * (19 - i)).filter((t) => t >= started);
      const at = (count: number, t: number) => Math.floor((count * (t - started)) / (last.t - started || 1));
      return times.map((t) => ({
        ...last,
        t,
        weight: 0,
        requests: at(last.requests, t),
        bad: { errors: at(last.bad['errors'] ?? 0, t) },
        latencyMs: Object.fromEntries(
          Object.entries(last.latencyMs).map(([bound, count]) => [bound, at(count, t)] as const),
        ),
      }));
    });
    const to = wall / 1_000;
    const digest = nodeCrypto.digest(canonicalJson(samples));
    const bad = samples.reduce((sum, sample) => Math.max(sum, sample.bad.errors), 0);
    return {
      samples,
      slices: [{ from: to - 300, to, samples: samples.length, bad, digest }],
      ended: 'whole-span',
    };
  }
}
