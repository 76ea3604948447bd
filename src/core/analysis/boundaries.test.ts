import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { CounterState } from '../model/analysis-state.ts';
import type { Sample } from '../model/observation.ts';
import { type Interval, noCounters, type Round, takeIn } from './boundaries.ts';

const sample = (t: number, pod: string, requests: number, more: Partial<Sample> = {}): Sample => ({
  t,
  arm: pod.startsWith('c') ? 'canary' : 'stable',
  pod,
  weight: 0.1,
  requests,
  bad: { errors: 0 },
  latencyMs: { '250': requests, '+Inf': requests },
  ...more,
});
const rounds = (samples: readonly Sample[], warmUp?: number): readonly Round[] =>
  takeIn(noCounters, samples, warmUp).rounds;
/** An interval in short: its ends and each pod's requests. */
const told = (round: Round): unknown =>
  round.kind === 'silence'
    ? ['silence', round.to, round.arm]
    : [round.from, round.to, requestsOf(round.canary), requestsOf(round.stable)];
const requestsOf = (pods: Interval['canary']): unknown =>
  Object.fromEntries(Object.entries(pods).map(([name, counts]) => [name, counts.requests]));

test('the first samples are the zero of both arms; then each boundary gives what came between', () => {
  const found = rounds([
    sample(0, 'c', 50),
    sample(0, 's', 900),
    sample(15, 'c', 60, { bad: { errors: 2 } }),
    sample(15, 's', 990),
  ]);
  assert.deepEqual(found.map(told), [[0, 15, { c: 10 }, { s: 90 }]]);
  assert.deepEqual(found[0]?.kind === 'interval' && found[0].canary['c']?.bad, {
    errors: 2,
    timed: 10,
    'slow:250': 0,
  });
});

test('a sample told twice, in one batch or in the next, leaves the boundary of its time', () => {
  const all = [0, 15, 30].flatMap((t) => [sample(t, 'c', t), sample(t, 's', 9 * t)]);
  const once = rounds(all);
  assert.equal(once.length, 2);
  assert.deepEqual(rounds(all.flatMap((one) => [one, one])), once);
  assert.deepEqual(rounds([...all, ...all]), once);
  // The second batch brings the other arm's sample of the time, and the first one's again after it.
  const first = takeIn(noCounters, all.slice(0, 3));
  const second = takeIn(first.state, [...all.slice(3), ...all.slice(0, 3)]);
  assert.deepEqual([...first.rounds, ...second.rounds], once);
});

test('a counter that went down, or a later start, begins at zero: 100, 130, 5, 25 is 30, 5, 20', () => {
  const counts = [100, 130, 5, 25];
  const found = rounds(counts.flatMap((n, i) => [sample(15 * i, 'c', n), sample(15 * i, 's', 900 + 90 * i)]));
  assert.deepEqual(
    found.map((round) => round.kind === 'interval' && round.canary['c']?.requests),
    [30, 5, 20],
  );
  const restarted = rounds([
    sample(0, 's', 0),
    sample(0, 'c', 10, { started: -5 }),
    sample(15, 's', 90),
    sample(15, 'c', 12, { started: 3 }),
  ]);
  assert.deepEqual(restarted.map(told), [[0, 15, { c: 12 }, { s: 90 }]]);
});

test('a start that wavers, as one reckoned from an uptime does, is no new process', () => {
  const found = rounds([
    ...[0, 15, 30].map((t) => sample(t, 'c', 1_000_000 + t, { started: -1_000 + (t % 7) / 10 })),
    ...[0, 15, 30].map((t) => sample(t, 's', 9 * t)),
  ]);
  assert.deepEqual(found.map(told), [
    [0, 15, { c: 15 }, { s: 135 }],
    [15, 30, { c: 15 }, { s: 135 }],
  ]);
});

/** Of four samples of a pod, beside another and a canary that are whole, the third is left out and nothing else. */
function assertLeftOutOnce(torn: readonly Sample[]): void {
  const found = rounds([
    ...torn,
    ...torn.map((_, i) => sample(15 * i, 's2', 90 * i)),
    ...torn.map((_, i) => sample(15 * i, 'c', 10 * i)),
  ]);
  assert.deepEqual(found.map(told), [
    [0, 15, { c: 10 }, { s1: 15, s2: 90 }],
    [15, 30, { c: 10 }, { s2: 90 }],
    [30, 45, { c: 10 }, { s1: 15, s2: 90 }],
  ]);
}

test('one series that fell alone is no new process: the pod is left out until its next sample', () => {
  const errors = [5_000, 5_001, 4_999, 5_001];
  assertLeftOutOnce(
    errors.map((bad, i) => sample(15 * i, 's1', 1_000_000 + 15 * i, { bad: { errors: bad } })),
  );
});

test('a process that crashes again and again counts each time from zero, however much it had got to', () => {
  const counts = [100, 140, 110, 90, 120];
  const found = rounds(counts.flatMap((n, i) => [sample(15 * i, 'c', n), sample(15 * i, 's', 90 * i)]));
  assert.deepEqual(
    found.map((round) => round.kind === 'interval' && round.canary['c']?.requests),
    [40, 110, 90, 30],
  );
});

test('requests that fell by a little, as where a route is taken away, are not those of a new process', () => {
  const requests = [1_000_000, 1_000_015, 999_000, 999_015];
  assertLeftOutOnce(requests.map((n, i) => sample(15 * i, 's1', n)));
});

test('a missed scrape merges into the next interval of both arms', () => {
  const found = rounds([
    sample(0, 'c', 0),
    sample(0, 's', 0),
    sample(15, 'c', 10),
    sample(15, 's', 90),
    sample(30, 's', 180),
    sample(45, 'c', 30),
    sample(45, 's', 270),
  ]);
  assert.deepEqual(found.map(told), [
    [0, 15, { c: 10 }, { s: 90 }],
    [15, 45, { c: 20 }, { s: 180 }],
  ]);
});

test('a pod silent for two scrapes is left out, and begins again when it returns', () => {
  const at = (t: number, ...pods: readonly string[]): Sample[] => pods.map((pod) => sample(t, pod, t));
  const found = rounds([
    ...at(0, 'c', 's1', 's2'),
    ...at(15, 'c', 's1', 's2'),
    ...at(30, 'c', 's1'),
    ...at(45, 'c', 's1'),
    ...at(60, 'c', 's1', 's2'),
    ...at(75, 'c', 's1', 's2'),
  ]);
  assert.deepEqual(found.map(told), [
    [0, 15, { c: 15 }, { s1: 15, s2: 15 }],
    [15, 45, { c: 30 }, { s1: 30 }],
    [45, 60, { c: 15 }, { s1: 15 }],
    [60, 75, { c: 15 }, { s1: 15, s2: 15 }],
  ]);
});

test('an arm that went silent stops the boundaries, and is told', () => {
  const found = rounds([
    sample(0, 'c', 0),
    sample(0, 's', 0),
    sample(15, 'c', 10),
    sample(15, 's', 90),
    sample(30, 's', 180),
    sample(45, 's', 270),
    sample(60, 's', 360),
    sample(75, 's', 450),
    sample(75, 'c', 70),
  ]);
  assert.deepEqual(found.map(told), [
    [0, 15, { c: 10 }, { s: 90 }],
    ['silence', 45, 'canary'],
    ['silence', 60, 'canary'],
    [15, 75, { c: 60 }, { s: 360 }],
  ]);
});

test('a pod born after the boundary counts from its birth; warm-up does not count', () => {
  const base = [sample(0, 's', 0), sample(15, 's', 90), sample(30, 's', 180), sample(45, 's', 270)];
  const born = rounds([
    ...base,
    sample(30, 'c', 8, { started: 16, ready: 20 }),
    sample(45, 'c', 18, { started: 16, ready: 20 }),
  ]);
  assert.deepEqual(born.slice(1).map(told), [
    [15, 30, { c: 8 }, { s: 90 }],
    [30, 45, { c: 10 }, { s: 90 }],
  ]);
  const old = rounds([...base, sample(30, 'c', 8, { started: 14 }), sample(45, 'c', 18, { started: 14 })]);
  assert.deepEqual(old.at(1) && told(old[1] as Round), [15, 30, {}, { s: 90 }]);
  const warming = rounds(
    [
      ...base,
      sample(30, 'c', 8, { started: 16, ready: 20 }),
      sample(45, 'c', 18, { started: 16, ready: 20 }),
    ],
    60,
  );
  assert.deepEqual(warming.at(-1) && told(warming.at(-1) as Round), [30, 45, {}, { s: 90 }]);
});

test('a bound that only appears later counts from then on', () => {
  const found = rounds([
    sample(0, 'c', 10, { latencyMs: {} }),
    sample(0, 's', 0),
    sample(15, 'c', 20),
    sample(15, 's', 90),
    sample(30, 'c', 30),
    sample(30, 's', 180),
  ]);
  const keys = found.map((round) => round.kind === 'interval' && Object.keys(round.canary['c']?.bad ?? {}));
  assert.deepEqual(keys, [['errors'], ['errors', 'timed', 'slow:250']]);
});

/** Scrapes every 15 s with misses and restarts. */
const world = fc
  .array(
    fc.record({
      steps: fc.array(fc.record({ added: fc.nat(200), missed: fc.boolean(), restart: fc.nat(9) }), {
        minLength: 12,
        maxLength: 12,
      }),
    }),
    { minLength: 3, maxLength: 3 },
  )
  .map((pods) =>
    Array.from({ length: 12 }, (_, i) => i).flatMap((i) =>
      pods.flatMap(({ steps }, p) => {
        const step = steps[i];
        if (step === undefined || (step.missed && i > 0 && steps[i - 1]?.missed !== true)) return [];
        const requests = steps
          .slice(0, i + 1)
          .reduce((sum, { added, restart }) => (restart === 0 ? added : sum + added), 0);
        return [sample(15 * i, `${p === 0 ? 'c' : 's'}${p}`, requests)];
      }),
    ),
  );

test('replaying a sample, or cutting the batch between two times, changes nothing', () => {
  fc.assert(
    fc.property(world, fc.nat(12), (samples, cut) => {
      const whole = takeIn(noCounters, samples);
      const first = takeIn(
        noCounters,
        samples.filter(({ t }) => t < 15 * cut),
      );
      const second = takeIn(JSON.parse(JSON.stringify(first.state)) as CounterState, samples);
      assert.deepEqual([...first.rounds, ...second.rounds], whole.rounds);
      assert.deepEqual(second.state, whole.state);
      assert.deepEqual(takeIn(whole.state, samples), { state: whole.state, rounds: [] });
    }),
  );
});

test('no request is counted twice, and the order of pods does not matter', () => {
  fc.assert(
    fc.property(world, (samples) => {
      const { rounds: found } = takeIn(noCounters, samples);
      for (const round of found) {
        if (round.kind !== 'interval') continue;
        for (const { requests, bad } of [...Object.values(round.canary), ...Object.values(round.stable)])
          assert.ok(requests >= 0 && Object.values(bad).every((count) => count >= 0 && count <= requests));
      }
      assert.deepEqual(takeIn(noCounters, [...samples].reverse()).rounds, found);
    }),
  );
});
