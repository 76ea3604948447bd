import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AnalysisProfile } from '../model/gate.ts';
import type { Sample } from '../model/observation.ts';
import { noCounters, takeIn } from './boundaries.ts';
import { profileOf } from './profile.ts';
import { replay } from './replay.ts';

const profile = profileOf(
  AnalysisProfile.parse({ latency: null, saturation: { above: 0.9, marginPoints: 10 }, stepAtLeast: 0 }),
);

/** Two canaries and four stable pods, scraped every 15 s; `canary` and `stable` say how full a pod is at scrape `i`. */
function recorded(
  scrapes: number,
  canary: (i: number, pod: number) => number | undefined,
  stable: (i: number, pod: number) => number | undefined,
  weight = 0.25,
): readonly Sample[] {
  const sample = (arm: Sample['arm'], i: number, pod: number, saturation: number | undefined): Sample => ({
    t: 15 * i,
    arm,
    pod: `${arm}-${pod}`,
    weight,
    requests: 1_500 * i,
    bad: { errors: i },
    latencyMs: {},
    ...(saturation === undefined ? {} : { saturation }),
  });
  return Array.from({ length: scrapes }, (_, i) => [
    ...[0, 1].map((pod) => sample('canary', i, pod, canary(i, pod))),
    ...[0, 1, 2, 3].map((pod) => sample('stable', i, pod, stable(i, pod))),
  ]).flat();
}

/** Full at one scrape in `n`, each pod at another. */
const fullOnceIn = (n: number) => (i: number, pod: number) => ((i + 3 * pod) % n === 0 ? 0.95 : 0.5);

test('each scrape of a pod counts once, as full or not, whatever its requests', () => {
  const samples = recorded(3, () => 0.95, fullOnceIn(2));
  const { rounds } = takeIn(noCounters, samples, 0, new Set(['errors', 'saturated:0.9']));
  const last = rounds.at(-1);
  assert.ok(last?.kind === 'interval');
  const bad = (full: number) => ({ errors: 1, 'gauge-scrapes': 1, 'saturated:0.9': full });
  assert.deepEqual(last.canary['canary-0'], { requests: 1_500, bad: bad(1) });
  assert.deepEqual(last.stable['stable-0'], { requests: 1_500, bad: bad(1) });
  assert.deepEqual(last.stable['stable-1'], { requests: 1_500, bad: bad(0) });
});

test('a canary that fills up is held for it, and goes back where a limit says so', () => {
  const samples = recorded(260, (i) => (i > 20 ? 0.97 : 0.5), fullOnceIn(20));
  const { decisions, final } = replay(samples, [], profile);
  assert.deepEqual([final.move, final.reason], ['hold', { code: 'ask-a-person' }]);
  assert.ok(decisions.some(({ reason }) => reason.code === 'will-not-settle'));
  const saturation = { marginPoints: 10, limitPercent: 50 };
  const limited = profileOf(AnalysisProfile.parse({ latency: null, saturation, stepAtLeast: 0 }));
  const back = replay(samples, [], limited).final;
  assert.deepEqual(back.reason, { code: 'limit-exceeded', series: 'saturated:0.9', limit: 0.5 });
  assert.ok((back.t ?? Infinity) <= 1_200, `${back.t} s`);
});

test('pods that are full for minutes at a time are never a reason to roll back by themselves', () => {
  // One canary pod and one of stable, full for a quarter of an hour each.
  const quarter = (begin: number) => (i: number, pod: number) =>
    pod === 0 && i >= begin && i < begin + 60 ? 0.95 : 0.5;
  const { decisions } = replay(recorded(240, quarter(20), quarter(120)), [], profile);
  assert.ok(decisions.every(({ move }) => move !== 'rollback'));
});

test('a canary as full as stable goes on, and its outlook is told in requests', () => {
  const { decisions, final } = replay(recorded(480, fullOnceIn(20), fullOnceIn(20)), [], profile);
  assert.equal(final.move, 'promote');
  const told = decisions.find(({ metrics }) => metrics[1]?.missing !== null)?.metrics[1];
  assert.deepEqual(told?.metric, { type: 'saturated', above: 0.9 });
  // 3,000 requests come with two scrapes of the canary's pods.
  assert.ok((told?.missing?.requests[0] ?? 0) > 30_000);
});

test('where no gauge is there, nothing can be said of it, and it never passes', () => {
  const { final } = replay(
    recorded(
      480,
      () => undefined,
      () => undefined,
    ),
    [],
    profile,
  );
  assert.deepEqual([final.move, final.reason], ['hold', { code: 'not-counted', series: 'saturated:0.9' }]);
});
