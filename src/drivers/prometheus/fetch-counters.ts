import type { SlotKey } from '../../core/model/name.ts';
import type { PrometheusSource } from '../../core/model/metrics-source.ts';
import { err, ok } from '../../core/model/result.ts';
import type { Result } from '../../core/model/result.ts';
import type { Series } from './answer.ts';
import { type Reading, readingsOf } from './counters.ts';
import type { QueryClient, QueryError } from './query-client.ts';
import {
  type Arm,
  type Arms,
  type ArmValues,
  fillSelector,
  ofArms,
  over,
  releaseValue,
  whateverValues,
} from './selector.ts';

/** The stretch of time that is read: back from `at` (seconds; null for Prometheus' now). */
export interface Span {
  readonly at: number | null;
  readonly windowMs: number;
}

export interface FetchedReadings {
  readonly readings: readonly Reading[];
  /** Prometheus' clock in milliseconds; null where it does not say. */
  readonly date: number | null;
}

/** The values of the release label for the releases that share traffic. */
export function armValues(source: PrometheusSource, slot: SlotKey, arms: Partial<Arms>): ArmValues {
  const { canary, stable } = arms;
  return {
    ...(canary === undefined ? {} : { canary: releaseValue(source, slot, 'canary', canary) }),
    ...(stable === undefined || stable === null
      ? {}
      : { stable: releaseValue(source, slot, 'stable', stable) }),
  };
}

/**
 * Reads both arms' raw counters over a span of time. Requests are asked for first: the others then show every scrape
 * that the requests show. What is not counted is not taken for zero: see `errorsAreCounted`.
 */
export async function fetchReadings(
  client: QueryClient,
  source: PrometheusSource,
  slot: SlotKey,
  values: ArmValues,
  span: Span,
  signal: AbortSignal,
): Promise<Result<FetchedReadings, QueryError>> {
  const ask = (selector: string, windowMs: number) =>
    client.query(over(ofArms(source, fillSelector(selector, slot), values), windowMs), span.at, signal);
  const requests = await ask(source.requests, span.windowMs);
  if (!requests.ok) return named('requests', requests.error);
  const { series, date } = requests.value;
  if (series.length === 0) return ok({ readings: [], date });
  // Now has moved on since: what the requests show must not have slid out of the window of the others.
  const windowMs = span.windowMs + (span.at === null ? 2 * source.timeout : 0);
  const [errors, buckets, started, saturation] = await Promise.all([
    ask(source.errors, windowMs),
    source.latency === null ? null : ask(source.latency.buckets, windowMs),
    source.started === null ? null : ask(source.started, windowMs),
    source.saturation === null ? null : ask(source.saturation, windowMs),
  ]);
  if (!errors.ok) return named('errors', errors.error);
  if (buckets?.ok === false) return named('latency', buckets.error);
  if (started?.ok === false) return named('started', started.error);
  if (saturation?.ok === false) return named('saturation', saturation.error);
  const fetched = {
    requests: series,
    errors: errors.value.series,
    buckets: buckets?.value.series ?? null,
    started: started?.value.series ?? [],
    saturation: saturation?.value.series ?? [],
  };
  const readings = readingsOf(source, values, fetched);
  if (!readings.ok) return err({ code: 'invalid-answer', message: readings.error });
  if (fetched.buckets?.length === 0)
    return err({ code: 'not-found', message: 'latency: no series now, although requests are counted' });
  const counted = await errorsAreCounted(
    client,
    source,
    slot,
    values,
    fetched,
    { ...span, windowMs },
    signal,
  );
  return counted.ok ? ok({ readings: readings.value, date }) : counted;
}

const named = (what: string, error: QueryError): Result<never, QueryError> =>
  err({ code: error.code, message: `${what}: ${error.message}` });

/**
 * Counters of errors often begin with the first error, so an arm without such a series may have had none; or its
 * errors are not counted at all, and it would pass for ever. None is believed only where the same metric has series
 * of that arm with the labels that are asked for.
 */
async function errorsAreCounted(
  client: QueryClient,
  source: PrometheusSource,
  slot: SlotKey,
  values: ArmValues,
  fetched: { readonly requests: readonly Series[]; readonly errors: readonly Series[] },
  span: Span,
  signal: AbortSignal,
): Promise<Result<null, QueryError>> {
  const { label } = source.release;
  const silent = (Object.keys(values) as Arm[]).filter(
    (arm) =>
      fetched.requests.some(
        ({ labels, values: points }) =>
          labels[label] === values[arm] && points.some(([, value]) => value !== '0'),
      ) && !fetched.errors.some(({ labels }) => labels[label] === values[arm]),
  );
  for (const arm of silent) {
    const selector = ofArms(source, fillSelector(whateverValues(source.errors, source.requests), slot), {
      [arm]: values[arm],
    });
    const found = await client.query(
      `group(last_over_time(${over(selector, span.windowMs)}))`,
      span.at,
      signal,
    );
    if (!found.ok) return named('errors', found.error);
    if (found.value.series.length > 0) continue;
    return err({
      code: 'not-found',
      message: `errors: there is no series of ${selector}: that ${arm} had none cannot be told from not being counted`,
    });
  }
  return ok(null);
}
