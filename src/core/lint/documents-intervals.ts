import { formatDuration, formatInstant } from '../model/time-format.ts';
import type { Millis } from '../model/time.ts';
import type { DocumentFinding } from './documents-finding.ts';

/** Longer than this without a gap is "for ever" to everybody who waits. */
const forEver = 366 * 86_400_000;

interface Interval {
  readonly from: Millis;
  readonly to: Millis;
}

/** Findings on closed intervals: those that end before they begin, and unions that never open. */
export function lintIntervals(
  document: number,
  path: string,
  intervals: readonly Interval[],
  what: string,
): readonly DocumentFinding[] {
  const findings: DocumentFinding[] = intervals.flatMap((interval, index) =>
    interval.from < interval.to
      ? []
      : [
          {
            rule: 'interval-empty',
            severity: 'error',
            document,
            path: `${path}/${index}/to`,
            message: `an interval of ${what} ends at ${formatInstant(interval.to)}, not after it begins`,
            fix: `an end after ${formatInstant(interval.from)}`,
          },
        ],
  );
  for (const union of unions(intervals)) {
    const length = union.to - union.from;
    if (length <= forEver) continue;
    findings.push({
      rule: 'closed-for-ever',
      severity: 'error',
      document,
      path,
      message: `${what} is closed for ${formatDuration(length)} without a gap, from ${formatInstant(union.from)} to ${formatInstant(union.to)}`,
      fix: 'leave a gap; to stop everything now, use belay freeze',
    });
  }
  return findings;
}

/** Overlapping and touching intervals as one. */
function unions(intervals: readonly Interval[]): readonly Interval[] {
  const joined: Interval[] = [];
  for (const interval of intervals.filter((i) => i.from < i.to).sort((a, b) => a.from - b.from)) {
    const last = joined.at(-1);
    if (last === undefined || interval.from > last.to) joined.push(interval);
    else joined[joined.length - 1] = { from: last.from, to: Math.max(last.to, interval.to) };
  }
  return joined;
}
