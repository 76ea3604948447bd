import { localLatencyBoundsMs } from '../../../core/model/latency-bounds.ts';

/**
 * How a request ended. `error`: the upstream answered 5xx, not at all, or broke off. `abandoned`: the client went
 * away first, which is held against nobody, but its time until then is in the histogram.
 */
export type Ending = 'answered' | 'error' | 'abandoned';

/** Cumulative counts of one upstream since it started. Every request that ended is in the histogram once. */
export class Counters {
  requests = 0;
  errors = 0;
  abandoned = 0;
  latencySumMs = 0;
  #open = 0;
  #idleWaiters: (() => void)[] = [];
  readonly #buckets: number[] = Array.from({ length: localLatencyBoundsMs.length + 1 }, () => 0);

  get open(): number {
    return this.#open;
  }

  begin(): void {
    this.#open += 1;
  }

  end(durationMs: number, ending: Ending): void {
    this.#open -= 1;
    this.count(durationMs, ending);
    if (this.#open === 0) {
      for (const wake of this.#idleWaiters.splice(0)) wake();
    }
  }

  /** A request that was never open on an upstream. */
  count(durationMs: number, ending: Ending): void {
    this.requests += 1;
    if (ending === 'error') this.errors += 1;
    if (ending === 'abandoned') this.abandoned += 1;
    this.latencySumMs += durationMs;
    const found = localLatencyBoundsMs.findIndex((bound) => durationMs <= bound);
    const index = found === -1 ? localLatencyBoundsMs.length : found;
    this.#buckets[index] = (this.#buckets[index] ?? 0) + 1;
  }

  /** Resolves when no request is open. */
  idle(): Promise<void> {
    if (this.#open === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idleWaiters.push(resolve));
  }

  /** Cumulative counts by upper bound in milliseconds, as Prometheus histograms have them. */
  latency(): Record<string, number> {
    let sum = 0;
    const result: Record<string, number> = {};
    for (const [index, count] of this.#buckets.entries()) {
      sum += count;
      result[localLatencyBoundsMs[index] ?? '+Inf'] = sum;
    }
    return result;
  }
}
