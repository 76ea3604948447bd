import assert from 'node:assert/strict';
import { test } from 'node:test';
import { machine } from '../../../simulation/operator.ts';
import { TurnBench } from '../../../simulation/turn-bench.ts';
import { canonicalJson } from '../model/canonical.ts';
import { SlotEntry } from '../model/entries.ts';
import type { Sample } from '../model/observation.ts';
import { analysisAfter, mostPods } from './sampled.ts';

/** v1 is stable, v2 rolls out by a gate with all defaults. */
function rollingOut(): TurnBench {
  const bench = new TurnBench();
  const pipeline = bench.production({
    rollout: { steps: [10, 50, 100] },
    analysis: [{ kind: 'metric', name: 'canary' }],
  });
  bench.bootstrap('v1', pipeline, 1);
  bench.build('v2');
  bench.request('v2', pipeline);
  bench.turn();
  return bench;
}

const bounds = [5, 10, 25, 50, 100, 250, 500, 1000];

/** One scrape of so many pods, a third of them canaries, with counters as after weeks. */
const scrape = (t: number, pods: number): readonly Sample[] =>
  Array.from({ length: pods }, (_, i) => {
    const requests = 9_000_000_000 + 1_003 * t + i;
    return {
      t,
      arm: i % 3 === 0 ? 'canary' : 'stable',
      pod: `shop-production-v2-5f7d9c6b4-${String(i).padStart(5, '0')}`,
      started: 0.123,
      weight: 0.1,
      requests,
      bad: { errors: 8_000_000 + 5 * t },
      latencyMs: Object.fromEntries([
        ...bounds.map((bound, b) => [String(bound), Math.floor((requests * (b + 1)) / 10)] as const),
        ['+Inf', requests] as const,
      ]),
    };
  });

test('as many pods as an analysis follows fit into an entry of the ledger', () => {
  const bench = rollingOut();
  const samples = Array.from({ length: 40 }, (_, t) => scrape(100 + t, mostPods)).flat();
  const analysis = analysisAfter(bench.slot, bench.project, samples);
  assert.ok(analysis !== null && !analysis.crowded);
  const { id } = machine('ci');
  const entry = SlotEntry.parse({
    type: 'sampled',
    at: 1,
    batch: bench.artifactOf(id),
    count: samples.length,
    analysis,
  });
  assert.ok(canonicalJson(entry).length < 60_000, `${canonicalJson(entry).length} bytes`);
});

test('few pods with very long names are too many as well', () => {
  const bench = rollingOut();
  const long = scrape(100, 9).map((sample) => ({ ...sample, pod: sample.pod.padStart(200, 'x') }));
  assert.equal(analysisAfter(bench.slot, bench.project, long)?.crowded, true);
});

test('one pod more, and nothing is said any more, whatever comes', () => {
  const bench = rollingOut();
  const before = analysisAfter(bench.slot, bench.project, scrape(100, mostPods + 1));
  assert.equal(before?.crowded, true);
  const slot = { ...bench.slot, analysis: before };
  assert.equal(analysisAfter(slot, bench.project, scrape(101, 2))?.crowded, true);
});

test('a batch cut anywhere leads to the same analysis', () => {
  const bench = rollingOut();
  const samples = Array.from({ length: 30 }, (_, t) => scrape(100 + t, 3)).flat();
  const whole = analysisAfter(bench.slot, bench.project, samples);
  for (const cut of [3, 30, 87]) {
    const first = analysisAfter(bench.slot, bench.project, samples.slice(0, cut));
    const slot = { ...bench.slot, analysis: first };
    assert.equal(canonicalJson(analysisAfter(slot, bench.project, samples.slice(cut))), canonicalJson(whole));
  }
});

test('where nothing moves, samples are of nothing', () => {
  const bench = rollingOut();
  assert.equal(analysisAfter({ ...bench.slot, moving: null }, bench.project, scrape(100, 2)), null);
});
