import { hash } from 'node:crypto';
import { canonicalJson } from '../../core/model/canonical.ts';
import type { Digest } from '../../core/model/digest.ts';
import type { PrometheusSource } from '../../core/model/metrics-source.ts';
import { type HistorySlice, mostSlices } from '../../core/model/metrics-history.ts';
import type { SlotKey } from '../../core/model/name.ts';
import type { Sample } from '../../core/model/observation.ts';
import { err, ok } from '../../core/model/result.ts';
import type { Result } from '../../core/model/result.ts';
import type { HistoryAsked, MetricsHistory } from '../../ports/environment.ts';
import type { Reading } from './counters.ts';
import { armValues, fetchReadings } from './fetch-counters.ts';
import type { QueryClient, QueryError } from './query-client.ts';
import type { ArmValues } from './selector.ts';

/** Clusters of failures, of which one is one piece of knowledge, however large it is. */
const enoughBursts = 1_000;
const wholeSpan = 24 * 3_600;
const enoughSamples = 200_000;
/** Seconds in one slice at first; halved where an answer is too large, down to the least. */
const longestSlice = 1_800;
const leastSlice = 60;
/** Of each process one sample in this many seconds is kept: over-dispersion is judged by blocks of no less. */
const spacing = 15;

/**
 * Reads backwards, slice by slice, until there are 1,000 bursts of failed requests (a process' 15 seconds with any), or
 * 24 hours. An older slice that cannot be
 * used ends the history, and so does `signal`; one that cannot be reached, or a newest one that cannot be used, is an
 * error.
 */
export async function readHistory(
  client: QueryClient,
  source: PrometheusSource,
  slot: SlotKey,
  { stable, before }: HistoryAsked,
  signal: AbortSignal,
): Promise<Result<MetricsHistory, QueryError>> {
  const values = armValues(source, slot, { stable });
  const parts: (readonly Sample[])[] = [];
  const slices: HistorySlice[] = [];
  let bursts = 0;
  let length = longestSlice;
  let to = before;
  const end = (ended: MetricsHistory['ended']): Result<MetricsHistory, QueryError> =>
    ok({ samples: parts.reverse().flat(), slices: slices.reverse(), ended });
  for (;;) {
    const left = wholeSpan - (before - to);
    if (left < 1) return end('whole-span');
    const from = to - Math.min(length, left);
    const read = await readSlice(client, source, slot, values, { from, to }, signal);
    if (!read.ok) {
      const { code } = read.error;
      if (code === 'too-large' && length > leastSlice) {
        length /= 2;
        continue;
      }
      if (slices.length > 0 && signal.aborted) return end('out-of-time');
      if (code === 'unreachable' || slices.length === 0) return err(read.error);
      return end('unusable-before');
    }
    const { samples, bad } = read.value;
    bursts += read.value.bursts;
    parts.push(samples);
    slices.push({ from, to, samples: samples.length, bad, digest: digestOf(samples) });
    if (bursts >= enoughBursts) return end('enough-events');
    const samplesRead = slices.reduce((sum, one) => sum + one.samples, 0);
    if (samplesRead >= enoughSamples || slices.length === mostSlices) return end('enough-samples');
    to = from;
  }
}

const digestOf = (samples: readonly Sample[]): Digest =>
  `sha256:${hash('sha256', canonicalJson(samples), 'hex')}`;

interface ReadSlice {
  readonly samples: readonly Sample[];
  readonly bad: number;
  readonly bursts: number;
}

async function readSlice(
  client: QueryClient,
  source: PrometheusSource,
  slot: SlotKey,
  values: ArmValues,
  { from, to }: { readonly from: number; readonly to: number },
  signal: AbortSignal,
): Promise<Result<ReadSlice, QueryError>> {
  const span = { at: to, windowMs: (to - from) * 1000 };
  const read = await fetchReadings(client, source, slot, values, span, signal);
  if (!read.ok) return read;
  const byPod = new Map<string, Reading[]>();
  for (const reading of read.value.readings) {
    // Some versions give what lies on the older end too; it is in the slice before.
    if (reading.t <= from || reading.t > to) continue;
    const own = byPod.get(reading.pod) ?? [];
    own.push(reading);
    byPod.set(reading.pod, own);
  }
  const pods = [...byPod.values()];
  const kept = pods.map(thinned);
  const samples = kept
    .flat()
    .sort((a, b) => a.t - b.t || (a.pod < b.pod ? -1 : 1))
    .map(historySample);
  const sum = (counts: readonly number[]): number => counts.reduce((all, count) => all + count, 0);
  return ok({
    samples,
    bad: sum(pods.flatMap(failures)),
    bursts: kept.flatMap(failures).filter((failed) => failed > 0).length,
  });
}

const historySample = ({ t, pod, started, requests, errors, latencyMs, saturation }: Reading): Sample => ({
  t,
  arm: 'stable',
  pod,
  ...(started === null ? {} : { started }),
  weight: 0,
  requests,
  bad: { errors },
  latencyMs,
  ...(saturation === null ? {} : { saturation }),
});

/** The last reading of each stretch of 15 seconds, and the last before each reset, without which it would not show. */
function thinned(readings: readonly Reading[]): readonly Reading[] {
  return readings.filter((reading, i) => {
    const next = readings[i + 1];
    if (next === undefined || next.requests < reading.requests) return true;
    return Math.floor(next.t / spacing) !== Math.floor(reading.t / spacing);
  });
}

/** Failed requests between one reading of a process, which may have begun anew, and the next. */
const failures = (readings: readonly Reading[]): readonly number[] =>
  readings.slice(1).map((reading, i) => {
    const before = readings[i] ?? reading;
    const reset = reading.requests < before.requests || reading.errors < before.errors;
    return reset ? reading.errors : reading.errors - before.errors;
  });
