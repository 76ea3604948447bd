import type { SlotKey } from '../../core/model/name.ts';
import type { PrometheusSource } from '../../core/model/metrics-source.ts';
import type { Sample } from '../../core/model/observation.ts';
import { formatInstant } from '../../core/model/time-format.ts';
import { err, ok } from '../../core/model/result.ts';
import type { Result } from '../../core/model/result.ts';
import type { Metrics, ScrapedArms, Unreadable } from '../../ports/environment.ts';
import type { Reading } from './counters.ts';
import { armValues, fetchReadings } from './fetch-counters.ts';
import { readHistory } from './history.ts';
import type { QueryClient, QueryError } from './query-client.ts';
import { WeightsSeen } from './weights-seen.ts';

/** Seconds between the two clocks from which on a sample's time says nothing about the weight that it was taken at. */
const mostSkew = 5;

type Answer = Result<readonly Sample[], Unreadable>;

/**
 * Samples of one slot from a Prometheus. It remembers which weights it was told and what it has given, for as long as
 * the same two releases are compared; one that was just made gives nothing older than its first look, as it does not
 * know the weights of then. `clock` gives milliseconds since 1970.
 */
export function createPrometheusMetrics(
  source: PrometheusSource,
  client: QueryClient,
  clock: () => number,
): Metrics {
  let comparison: Comparison | null = null;
  return {
    scrape: async (slot, arms, signal) => {
      const id = `${arms.canary} ${arms.stable ?? ''}`;
      if (comparison?.id !== id) comparison = new Comparison(id, source);
      return await comparison.scrape({ source, client, clock }, slot, arms, signal);
    },
    history: async (slot, asked, signal) => {
      const read = await readHistory(client, source, slot, asked, signal);
      return read.ok ? read : err(unreadable(read.error));
    },
  };
}

interface Parts {
  readonly source: PrometheusSource;
  readonly client: QueryClient;
  readonly clock: () => number;
}

/** What is remembered while the same two releases are compared. */
class Comparison {
  readonly id: string;
  readonly #weights: WeightsSeen;
  readonly #given = new Map<string, number>();
  #asked: number | null = null;
  #failure: Unreadable | null = null;

  constructor(id: string, source: PrometheusSource) {
    this.id = id;
    this.#weights = new WeightsSeen(source.window / 1000);
  }

  async scrape(
    { source, client, clock }: Parts,
    slot: SlotKey,
    arms: ScrapedArms,
    signal: AbortSignal,
  ): Promise<Answer> {
    if (arms.weights === null)
      return err({ code: 'unreachable', message: 'how traffic is shared could not be read' });
    const now = clock();
    const weight = arms.weights.find(({ release }) => release === arms.canary)?.weight ?? 0;
    this.#weights.look(now / 1000, weight / 100);
    if (this.#asked !== null && now >= this.#asked && now - this.#asked < source.every)
      return this.#failure === null ? ok([]) : err(this.#failure);
    this.#asked = now;
    const values = armValues(source, slot, arms);
    if (values.canary === values.stable) return this.#fail('both releases have the same release label');
    const span = { at: null, windowMs: source.window };
    const read = await fetchReadings(client, source, slot, values, span, signal);
    if (!read.ok) return this.#remember(unreadable(read.error));
    const { readings, date } = read.value;
    // It was answered between the question and now, however long that was; the header has whole seconds.
    const skew = date === null ? 0 : Math.max(now - date, date - clock()) / 1000;
    if (skew > mostSkew + 1)
      return this.#fail(`the clock of Prometheus and this server’s differ by ${Math.round(skew)} s`);
    if (arms.stable !== null && !readings.some(({ arm }) => arm === 'stable'))
      return this.#remember({
        code: 'not-found',
        message: `Prometheus has no sample of ${arms.stable} in the last ${source.window / 1000} s`,
      });
    const stale = staleSince(readings, clock() / 1000);
    if (stale !== null)
      return this.#remember({
        code: 'not-found',
        message: `Prometheus has scraped neither version since ${formatInstant(Math.floor(stale * 1000))}`,
      });
    this.#failure = null;
    return ok(this.#fresh(readings));
  }

  #fail(message: string): Answer {
    return this.#remember({ code: 'invalid-answer', message });
  }

  /** Given again until it is asked anew. */
  #remember(failure: Unreadable): Answer {
    this.#failure = failure;
    return err(failure);
  }

  /** What was not given yet and whose weight is known. What a later look can tell is kept for then. */
  #fresh(readings: readonly Reading[]): readonly Sample[] {
    const samples: Sample[] = [];
    const waiting = new Set<string>();
    for (const reading of readings) {
      const key = `${reading.arm} ${reading.pod}`;
      if (waiting.has(key) || reading.t <= (this.#given.get(key) ?? -Infinity)) continue;
      const weight = this.#weights.at(reading.t);
      if (weight === 'later') {
        waiting.add(key);
        continue;
      }
      this.#given.set(key, reading.t);
      if (weight !== null) samples.push(sampleOf(reading, weight));
    }
    return samples;
  }
}

/** Without a new sample of either version for this many seconds, or for four scrapes, what there is is of another time. */
const staleAfter = 30;

/**
 * The newest sample's time (seconds) where nothing was scraped any more, though what was lies within the window still;
 * null otherwise, and where the scrapes' interval cannot be told. An arm alone may be silent for reasons of its own.
 */
function staleSince(readings: readonly Reading[], now: number): number | null {
  const last = new Map<string, number>();
  let every = Infinity;
  for (const { arm, pod, t } of readings) {
    const before = last.get(`${arm} ${pod}`);
    if (before !== undefined) every = Math.min(every, t - before);
    last.set(`${arm} ${pod}`, t);
  }
  const newest = Math.max(...last.values());
  return now - newest > Math.max(staleAfter, 4 * every) ? newest : null;
}

/** A reading in the form that analyses take. */
function sampleOf(reading: Reading, weight: number): Sample {
  const { arm, t, pod, started, requests, errors, latencyMs, saturation } = reading;
  return {
    t,
    arm,
    pod,
    ...(started === null ? {} : { started }),
    weight,
    requests,
    bad: { errors },
    latencyMs,
    ...(saturation === null ? {} : { saturation }),
  };
}

/** The two causes more that a query has are answers that cannot be used. */
function unreadable({ code, message }: QueryError): Unreadable {
  const known = code === 'bad-query' || code === 'too-large' ? 'invalid-answer' : code;
  return { code: known, message: `Prometheus: ${message}` };
}
