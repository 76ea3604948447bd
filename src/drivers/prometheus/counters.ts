import type { PrometheusSource } from '../../core/model/metrics-source.ts';
import { err, ok } from '../../core/model/result.ts';
import type { Result } from '../../core/model/result.ts';
import type { Series } from './answer.ts';
import type { Arm, ArmValues } from './selector.ts';

/** The counters of one process at one scrape; times in seconds. */
export interface Reading {
  readonly arm: Arm;
  readonly pod: string;
  readonly t: number;
  readonly started: number | null;
  readonly requests: number;
  readonly errors: number;
  readonly latencyMs: Readonly<Record<string, number>>;
  /** Null where there is no gauge of it, or none lately. */
  readonly saturation: number | null;
}

/** What the queries of one look brought. */
export interface Fetched {
  readonly requests: readonly Series[];
  readonly errors: readonly Series[];
  /** Null where latency is not measured. */
  readonly buckets: readonly Series[] | null;
  readonly started: readonly Series[];
  readonly saturation: readonly Series[];
}

/** One process that counts, in one arm. */
interface Counting {
  readonly arm: Arm;
  readonly pod: string;
}

/** The port's samples have room for this many characters of a pod's name. */
const longestPod = 200;
const mostPods = 2_000;

/** The series of one process added up by time. */
class Totals {
  readonly at = new Map<number, number>();
  /** How many series have a sample at a time. */
  readonly seriesAt = new Map<number, number>();
  /** The times of each series, to see that all come from the same scrapes. */
  readonly times: (readonly number[])[] = [];

  add(points: readonly (readonly [number, number])[]): void {
    for (const [t, value] of points) {
      this.at.set(t, (this.at.get(t) ?? 0) + value);
      this.seriesAt.set(t, (this.seriesAt.get(t) ?? 0) + 1);
    }
    this.times.push(points.map(([t]) => t));
  }
}

type Grouped = ReadonlyMap<string, { readonly of: Counting; readonly totals: Totals }>;

/**
 * The counters of each process at each of its scrapes. Series of one process (by status code, by route) are added up;
 * never those of several, because a sum does not show that one of its parts was reset. A scrape at which a process has
 * requests and no buckets is left out. An error says which series cannot be used, and why.
 */
export function readingsOf(
  source: PrometheusSource,
  values: ArmValues,
  fetched: Fetched,
): Result<readonly Reading[], string> {
  const requests = grouped(source, values, fetched.requests);
  if (!requests.ok) return requests;
  if (requests.value.size > mostPods)
    return err(`${requests.value.size} processes count; at most ${mostPods} are compared`);
  const errors = grouped(source, values, fetched.errors);
  if (!errors.ok) return errors;
  const latency = histograms(source, values, fetched.buckets ?? []);
  if (!latency.ok) return latency;
  const started = gauges(source, values, fetched.started, Math.min);
  if (!started.ok) return started;
  const saturation = gauges(source, values, fetched.saturation, Math.max);
  if (!saturation.ok) return saturation;
  const readings: Reading[] = [];
  for (const [key, { of, totals }] of requests.value) {
    const torn = tornApart(of, totals, [
      ...totals.times,
      ...(errors.value.get(key)?.totals.times ?? []),
      ...[...(latency.value.get(key)?.values() ?? [])].flatMap((bound) => bound.times),
    ]);
    if (torn !== null) return err(torn);
    for (const [t, count] of totals.at) {
      const latencyMs = bucketsAt(latency.value.get(key), t);
      if (fetched.buckets !== null && Object.keys(latencyMs).length === 0) continue;
      const bad = errors.value.get(key)?.totals.at.get(t) ?? 0;
      readings.push({
        ...of,
        t,
        started: started.value.get(key)?.get(t) ?? null,
        requests: count,
        errors: bad,
        latencyMs,
        saturation: latest(saturation.value.get(key), t),
      });
    }
  }
  return ok(readings.sort((a, b) => a.t - b.t || (a.pod < b.pod ? -1 : 1)));
}

/**
 * Why series cannot be added up: they do not have their samples at the same times, so they are scraped from several
 * targets, or come and go. Times before the first request series' and after the last one's were not asked for alike.
 */
function tornApart(of: Counting, totals: Totals, times: readonly (readonly number[])[]): string | null {
  const all = [...totals.at.keys()].sort((a, b) => a - b);
  const known = new Set(all);
  const first = all[0] ?? 0;
  const last = all.at(-1) ?? 0;
  for (const own of times) {
    const inside = own.filter((t) => t >= first && t <= last);
    const from = inside[0];
    const to = inside.at(-1);
    if (from === undefined || to === undefined) continue;
    const expected = all.filter((t) => t >= from && t <= to).length;
    if (expected !== inside.length || inside.some((t) => !known.has(t)))
      return `the series of ${of.pod} do not have their samples at the same times: name in metrics.pod the label that tells the processes apart that count, and count requests, errors and latency in the same place`;
  }
  return null;
}

/** Which arm and process a series is of; null for one that is of neither arm; an error in words. */
function countingOf(
  source: PrometheusSource,
  values: ArmValues,
  labels: Readonly<Record<string, string>>,
): Result<Counting | null, string> {
  const value = labels[source.release.label];
  const arm = (['canary', 'stable'] as const).find((one) => value !== undefined && values[one] === value);
  if (arm === undefined || value === undefined) return ok(null);
  if (source.pod === null) return ok({ arm, pod: value.slice(0, longestPod) });
  const process = labels[source.pod];
  if (process === undefined || process === '')
    return err(
      `${nameOf(labels)} has no label ${source.pod}: name in metrics.pod the label that tells the processes apart that count`,
    );
  // A gateway counts both arms: its name alone would not tell them apart.
  const pod = `${value}/${process}`;
  return pod.length <= longestPod ? ok({ arm, pod }) : err(`the name ${pod.slice(0, 60)}… is too long`);
}

const nameOf = (labels: Readonly<Record<string, string>>): string => labels['__name__'] ?? 'a series';

function grouped(
  source: PrometheusSource,
  values: ArmValues,
  series: readonly Series[],
): Result<Grouped, string> {
  const groups = new Map<string, { readonly of: Counting; readonly totals: Totals }>();
  for (const one of series) {
    const of = countingOf(source, values, one.labels);
    if (!of.ok) return of;
    if (of.value === null) continue;
    const points = countsOf(one);
    if (!points.ok) return points;
    const key = keyOf(of.value);
    const group = groups.get(key) ?? { of: of.value, totals: new Totals() };
    group.totals.add(points.value);
    groups.set(key, group);
  }
  return ok(groups);
}

const keyOf = ({ arm, pod }: Counting): string => `${arm} ${pod}`;

/** A counter's samples: whole numbers that a sum of can still be exact. */
function countsOf({ labels, values }: Series): Result<readonly (readonly [number, number])[], string> {
  const points: (readonly [number, number])[] = [];
  for (const [t, text] of values) {
    const value = /^\d/.test(text) ? Number(text) : Number.NaN;
    if (!Number.isSafeInteger(value))
      return err(
        `${nameOf(labels)} is ${text.slice(0, 30)}, and no count: a whole number from 0 on is expected`,
      );
    points.push([t, value]);
  }
  return ok(points);
}

/** Buckets by process and bound in milliseconds. */
function histograms(
  source: PrometheusSource,
  values: ArmValues,
  series: readonly Series[],
): Result<ReadonlyMap<string, ReadonlyMap<string, Totals>>, string> {
  const found = new Map<string, Map<string, Totals>>();
  for (const one of series) {
    const of = countingOf(source, values, one.labels);
    if (!of.ok) return of;
    if (of.value === null) continue;
    const bound = boundOf(one.labels, source.latency?.unit ?? 'seconds');
    if (bound === null)
      return err(`${nameOf(one.labels)} is no bucket: its label le is ${one.labels['le'] ?? 'missing'}`);
    const points = countsOf(one);
    if (!points.ok) return points;
    const key = keyOf(of.value);
    const bounds = found.get(key) ?? new Map<string, Totals>();
    const totals = bounds.get(bound) ?? new Totals();
    totals.add(points.value);
    bounds.set(bound, totals);
    found.set(key, bounds);
  }
  return ok(found);
}

/** An upper bound in milliseconds, as decimal digits without an exponent; null where it is none. */
function boundOf(labels: Readonly<Record<string, string>>, unit: 'seconds' | 'milliseconds'): string | null {
  const text = labels['le'];
  if (text === '+Inf' || text === 'Inf') return '+Inf';
  const value = text === undefined || text === '' ? Number.NaN : Number(text);
  if (!Number.isFinite(value) || value < 0) return null;
  // Twelve digits take away what the multiplication adds: 0.07 s are 70 ms.
  const ms = Number((unit === 'seconds' ? value * 1000 : value).toPrecision(12));
  return ms.toFixed(9).replace(/\.?0+$/, '');
}

/**
 * The buckets of one scrape. A bound that not all series of the process have would count a part of the requests, so
 * only shared ones are given; without `+Inf` it is no histogram.
 */
function bucketsAt(
  bounds: ReadonlyMap<string, Totals> | undefined,
  t: number,
): Readonly<Record<string, number>> {
  const all = bounds?.get('+Inf')?.seriesAt.get(t);
  if (bounds === undefined || all === undefined) return {};
  const shown: Record<string, number> = {};
  for (const [bound, totals] of bounds) {
    const count = totals.at.get(t);
    if (count !== undefined && totals.seriesAt.get(t) === all) shown[bound] = count;
  }
  return shown;
}

/** A gauge may be scraped by another job than the counters, at times of its own: what it said so long ago still holds. */
const gaugeHolds = 60;

function latest(times: ReadonlyMap<number, number> | undefined, t: number): number | null {
  const exact = times?.get(t);
  if (exact !== undefined) return exact;
  const before = [...(times?.keys() ?? [])].filter((at) => at <= t && t - at <= gaugeHolds);
  return before.length === 0 ? null : (times?.get(Math.max(...before)) ?? null);
}

/** Each process' gauge by the time of the scrape; of several series `pick` takes one. */
function gauges(
  source: PrometheusSource,
  values: ArmValues,
  series: readonly Series[],
  pick: (a: number, b: number) => number,
): Result<ReadonlyMap<string, ReadonlyMap<number, number>>, string> {
  const found = new Map<string, Map<number, number>>();
  for (const one of series) {
    const of = countingOf(source, values, one.labels);
    if (!of.ok) return of;
    if (of.value === null) continue;
    const key = keyOf(of.value);
    const times = found.get(key) ?? new Map<number, number>();
    for (const [t, text] of one.values) {
      const value = Number(text);
      if (text === '' || !Number.isFinite(value) || value < 0)
        return err(`${nameOf(one.labels)} is ${text.slice(0, 30)}, and no number from 0 on`);
      times.set(t, pick(value, times.get(t) ?? value));
    }
    found.set(key, times);
  }
  return ok(found);
}
