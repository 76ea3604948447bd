import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AnalysisProfile } from '../model/gate.ts';
import type { Sample } from '../model/observation.ts';
import { noCounters, takeIn } from './boundaries.ts';
import { blockDispersion } from './over-dispersion.ts';
import { profileOf } from './profile.ts';
import { replay } from './replay.ts';
import { addRound, beginRollout } from './rollout.ts';

const profile = profileOf(AnalysisProfile.parse({}));
const errorsOnly = profileOf(AnalysisProfile.parse({ latency: null }));

interface Script {
  readonly minutes: number;
  /** Requests a scrape in all, and bad shares. */
  readonly requests: number;
  readonly stable: number;
  readonly canary: number;
  readonly weights?: readonly (readonly [from: number, weight: number])[];
}

/** Scrapes every 15 s of one canary pod and three of stable; bad requests come as evenly as can be. */
function recorded({ minutes, requests, stable, canary, weights = [[0, 0.1]] }: Script): readonly Sample[] {
  const sums = new Map<string, { n: number; bad: number }>();
  const samples: Sample[] = [];
  for (let t = 0; t <= minutes * 60; t += 15) {
    const weight = weights.findLast(([from]) => from <= t)?.[1] ?? 0;
    for (const pod of ['c', 's1', 's2', 's3']) {
      const sum = sums.get(pod) ?? { n: 0, bad: 0 };
      const share = pod === 'c' ? weight : (1 - weight) / 3;
      sum.n += share * requests;
      sum.bad += share * requests * (pod === 'c' ? canary : stable);
      sums.set(pod, sum);
      const n = Math.floor(sum.n);
      samples.push({
        t,
        arm: pod === 'c' ? 'canary' : 'stable',
        pod,
        weight,
        requests: n,
        bad: { errors: Math.floor(sum.bad) },
        latencyMs: { '100': Math.floor(n * 0.7), '250': Math.floor(n * 0.98), '+Inf': n },
      });
    }
  }
  return samples;
}

const ramp: Script['weights'] = [
  [0, 0.05],
  [300, 0.1],
  [600, 0.25],
  [900, 0.5],
];

test('a canary like stable advances at every weight and is promoted at the last', () => {
  const { decisions, final } = replay(
    recorded({ minutes: 25, requests: 1500, stable: 0.005, canary: 0.005, weights: ramp }),
    [],
    profile,
  );
  const moves = decisions.filter(({ move }) => move !== 'hold').map(({ move }) => move);
  assert.deepEqual(moves, ['advance', 'advance', 'advance', 'promote']);
  assert.equal(final.move, 'promote');
  const first = decisions.findIndex(({ move }) => move === 'advance');
  assert.equal(decisions[first + 1]?.reason.code, 'waiting-for-weight');
});

test('a canary that fails half of its requests goes back within a minute, and the record goes on', () => {
  const { decisions, final } = replay(
    recorded({ minutes: 10, requests: 1500, stable: 0.005, canary: 0.5 }),
    [],
    profile,
  );
  assert.equal(final.move, 'rollback');
  assert.ok((final.t ?? Infinity) <= 60, `at ${final.t}`);
  assert.equal(final.reason.code, 'worse');
  assert.equal(decisions.at(-1)?.t, 600);
});

test('one scrape never decides, however bad', () => {
  const { decisions } = replay(
    recorded({ minutes: 1, requests: 150_000, stable: 0, canary: 1 }),
    [],
    errorsOnly,
  );
  assert.equal(decisions[0]?.move, 'hold');
});

test('without canary requests nothing is shown: neither rollback nor promotion', () => {
  const { final } = replay(
    recorded({ minutes: 120, requests: 1500, stable: 0.005, canary: 0, weights: [[0, 0]] }).map((sample) =>
      sample.arm === 'canary' ? { ...sample, weight: 0.1, requests: 0 } : { ...sample, weight: 0.1 },
    ),
    [],
    profile,
  );
  assert.deepEqual([final.move, final.reason.code], ['hold', 'no-traffic']);
});

test('slow requests are counted among those whose time is known', () => {
  // A gateway that has timed a third of the canary's requests, all of them slow; and the half of stable's, none slow.
  const samples = Array.from({ length: 21 }, (_, i) =>
    (['canary', 'stable'] as const).map((arm): Sample => {
      const [requests, timed] = arm === 'canary' ? [30 * i, 10 * i] : [270 * i, 135 * i];
      return {
        t: 15 * i,
        arm,
        pod: arm,
        weight: 0.1,
        requests,
        bad: { errors: 0 },
        latencyMs: { '250': arm === 'canary' ? 0 : timed, '+Inf': timed },
      };
    }),
  ).flat();
  const { decisions } = replay(samples, [], profile);
  const slow = decisions[3]?.metrics[1];
  assert.deepEqual(slow?.metric, { type: 'slow', aboveMs: 250 });
  assert.deepEqual([slow.canary.rate, slow.canary.requests, slow.stable.requests], [1, 40, 540]);
});

test('a canary that hangs after it was shown to be good is not promoted on its silence, nor against a silent stable', () => {
  const samples = recorded({ minutes: 20, requests: 75_000, stable: 0.005, canary: 0.005 });
  assert.equal(replay(samples, [], errorsOnly).final.move, 'promote');
  for (const [arm, code] of [
    ['canary', 'no-traffic'],
    ['stable', 'no-stable-traffic'],
  ] as const) {
    const hung = samples.map((one) => {
      const last = samples.find(({ t, pod }) => t === 75 && pod === one.pod);
      return one.arm === arm && one.t > 75 && last !== undefined ? { ...last, t: one.t } : one;
    });
    const { decisions, final } = replay(hung, [], errorsOnly);
    assert.deepEqual(decisions.find(({ t }) => t === 75)?.reason.code, 'step-time', 'it was shown by then');
    assert.deepEqual([final.move, final.reason.code], ['hold', code]);
  }
});

test('an arm that hangs before anything was shown has no traffic: no time is foretold in which it would settle', () => {
  const samples = recorded({ minutes: 20, requests: 300, stable: 0.005, canary: 0.005 });
  for (const [arm, code] of [
    ['canary', 'no-traffic'],
    ['stable', 'no-stable-traffic'],
  ] as const) {
    const hung = samples.map((one) => {
      const last = samples.find(({ t, pod }) => t === 60 && pod === one.pod);
      return one.arm === arm && one.t > 60 && last !== undefined ? { ...last, t: one.t } : one;
    });
    const { decisions } = replay(hung, [], profile);
    assert.notEqual(decisions.find(({ t }) => t === 60)?.reason.code, code);
    const after = new Set(decisions.filter(({ t }) => t >= 135).map(({ reason }) => reason.code));
    assert.deepEqual([...after], [code]);
    for (const { missing } of decisions.at(-1)?.metrics ?? []) assert.equal(missing?.seconds ?? null, null);
  }
});

test('with little traffic a canary that had a request between two of stable is no stable that hangs', () => {
  const scrapes: readonly (readonly [canary: number, stable: number])[] = [
    [0, 0],
    [1, 9],
    [1, 0],
    [0, 4],
    [1, 0],
    [0, 3],
    [1, 0],
    [0, 0],
    [0, 5],
  ];
  let [canary, stable] = [0, 0];
  const samples = scrapes.flatMap(([c, s], i): readonly Sample[] => {
    canary += c;
    stable += s;
    const at = { t: i, weight: 0.1, bad: {}, latencyMs: {} };
    return [
      { ...at, arm: 'canary', pod: 'c', requests: canary },
      { ...at, arm: 'stable', pod: 's', requests: stable },
    ];
  });
  const { decisions } = replay(samples, [], errorsOnly);
  assert.deepEqual([...new Set(decisions.map(({ reason }) => reason.code))], ['learning']);
});

test('where all traffic goes to the canary it is stable that has none', () => {
  const { final } = replay(
    recorded({ minutes: 5, requests: 1500, stable: 0.005, canary: 0.005, weights: [[0, 1]] }),
    [],
    profile,
  );
  assert.deepEqual([final.move, final.reason.code], ['hold', 'no-stable-traffic']);
});

test('slow requests that stable does not show are not counted, whatever the canary shows', () => {
  const samples = recorded({ minutes: 5, requests: 1500, stable: 0.005, canary: 0.005 }).map((one) =>
    one.arm === 'stable' ? { ...one, latencyMs: {} } : one,
  );
  assert.deepEqual(replay(samples, [], profile).final.reason, { code: 'not-counted', series: 'slow:250' });
});

test('the order of lines of one time changes nothing, where stable’s lines know of a rise later than the canary’s', () => {
  const samples = recorded({
    minutes: 20,
    requests: 1500,
    stable: 0.005,
    canary: 0.005,
    weights: [
      [0, 0.05],
      [300, 0.1],
    ],
  }).map((one) => (one.arm === 'stable' && one.t === 300 ? { ...one, weight: 0.05 } : one));
  const turned = samples.toReversed().sort((a, b) => a.t - b.t);
  assert.deepEqual(replay(turned, [], profile), replay(samples, [], profile));
});

test('errors against a baseline without any are found', () => {
  const { final } = replay(
    recorded({ minutes: 10, requests: 1500, stable: 0, canary: 0.05 }),
    [],
    errorsOnly,
  );
  assert.equal(final.move, 'rollback');
});

test('a history of stable shortens the learning', () => {
  const script: Script = { minutes: 60, requests: 1500, stable: 0.005, canary: 0.005 };
  const history = recorded(script)
    .filter(({ arm }) => arm === 'stable')
    .map((sample) => ({ ...sample, t: sample.t - 3615 }));
  const played = recorded({ ...script, minutes: 10, canary: 0.02 });
  const seconds = (past: readonly Sample[]): number => replay(played, past, errorsOnly).final.t ?? Infinity;
  assert.ok(seconds(history) < seconds([]), `${seconds(history)} against ${seconds([])}`);
});

test('harm in every interval is no scatter of its bursts, however many bad events each of them holds', () => {
  // The canary fails 8 of 150 requests in each interval, each of nine stable pods one in every fourth.
  const samples = Array.from({ length: 121 }, (_, i) => i).flatMap((i) =>
    Array.from({ length: 10 }, (_, pod): Sample => {
      const failed = pod === 0 ? 8 * i : Math.floor((i + pod) / 4);
      const arm = pod === 0 ? 'canary' : 'stable';
      return {
        t: 15 * i,
        arm,
        pod: `${pod}`,
        weight: 0.1,
        requests: 150 * i,
        bad: { errors: failed },
        latencyMs: {},
      };
    }),
  );
  let state = beginRollout(errorsOnly, []);
  for (const round of takeIn(noCounters, samples).rounds) state = addRound(state, round, errorsOnly, 1);
  const bursts = state.series['errors']?.bursts;
  assert.ok(
    bursts !== undefined && blockDispersion(bursts.block) < 2,
    `${bursts && blockDispersion(bursts.block)}`,
  );
});

test('the state of a month is small and survives being written', () => {
  const samples = recorded({ minutes: 120, requests: 1500, stable: 0.005, canary: 0.005 });
  let state = beginRollout(profile, ['slow:100']);
  for (const round of takeIn(noCounters, samples).rounds) {
    state = addRound(JSON.parse(JSON.stringify(state)) as typeof state, round, profile, 1);
  }
  for (const [name, series] of Object.entries(state.series))
    assert.ok(JSON.stringify(series).length < 4096, `${name}: ${JSON.stringify(series).length}`);
});
