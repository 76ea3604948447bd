import type { HistoryEntry } from '../../../src/server/schemas-ledger.ts';
import type { Answered } from './gateway-customers.ts';
import type { Count, Look } from './outside.ts';

/** What is kept of a journey: what customers, the API server and the gateway said, and beside it what was recorded. */
export interface Trace {
  readonly journey: string;
  /** When it began, in milliseconds since 1970; all other times are seconds since then. */
  readonly began: number;
  readonly seconds: readonly Second[];
  /** Each change of the route's weights or of the ready pods, by release. */
  readonly route: readonly (Timed & Omit<Look, 'at'>)[];
  /** Requests that the gateway has completed, and how many of them with a 5xx, by release. */
  readonly gateway: readonly (Timed & Omit<Count, 'at'>)[];
  readonly decisions: readonly (Timed & { readonly type: string; readonly sentence: string })[];
}

interface Timed {
  readonly t: number;
}

/** One second of customers' requests, by when they were sent. */
export interface Second extends Timed {
  readonly requests: number;
  readonly errors: number;
  /** The time to the answer that all but one in a hundred stayed below, in milliseconds. */
  readonly p99: number;
  /** Answers by release. */
  readonly by: Readonly<Record<string, number>>;
}

/** The value that a share of the values stays at or below; 0 of none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}

interface Seen {
  readonly answers: readonly Answered[];
  readonly looks: readonly Look[];
  readonly counts: readonly Count[];
  readonly history: readonly HistoryEntry[];
}

/** Puts together what was seen; `origin` is the time of day at which performance.now() was 0. */
export function traceOf(journey: string, seen: Seen, origin: number): Trace {
  const { answers, looks, counts, history } = seen;
  // Answers stand in the order in which they came, and what was sent first may have come a little later.
  const first = answers.slice(0, 1_000).map(({ at }) => at);
  const start = Math.min(looks[0]?.at ?? Infinity, ...first);
  const began = Math.floor(origin + (Number.isFinite(start) ? start : 0));
  const since = (at: number): number => Math.round((origin + at - began) / 10) / 100;
  const changes = looks.filter((look, i) => i === 0 || !isSame(look, looks[i - 1]));
  return {
    journey,
    began,
    seconds: secondsOf(answers, (at) => Math.floor((origin + at - began) / 1_000)),
    route: changes.map(({ at, route, ready }) => ({ t: since(at), route, ready })),
    gateway: counts.map(({ at, served }) => ({ t: since(at), served })),
    decisions: history
      .filter(({ stream }) => stream.startsWith('slot/'))
      .map(({ at, type, sentence }) => ({ t: Math.round((at - began) / 10) / 100, type, sentence }))
      .sort((a, b) => a.t - b.t),
  };
}

const isSame = (one: Look, other: Look | undefined): boolean =>
  JSON.stringify([one.route, one.ready]) === JSON.stringify([other?.route, other?.ready]);

function secondsOf(answers: readonly Answered[], secondOf: (at: number) => number): readonly Second[] {
  const bySecond = Map.groupBy(answers, ({ at }) => secondOf(at));
  return [...bySecond]
    .sort(([a], [b]) => a - b)
    .map(([t, all]) => ({
      t,
      requests: all.length,
      errors: all.filter(({ problem }) => problem !== null).length,
      p99:
        Math.round(
          10 *
            percentile(
              all.map(({ took }) => took),
              0.99,
            ),
        ) / 10,
      by: Object.fromEntries(
        [...Map.groupBy(all, ({ version }) => version ?? 'none')].map(([version, of]) => [
          version,
          of.length,
        ]),
      ),
    }));
}
