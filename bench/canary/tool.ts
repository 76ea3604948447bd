import type { Interval } from '../../src/core/analysis/boundaries.ts';
import type { Counts } from '../../src/core/model/analysis-state.ts';

export type Answer = 'hold' | 'advance' | 'rollback';

/** One rule at work on one canary: it sees one interval after the other and answers after each. */
export interface Watcher {
  look(interval: Interval): Answer;
}

/** A tool as it is configured: what its documents call a rollout, and the rule beside it. */
export interface Tool {
  readonly name: string;
  /** The canary's weights, one after the other; an advance at the last is a promotion. */
  readonly weights: readonly number[];
  begin(): Watcher;
}

/** Requests and bad events of a window of time, of one arm. */
export interface Window {
  readonly requests: number;
  readonly errors: number;
  /** Requests slower than 100, 250, 500 and 1000 ms. */
  readonly slower: readonly [number, number, number, number];
}

export const windowOf = (pods: readonly Counts[]): Window => {
  let [requests, errors] = [0, 0];
  const slower: [number, number, number, number] = [0, 0, 0, 0];
  for (const { requests: n, bad } of pods) {
    requests += n;
    errors += bad['errors'] ?? 0;
    slower[0] += bad['slow:100'] ?? 0;
    slower[1] += bad['slow:250'] ?? 0;
    slower[2] += bad['slow:500'] ?? 0;
    slower[3] += bad['slow:1000'] ?? 0;
  }
  return { requests, errors, slower };
};

export const joined = (windows: readonly Window[]): Window => {
  const sum = (of: (window: Window) => number): number => windows.reduce((all, one) => all + of(one), 0);
  return {
    requests: sum((w) => w.requests),
    errors: sum((w) => w.errors),
    slower: [
      sum((w) => w.slower[0]),
      sum((w) => w.slower[1]),
      sum((w) => w.slower[2]),
      sum((w) => w.slower[3]),
    ],
  };
};

/** The last `seconds` of one arm, as a range selector sees them. */
export class Recent {
  private kept: { readonly to: number; readonly window: Window }[] = [];
  private readonly seconds: number;

  constructor(seconds: number) {
    this.seconds = seconds;
  }

  add(to: number, window: Window): void {
    this.kept.push({ to, window });
    while ((this.kept[0]?.to ?? to) <= to - this.seconds) this.kept.shift();
  }

  all(): Window {
    return joined(this.kept.map(({ window }) => window));
  }

  last(): Window {
    return this.kept.at(-1)?.window ?? windowOf([]);
  }
}

/** The share of requests without error; NaN without requests, as 0/0 is in PromQL. */
export const successRate = ({ requests, errors }: Window): number => (requests - errors) / requests;

/**
 * PromQL's `histogram_quantile(0.99, …)` in ms over classic buckets at 100, 250, 500 and 1000 ms: linear inside the
 * bucket, the last bound where it lies beyond, NaN without requests.
 */
export function p99({ requests, slower }: Window): number {
  if (requests === 0) return Number.NaN;
  const rank = 0.99 * requests;
  const edges = [0, 100, 250, 500, 1000];
  let below = 0;
  for (let i = 0; i < 4; i++) {
    const cumulative = requests - (slower[i] ?? 0);
    const [low, high] = [edges[i] ?? 0, edges[i + 1] ?? 0];
    if (cumulative >= rank) return low + ((high - low) * (rank - below)) / (cumulative - below);
    below = cumulative;
  }
  return 1000;
}
