import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TurnBench } from '../../../simulation/turn-bench.ts';
import { judgeRollout } from '../analysis/judgement.ts';
import { gateProfile } from '../analysis/profile.ts';
import { Gate, type GateOf } from '../model/gate.ts';
import type { Sample } from '../model/observation.ts';
import { analysisAfter } from './sampled.ts';
import { standingsOf } from './standings.ts';

const gate = Gate.parse({
  kind: 'metric',
  name: 'canary',
  errors: { marginPoints: 2 },
  latency: { aboveMs: 250, marginPoints: 0.5 },
}) as GateOf<'metric'>;

interface Arms {
  /** Requests a second, of each a share that fails and one that is slow. */
  readonly canary: readonly [requests: number, errors: number, slow: number];
  readonly stable: readonly [requests: number, errors: number, slow: number];
  readonly seconds: number;
  readonly weight?: number;
}

/** What the gate says after both arms have counted evenly for a while, one scrape a second. */
function said({ seconds, weight = 0.1, ...arms }: Arms) {
  const bench = new TurnBench();
  const pipeline = bench.production({ rollout: { steps: [10, 50, 100] }, analysis: [gate] });
  bench.bootstrap('v1', pipeline, 1);
  bench.build('v2');
  bench.request('v2', pipeline);
  bench.turn();
  const samples = Array.from({ length: seconds + 1 }, (_, t) =>
    (['canary', 'stable'] as const).map((arm): Sample => {
      const [rate, errors, slow] = arms[arm];
      const requests = rate * t;
      return {
        t,
        arm,
        pod: arm,
        weight,
        requests,
        bad: { errors: Math.floor(requests * errors) },
        latencyMs: { '250': requests - Math.floor(requests * slow), '+Inf': requests },
      };
    }),
  ).flat();
  bench.slot = { ...bench.slot, analysis: analysisAfter(bench.slot, bench.project, samples) };
  const analysis = bench.slot.analysis?.gates['canary'] ?? assert.fail();
  const found = standingsOf(bench.slot, bench.project)['canary'] ?? {};
  const standings = ['errors', 'slow:250'].map((series) => found[series]);
  const next = weight < 0.5 ? 0.5 : 1;
  return { ...analysis, standings, judged: judgeRollout(analysis.rollout, gateProfile(gate), seconds, next) };
}

test('a metric that is shown lacks nothing, and one that is open says what it lacks here and at the next weight', () => {
  const { standings, said: all } = said({ canary: [20, 0, 0], stable: [180, 0, 0], seconds: 15 });
  const [errors, slow] = standings;
  assert.equal(errors, 'shown');
  const { requests, ms, next } = typeof slow === 'object' ? slow : assert.fail();
  assert.ok(requests[0] > 0 && requests[0] <= requests[1]);
  assert.deepEqual(
    ms,
    requests.map((many) => 1_000 * Math.ceil(many / 20)),
  );
  // Half of the margin before full traffic, with five times the canary's requests and fewer of stable's.
  assert.ok(next?.weight === 50 && (next.requests?.[0] ?? 0) > 0 && (next.ms?.[0] ?? 0) > 0);
  assert.equal(all?.reason.code, 'learning');
});

test('each metric’s part of the joint outlook is no longer than the whole, and is what a replay shows', () => {
  const {
    standings,
    said: all,
    judged,
  } = said({
    canary: [5, 0.002, 0.004],
    stable: [45, 0.002, 0.004],
    seconds: 20,
  });
  const { reason } = all ?? assert.fail();
  assert.ok('missing' in reason);
  standings.forEach((standing, i) => {
    assert.ok(typeof standing === 'object');
    assert.deepEqual(standing.requests, judged.metrics[i]?.missing?.requests);
    assert.ok(standing.requests[0] <= reason.missing.requests[0]);
    assert.ok(standing.requests[1] <= reason.missing.requests[1]);
  });
});

test('that more traffic will not settle it is said of the metric that it is true of', () => {
  const { standings } = said({ canary: [20, 0, 0.03], stable: [180, 0, 0.01], seconds: 40 });
  assert.deepEqual(standings, ['shown', 'will-not-settle']);
});

test('before full traffic there is no next weight', () => {
  const { standings } = said({ canary: [5, 0, 0], stable: [5, 0, 0], seconds: 15, weight: 0.5 });
  for (const standing of standings) assert.equal(typeof standing === 'object' && standing.next, null);
});

test('right after a step up there is nothing to compare yet, and where nothing moves nothing is reckoned', () => {
  const bench = new TurnBench();
  assert.deepEqual(standingsOf(bench.slot, bench.project), {});
  const { standings } = said({ canary: [0, 0, 0], stable: [50, 0, 0], seconds: 3 });
  assert.deepEqual(standings, ['no-traffic', 'no-traffic']);
});
