import type { Counts, CounterState, PodState } from '../model/analysis-state.ts';
import type { Sample } from '../model/observation.ts';

/** What every pod of both arms counted between two boundaries. */
export interface Interval {
  readonly kind: 'interval';
  readonly from: number;
  readonly to: number;
  readonly weight: number;
  readonly canary: Readonly<Record<string, Counts>>;
  readonly stable: Readonly<Record<string, Counts>>;
}

/** An arm that was there has gone silent: nothing can be compared until it speaks again. */
export interface Silence {
  readonly kind: 'silence';
  readonly to: number;
  readonly weight: number;
  readonly arm: 'canary' | 'stable';
}

export type Round = Interval | Silence;

export const noCounters: CounterState = {
  boundary: null,
  told: null,
  seen: { canary: false, stable: false },
  pods: {},
};

/** The name under which requests slower than a bound are counted. */
export const slowSeries = (aboveMs: number | string): string => `slow:${aboveMs}`;

/** The name under which requests are counted whose time is known. Gateways may add times seconds after the request. */
export const timedRequests = 'timed';

/** The name under which scrapes are counted that found a pod's gauge above a bound; and that of all that had the gauge. */
export const saturatedSeries = (above: number): string => `saturated:${above}`;
export const gaugeScrapes = 'gauge-scrapes';
export const isSaturated = (name: string): boolean => name.startsWith('saturated:');

/** What a series counts its bad events among, by its own name; errors are among all requests. */
export const countedOf = (name: string): string =>
  isSaturated(name) ? gaugeScrapes : name.startsWith('slow:') ? timedRequests : 'requests';

/**
 * Takes in samples and gives what lies between boundaries, common to both arms: a boundary is the first time at
 * which every live pod of each arm has a newer sample. A pod that missed one scrape is waited for, so that its gap
 * merges into the next interval of both arms; one that has been silent for two is left out, and begins again when
 * it returns. An arm without any live pod stops the boundaries. Samples no newer than a pod's last change nothing.
 * Batches may be cut anywhere between two times. `warmUp` in seconds after `ready`: what comes then is not counted.
 * `watched` names the series to count; null for all.
 */
export function takeIn(
  state: CounterState,
  samples: readonly Sample[],
  warmUp = 0,
  watched: ReadonlySet<string> | null = null,
): { readonly state: CounterState; readonly rounds: readonly Round[] } {
  const rounds: Round[] = [];
  const pods: Record<string, PodState> = { ...state.pods };
  const seen = { ...state.seen };
  let { boundary, told } = state;
  const ordered = [...samples].sort((a, b) => a.t - b.t);
  let isNew = false;
  let awaited: string | null = null;
  let weight = 0;
  ordered.forEach((sample, i) => {
    // Of several at one time the largest: their order must not matter.
    weight = ordered[i - 1]?.t === sample.t ? Math.max(weight, sample.weight) : sample.weight;
    const last = pods[sample.pod];
    if (last === undefined || sample.t > last.t) {
      pods[sample.pod] = advance(last, sample, boundary, { warmUp, watched });
      seen[sample.arm] = true;
      isNew = true;
    }
    // What was scraped at one time is taken in together; a time of which all was known before is no time again.
    if (!isNew || ordered[i + 1]?.t === sample.t) return;
    isNew = false;
    if (awaited !== null && isAwaited(pods[awaited], boundary, sample.t)) return;
    const round = roundAt(pods, seen, { boundary, told, t: sample.t, weight });
    awaited = round === null ? lastAwaited(pods, boundary, sample.t) : null;
    if (round === null) return;
    told = sample.t;
    if (round.kind === 'silence') {
      rounds.push(round);
      return;
    }
    if (round.from < round.to) rounds.push(round);
    boundary = sample.t;
    beginAnew(pods, boundary);
  });
  return { state: { boundary, told, seen, pods }, rounds };
}

/** Samples of a batch: enough that the pods are seldom copied, few enough to be held. */
const batchSize = 2_000;

/** Samples in the order of time, cut between two times. */
export function* inBatches(samples: Iterable<Sample>): Generator<readonly Sample[]> {
  let batch: Sample[] = [];
  for (const sample of samples) {
    if (batch.length >= batchSize && batch.at(-1)?.t !== sample.t) {
      yield batch;
      batch = [];
    }
    batch.push(sample);
  }
  if (batch.length > 0) yield batch;
}

/** A pod after one more sample. */
function advance(
  last: PodState | undefined,
  sample: Sample,
  boundary: number | null,
  { warmUp, watched }: { readonly warmUp: number; readonly watched: ReadonlySet<string> | null },
): PodState {
  const bad = badOf(sample);
  const now: Counts = {
    requests: sample.requests,
    bad:
      watched === null
        ? bad
        : Object.fromEntries(
            Object.entries(bad).filter(([key]) => watched.has(key) || key === timedRequests),
          ),
  };
  const started = sample.started ?? null;
  const gap = last === undefined ? null : sample.t - last.t;
  const every = gap === null ? null : Math.min(gap, last?.gap ?? gap);
  const warm = sample.ready === undefined || sample.t >= sample.ready + warmUp;
  // It began after the boundary: all that it shows came since.
  const young = boundary !== null && started !== null && started >= boundary;
  const goesOn = last !== undefined && last.boundary === boundary;
  const gauge = gaugeOf(sample, watched);
  let since: Counts | null = null;
  if (warm && goesOn) {
    if (wasReset(last, now, started)) since = added(last.since, withGauge(now, gauge));
    else if (!isTorn(last, now)) since = added(last.since, withGauge(difference(now, last.last), gauge));
  } else if (warm && young) since = withGauge(now, gauge);
  return { arm: sample.arm, t: sample.t, gap, every, started, last: now, since, boundary };
}

/** Seconds by which a start that is reckoned from a process' age wavers, and by which clocks may be apart. */
const wavering = { start: 1, clocks: 5 };

/** So few requests may well be those of one interval. */
const few = 2_000;

/**
 * A process that started again counts from zero: its start says so, or its requests went down by half and more, or to a
 * few. A process that crashes again and again has counted little each time, and must not be left out.
 */
function wasReset(last: PodState, now: Counts, started: number | null): boolean {
  const { requests } = now;
  if (requests < last.last.requests && (2 * requests <= last.last.requests || requests <= few)) return true;
  if (started === null || last.started === null) return false;
  return started > last.started + wavering.start && started > last.t - wavering.clocks;
}

/**
 * A part that went down cannot be told from a process that began anew and has soon counted as much: the series of a route
 * that was taken away, or one series alone. Millions of requests of a whole life must not count as this interval's.
 */
const isTorn = (last: PodState, now: Counts): boolean =>
  now.requests < last.last.requests ||
  Object.entries(last.last.bad).some(([key, count]) => key in now.bad && (now.bad[key] ?? 0) < count);

/** The bad counts of a sample: those it names, and for each latency bound the requests above it. */
function badOf(sample: Sample): Record<string, number> {
  const bad: Record<string, number> = { errors: 0, ...sample.bad };
  const all = sample.latencyMs['+Inf'];
  if (all === undefined) return bad;
  bad[timedRequests] = all;
  for (const [bound, count] of Object.entries(sample.latencyMs)) {
    if (bound !== '+Inf') bad[slowSeries(bound)] = Math.max(0, all - count);
  }
  return bad;
}

/** One scrape's gauge as counts: of this scrape, and of being above each bound that is watched. */
function gaugeOf({ saturation }: Sample, watched: ReadonlySet<string> | null): Record<string, number> {
  if (saturation === undefined || watched === null) return {};
  const bounds = [...watched].filter(isSaturated);
  if (bounds.length === 0) return {};
  const above = bounds.map((name) => [name, saturation > Number(name.split(':')[1]) ? 1 : 0] as const);
  return { [gaugeScrapes]: 1, ...Object.fromEntries(above) };
}

const withGauge = ({ requests, bad }: Counts, gauge: Record<string, number>): Counts => ({
  requests,
  bad: { ...bad, ...gauge },
});

/** Only what both show: a bound that is new cannot be told from requests that were always counted. */
function difference(now: Counts, base: Counts): Counts {
  const bad: Record<string, number> = {};
  for (const [key, count] of Object.entries(now.bad)) {
    if (key in base.bad) bad[key] = count - (base.bad[key] ?? 0);
  }
  return { requests: now.requests - base.requests, bad };
}

function added(a: Counts | null, b: Counts): Counts {
  if (a === null) return b;
  const bad: Record<string, number> = {};
  for (const [key, count] of Object.entries(b.bad)) {
    if (key in a.bad) bad[key] = (a.bad[key] ?? 0) + count;
  }
  return { requests: a.requests + b.requests, bad };
}

/** A time with the last boundary, the last that was told, and the canary's share. */
interface Moment extends Pick<CounterState, 'boundary' | 'told'> {
  readonly t: number;
  readonly weight: number;
}

/** What is to be told at this time: an interval, an arm's silence, or nothing yet. */
function roundAt(
  pods: Readonly<Record<string, PodState>>,
  seen: CounterState['seen'],
  { boundary, told, t, weight }: Moment,
): Round | null {
  const pace = paceOf(pods);
  const live = Object.entries(pods).filter(([, pod]) => !isSilent(pod, t, pace));
  const speaks = (arm: PodState['arm']): boolean => live.some(([, pod]) => pod.arm === arm);
  const missing = (['canary', 'stable'] as const).find((arm) => seen[arm] && !speaks(arm));
  const before = missing === undefined ? boundary : told;
  if (!live.every(([, pod]) => before === null || pod.t > before)) return null;
  if (missing !== undefined) return { kind: 'silence', to: t, weight, arm: missing };
  // Both arms begin together, but stable alone is watched before.
  if (!seen.stable) return null;
  const ofArm = (arm: PodState['arm']): Record<string, Counts> =>
    Object.fromEntries(
      Object.entries(pods)
        .filter(([, pod]) => pod.arm === arm && pod.boundary === boundary)
        .flatMap(([name, { since }]) => (since === null ? [] : [[name, since]])),
    );
  return {
    kind: 'interval',
    from: boundary ?? t,
    to: t,
    weight,
    canary: ofArm('canary'),
    stable: ofArm('stable'),
  };
}

/** The quickest pod's seconds between scrapes; null until two are known. */
export const paceOf = (pods: Readonly<Record<string, PodState>>): number | null =>
  Object.values(pods).reduce<number | null>(
    (least, { every }) => (every === null ? least : Math.min(every, least ?? every)),
    null,
  );

/** Silent for two scrapes, by its own pace, or by the quickest one's while its own is not known. */
function isSilent(pod: PodState, t: number, pace: number | null): boolean {
  const every = pod.every ?? pace;
  return every !== null && t - pod.t >= 2 * every - 1e-6;
}

/**
 * Whether a boundary waits for this pod, as far as that is known without looking at the others. One such pod is enough
 * to know that there is none yet: thousands of pods, each scraped at a time of its own, are not gone through each time.
 */
const isAwaited = (pod: PodState | undefined, boundary: number | null, t: number): boolean =>
  pod !== undefined &&
  pod.every !== null &&
  boundary !== null &&
  pod.t <= boundary &&
  !isSilent(pod, t, null);

/** The last of the pods that a boundary waits for: they mostly come in one order. */
const lastAwaited = (
  pods: Readonly<Record<string, PodState>>,
  boundary: number | null,
  t: number,
): string | null => Object.keys(pods).findLast((name) => isAwaited(pods[name], boundary, t)) ?? null;

/** Sets the live pods' zero to the boundary, and forgets who has been gone for long. */
function beginAnew(pods: Record<string, PodState>, boundary: number): void {
  const pace = paceOf(pods);
  for (const [name, pod] of Object.entries(pods)) {
    if (boundary - pod.t > 20 * (pod.every ?? pace ?? 60)) delete pods[name];
    else if (!isSilent(pod, boundary, pace)) pods[name] = { ...pod, since: null, boundary };
  }
}
