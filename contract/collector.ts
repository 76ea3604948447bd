import { takeIn, noCounters } from '../src/core/analysis/boundaries.ts';
import type { Counts } from '../src/core/model/analysis-state.ts';
import { PrometheusSource } from '../src/core/model/metrics-source.ts';
import type { SlotKey } from '../src/core/model/name.ts';
import type { Sample, Weight } from '../src/core/model/observation.ts';
import { createPrometheusMetrics } from '../src/drivers/prometheus/metrics.ts';
import { createQueryClient } from '../src/drivers/prometheus/query-client.ts';
import { eventually } from '../src/drivers/local/testing/environment.ts';
import type { Metrics, ScrapedArms, Unreadable } from '../src/ports/environment.ts';

/** What the counting target exports, as a document would say it. */
export const appSource = (url: string, changes: object = {}): PrometheusSource =>
  PrometheusSource.parse({
    source: 'prometheus',
    url,
    every: 0,
    window: '8s',
    requests: 'app_requests_total',
    errors: 'app_requests_total{code=~"5.."}',
    latency: { buckets: 'app_seconds_bucket' },
    started: 'app_start_time_seconds',
    saturation: 'app_busy',
    ...changes,
  });

/** Looks again and again, as the engine does while a rollout moves, and keeps everything that it was given. */
export class Collector {
  readonly samples: Sample[] = [];
  readonly metrics: Metrics;
  weights: readonly Weight[];
  failure: Unreadable | null = null;
  readonly #slot: SlotKey;
  readonly #arms: Omit<ScrapedArms, 'weights'>;

  constructor(
    source: PrometheusSource,
    slot: SlotKey,
    arms: Omit<ScrapedArms, 'weights'>,
    canaryWeight: number,
  ) {
    this.metrics = createPrometheusMetrics(source, createQueryClient(source, null), () => Date.now());
    this.#slot = slot;
    this.#arms = arms;
    this.weights = this.#shared(canaryWeight);
  }

  set canaryWeight(weight: number) {
    this.weights = this.#shared(weight);
  }

  #shared(weight: number): readonly Weight[] {
    const { canary, stable } = this.#arms;
    return [
      ...(stable === null ? [] : [{ release: stable, weight: 100 - weight }]),
      { release: canary, weight },
    ];
  }

  async look(): Promise<void> {
    const arms = { ...this.#arms, weights: this.weights };
    const read = await this.metrics.scrape(this.#slot, arms, AbortSignal.timeout(3_000));
    this.failure = read.ok ? null : read.error;
    if (read.ok) this.samples.push(...read.value);
  }

  /** Looks until it is so; rejects after 15 seconds. */
  async until(isSo: () => boolean): Promise<void> {
    await eventually(
      async () => {
        await this.look();
        return { failure: this.failure, last: this.samples.at(-1), so: isSo() };
      },
      ({ so }) => so,
    );
  }

  /** Until every one of these pods has a sample that was scraped after now. */
  async untilNewer(...pods: readonly string[]): Promise<void> {
    const now = Date.now() / 1000;
    await this.until(() => pods.every((pod) => (this.last(pod)?.t ?? 0) > now));
  }

  /** Until all that these pods had counted by now lies between two boundaries, which are common to them. */
  async untilCounted(...pods: readonly string[]): Promise<void> {
    await this.untilNewer(...pods);
    await this.untilNewer(...pods);
  }

  of(pod: string): readonly Sample[] {
    return this.samples.filter((sample) => sample.pod === pod);
  }

  last(pod: string): Sample | undefined {
    return this.of(pod).at(-1);
  }

  /** What an analysis counts of it, over all boundaries. */
  counted(arm: Sample['arm']): Counts {
    const { rounds } = takeIn(noCounters, this.samples);
    let requests = 0;
    const bad: Record<string, number> = {};
    for (const round of rounds) {
      if (round.kind !== 'interval') continue;
      for (const counts of Object.values(round[arm])) {
        requests += counts.requests;
        for (const [key, count] of Object.entries(counts.bad)) bad[key] = (bad[key] ?? 0) + count;
      }
    }
    return { requests, bad };
  }
}
