import { exactInterval, medianRanks } from './interval.ts';
import type { Row } from './plan.ts';
import type { Played } from './play-unit.ts';

export interface Share {
  readonly count: number;
  readonly of: number;
  readonly share: number;
  readonly interval: readonly [number, number];
}
/** Minutes; null where fewer than half of the canaries came to it. */
export interface Median {
  readonly minutes: number | null;
  readonly interval: readonly [number | null, number | null];
}

/** What one rule did in one row. */
export interface Cell {
  readonly part: Row['part'];
  readonly world: string;
  readonly harm: string;
  readonly rule: string;
  readonly runs: number;
  readonly rollback: Share;
  readonly promote: Share;
  readonly promotedWithinHour: Share;
  /** Of all canaries, those that never were counted as later than all. */
  readonly medianRollback: Median;
  readonly medianPromote: Median;
  readonly medianRequests: number | null;
  /** Bad requests that the canary's harm had served by the end, on average. */
  readonly harmed: number;
  /** How it held at the end, and how often. */
  readonly holds: Readonly<Record<string, number>>;
  /** How often what the outlook foretold as nine of ten was enough. */
  readonly outlook: Share | null;
}

const share = (count: number, of: number): Share => ({
  count,
  of,
  share: of === 0 ? 0 : count / of,
  interval: exactInterval(count, of),
});

function medianOf(times: readonly number[]): Median {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (rank: number): number | null => {
    const found = sorted[rank] ?? Infinity;
    return Number.isFinite(found) ? found / 60 : null;
  };
  const [low, high] = medianRanks(sorted.length);
  return { minutes: at(Math.ceil(sorted.length / 2) - 1), interval: [at(low), at(high)] };
}

export function cellOf(row: Row, rule: string, played: readonly Played[]): Cell {
  const ended = (end: 'rollback' | 'promote'): readonly Played[] =>
    played.filter(({ outcome }) => outcome.end === end);
  const times = (end: 'rollback' | 'promote'): readonly number[] =>
    played.map(({ outcome }) => (outcome.end === end ? outcome.t : Infinity));
  const back = ended('rollback');
  const requests = back.map(({ outcome }) => outcome.requests).sort((a, b) => a - b);
  const holds: Record<string, number> = {};
  for (const { outcome } of played)
    if (outcome.end === 'hold' && outcome.reason !== undefined)
      holds[outcome.reason] = (holds[outcome.reason] ?? 0) + 1;
  // Where the hour ended before, nothing is known but that it took longer than the requests there were.
  const foretold = played.flatMap((one) => one.foretold ?? []).filter(({ took }) => took !== null);
  return {
    part: row.part,
    world: row.kind.name,
    harm: row.harm.name,
    rule,
    runs: played.length,
    rollback: share(back.length, played.length),
    promote: share(ended('promote').length, played.length),
    promotedWithinHour: share(
      ended('promote').filter(({ outcome }) => outcome.t <= 3600).length,
      played.length,
    ),
    medianRollback: medianOf(times('rollback')),
    medianPromote: medianOf(times('promote')),
    medianRequests: requests[Math.ceil(requests.length / 2) - 1] ?? null,
    harmed: played.reduce((sum, { outcome }) => sum + outcome.harmed, 0) / Math.max(1, played.length),
    holds,
    outlook:
      foretold.length === 0
        ? null
        : share(foretold.filter(({ most, took }) => (took ?? 0) <= most).length, foretold.length),
  };
}

/** A share as people read it: with its interval. */
export const percent = ({ share: value, interval: [low, high] }: Share): string =>
  `${points(value)} % (${points(low)}–${points(high)})`;
const points = (value: number): string => {
  const found = 100 * value;
  return found === 0 || found === 100 ? String(found) : found.toFixed(found < 1 ? 2 : 1);
};

export const minutes = ({ minutes: value, interval: [low, high] }: Median): string =>
  value === null ? '–' : `${value.toFixed(2)} min (${low?.toFixed(2) ?? '–'}–${high?.toFixed(2) ?? '–'})`;
