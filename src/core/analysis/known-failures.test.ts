import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AnalysisProfile } from '../model/gate.ts';
import type { Sample } from '../model/observation.ts';
import { profileOf } from './profile.ts';
import { type Replay, replay } from './replay.ts';

/*
 * What other tools got wrong in public, played through this analysis. The names are those of the threads.
 */

const errorsAlone = (more: object = {}) => profileOf(AnalysisProfile.parse({ latency: null, ...more }));

interface Script {
  readonly scrapes: number;
  /** Requests of the canary and of each of three stable pods in scrape `i`, and how many fail. */
  readonly canary: (i: number) => readonly [requests: number, bad: number];
  readonly stable: (i: number) => readonly [requests: number, bad: number];
  readonly weight?: (i: number) => number;
}

/** Cumulative counters, scraped every 15 s. */
function recorded({ scrapes, canary, stable, weight = () => 0.25 }: Script): readonly Sample[] {
  const sums = new Map<string, [requests: number, bad: number]>();
  const samples: Sample[] = [];
  for (let i = 0; i <= scrapes; i++) {
    for (const pod of ['c', 's1', 's2', 's3']) {
      const sum = sums.get(pod) ?? [0, 0];
      const [requests, bad] = i === 0 ? [0, 0] : (pod === 'c' ? canary : stable)(i);
      sum[0] += requests;
      sum[1] += bad;
      sums.set(pod, sum);
      samples.push({
        t: 15 * i,
        arm: pod === 'c' ? 'canary' : 'stable',
        pod,
        weight: weight(i),
        requests: sum[0],
        bad: { errors: sum[1] },
        latencyMs: { '+Inf': sum[0] },
      });
    }
  }
  return samples;
}
const play = (script: Script, more: object = {}): Replay => replay(recorded(script), [], errorsAlone(more));

test('spinnaker#6278: seven of ten points a hundred times worse is not a pass', () => {
  const { final } = play({
    scrapes: 10,
    canary: (i) => [1000, i <= 7 ? 1000 : 10],
    stable: () => [1000, 10],
  });
  assert.equal(final.move, 'rollback');
  assert.equal(final.reason.code, 'worse');
});

test('kayenta#426: errors against a baseline without any are found', () => {
  const { final } = play({ scrapes: 20, canary: () => [250, 10], stable: () => [250, 0] });
  assert.equal(final.move, 'rollback');
});

test('Rollouts #180, #459: 0/0 is neither success nor failure', () => {
  const { final, decisions } = play({ scrapes: 480, canary: () => [0, 0], stable: () => [1000, 5] });
  assert.ok(decisions.every(({ move }) => move === 'hold'));
  assert.equal(final.reason.code, 'no-traffic');
});

test('Rollouts #1466: an empty vector, no canary series at all, aborts nothing and passes nothing', () => {
  const samples = recorded({
    scrapes: 120,
    canary: () => [0, 0],
    stable: () => [1000, 5],
    weight: () => 0.1,
  }).filter(({ arm }) => arm === 'stable');
  const { decisions, final } = replay(samples, [], errorsAlone());
  assert.ok(decisions.length > 0 && decisions.every(({ move }) => move === 'hold'));
  assert.equal(final.move, 'hold');
});

test('flagger#1035, #1353: a canary that idles is kept, and judged once it has requests', () => {
  const idleThen = (bad: number): Replay =>
    play({
      scrapes: 360,
      canary: (i) => (i <= 240 ? [0, 0] : [300, bad]),
      stable: () => [300, 2],
    });
  const good = idleThen(2);
  const turn = 240 * 15;
  assert.ok(good.decisions.filter(({ t }) => t <= turn).every(({ move }) => move === 'hold'));
  assert.ok(good.decisions.every(({ move }) => move !== 'rollback'));
  assert.equal(good.final.move, 'promote');
  const worse = idleThen(60);
  assert.equal(worse.final.move, 'rollback');
  assert.ok((worse.final.t ?? 0) > turn);
});

const faultAtMinuteTwenty: Script = {
  scrapes: 240,
  weight: (i) => (i < 20 ? 0.25 : 0.5),
  canary: (i) => [1000, i <= 80 ? 5 : 40],
  stable: () => [600, 3],
};

test('a promotion within ten minutes cannot see a fault of minute 20', () => {
  const { final } = play(faultAtMinuteTwenty);
  assert.equal(final.move, 'promote');
  assert.ok((final.t ?? Infinity) < 600, `at ${final.t}`);
});

test('with a bake of half an hour the fault of minute 20 is found before the promotion', () => {
  const { final } = play(faultAtMinuteTwenty, { bake: '30m' });
  assert.equal(final.move, 'rollback');
  assert.ok((final.t ?? 0) > 1200 && (final.t ?? Infinity) < 1500, `at ${final.t}`);
});

test('never a pass without requests, whatever stable shows', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 0, max: 2000 }), fc.double({ min: 0, max: 1, noNaN: true })), {
        minLength: 5,
        maxLength: 60,
      }),
      (rounds) => {
        const { decisions } = play({
          scrapes: rounds.length,
          canary: () => [0, 0],
          stable: (i) => {
            const [requests, share] = rounds[i - 1] ?? [0, 0];
            return [requests, Math.floor(requests * share)];
          },
        });
        assert.ok(decisions.every(({ move }) => move === 'hold'));
      },
    ),
    { numRuns: 40 },
  );
});

test('the names and the order of pods change nothing', () => {
  const samples = recorded({
    scrapes: 40,
    canary: (i) => [250, i % 3],
    stable: (i) => [250, (i + 1) % 3],
  });
  const before = replay(samples, [], errorsAlone());
  const renamed = new Map([
    ['s1', 'z'],
    ['s2', 'a'],
    ['s3', 'm'],
    ['c', 'b'],
  ]);
  const shuffled = [...samples]
    .reverse()
    .map((sample) => ({ ...sample, pod: renamed.get(sample.pod) ?? sample.pod }));
  assert.deepEqual(replay(shuffled, [], errorsAlone()), before);
});
