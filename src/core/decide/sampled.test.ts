import assert from 'node:assert/strict';
import { test } from 'node:test';
import { machine } from '../../../simulation/operator.ts';
import { TurnBench } from '../../../simulation/turn-bench.ts';
import { canonicalJson } from '../model/canonical.ts';
import { SlotEntry } from '../model/entries.ts';
import type { Sample } from '../model/observation.ts';
import { rolloutEvidence } from '../analysis/judgement.ts';
import { hasLearnt, seriesDispersion } from '../analysis/series.ts';
import { mostPods } from '../model/analysis-state.ts';
import { mostSlices } from '../model/metrics-history.ts';
import type { SlotState } from '../model/state.ts';
import { foldDecision, foldSlot } from './fold/slot.ts';
import { analysisAfter, analysisFromHistory } from './sampled.ts';

/** v1 is stable, v2 rolls out by gates with all defaults. */
function rollingOut(...gates: readonly string[]): TurnBench {
  const bench = new TurnBench();
  const pipeline = bench.production({
    rollout: { steps: [10, 50, 100] },
    analysis: ['canary', ...gates].map((name) => ({ kind: 'metric', name, saturation: {} })),
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
      saturation: 0.912345,
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
  assert.ok(canonicalJson(entry).length < 62_000, `${canonicalJson(entry).length} bytes`);
});

test('two gates have room for half as many: what would not fit is too many, and never stops the slot', () => {
  const bench = rollingOut('observed');
  const of = (pods: number) =>
    analysisAfter(bench.slot, bench.project, [
      ...scrape(100, pods),
      ...scrape(101, pods),
      ...scrape(102, pods),
    ]);
  const some = of(16);
  assert.ok(some !== null && !some.crowded && canonicalJson(some).length < 62_500);
  assert.equal(of(mostPods)?.crowded, true);
});

test('stable pods that are replaced again and again do not fill the analysis', () => {
  const bench = rollingOut();
  let { slot } = bench;
  for (let t = 0; t < 600; t++) {
    const samples = scrape(100 + t, 6).map((sample, i) =>
      sample.arm === 'canary' ? sample : { ...sample, pod: `stable-${Math.floor((t + 3 * i) / 20)}-${i}` },
    );
    slot = { ...slot, analysis: analysisAfter(slot, bench.project, samples) };
  }
  assert.equal(slot.analysis?.crowded, false);
  const pods = slot.analysis?.gates['canary']?.rollout.series['errors']?.pods ?? {};
  assert.ok(
    Object.keys(pods).length <= mostPods && Object.keys(pods).length >= 4,
    `${Object.keys(pods).length}`,
  );
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

/** What five pods, two of which end in the middle, have counted in an hour before: clusters of errors. */
const past = (pods: number): readonly Sample[] =>
  Array.from({ length: 241 }, (_, i) =>
    Array.from({ length: i < 120 ? pods : Math.max(1, pods - 2) }, (_, pod): Sample => {
      const requests = 1_500 * i;
      return {
        t: 15 * i - 3_600,
        arm: 'stable',
        pod: `before-${pod}`,
        weight: 0,
        requests,
        bad: { errors: 2 * i },
        latencyMs: { '100': Math.floor(0.9 * requests), '+Inf': requests },
      };
    }),
  ).flat();

test('a history teaches before anything is counted, and pods that are gone are not remembered', () => {
  const bench = rollingOut();
  const analysis = analysisFromHistory(bench.slot, bench.project, past(5));
  const rollout = analysis?.gates['canary']?.rollout;
  assert.ok(rollout !== undefined);
  const { errors } = rollout.series;
  assert.ok(errors !== undefined && hasLearnt(errors));
  assert.deepEqual(Object.keys(errors.pods), ['before-0', 'before-1', 'before-2']);
  assert.deepEqual(Object.keys(rollout.series), ['errors', 'slow:250', 'saturated:0.9', 'slow:100']);
  // Evidence is of this rollout alone.
  assert.equal(rollout.began, null);
  assert.equal(errors.total.stable.requests, 0);
  assert.ok(Math.abs(rolloutEvidence(rollout)) < 1e-6);
});

test('a history without samples, or with too many pods, leaves nothing behind', () => {
  const bench = rollingOut();
  const none = { promotion: bench.slot.moving, gates: {}, crowded: false };
  assert.deepEqual(analysisFromHistory(bench.slot, bench.project, []), none);
  assert.deepEqual(analysisFromHistory(bench.slot, bench.project, past(mostPods + 3)), none);
});

test('the entry of a history fits into the ledger', () => {
  const bench = rollingOut();
  const analysis = analysisFromHistory(bench.slot, bench.project, past(mostPods));
  assert.ok(analysis !== null);
  const slice = { from: 1_700_000_000.123, to: 1_700_001_800.123, samples: 5_000, bad: 1_000 };
  const entry = SlotEntry.parse({
    type: 'history-read',
    at: 1_700_000_000_000,
    promotion: analysis.promotion,
    slices: Array.from({ length: mostSlices }, () => ({ ...slice, digest: bench.artifactOf('v1') })),
    ended: 'enough-samples',
    message: '',
    analysis,
  });
  assert.ok(canonicalJson(entry).length < 62_000, `${canonicalJson(entry).length} bytes`);
});

test('a history comes before anything is counted, or not at all', () => {
  const bench = rollingOut();
  const read = (promotion: string | null): SlotEntry => ({
    type: 'history-read',
    at: bench.now,
    promotion: promotion ?? '',
    slices: [],
    ended: null,
    message: 'Prometheus: requests: ECONNREFUSED',
    analysis: { promotion: promotion ?? '', gates: {}, crowded: false },
  });
  const fold = (slot: SlotState, entry: SlotEntry) => foldSlot(slot, entry, slot.seq + 1);
  assert.equal(fold(bench.slot, read('another-production')).analysis, null);
  const begun = fold(bench.slot, read(bench.slot.moving));
  assert.deepEqual(begun.analysis, { promotion: bench.slot.moving, gates: {}, crowded: false });
  const counted = { ...begun, analysis: analysisAfter(begun, bench.project, scrape(100, 3)) };
  assert.deepEqual(fold(counted, read(bench.slot.moving)).analysis, counted.analysis);
});

test('a source that could not be read at the beginning is why the gate holds, until it can be', () => {
  const bench = rollingOut();
  const promotion = bench.slot.moving ?? '';
  const message = 'Prometheus: requests: ECONNREFUSED';
  const analysis = { promotion, gates: {}, crowded: false };
  bench.entry({ type: 'history-read', at: bench.now, promotion, slices: [], ended: null, message, analysis });
  bench.observe({ v1: 1, v2: 1 }, { v1: 100 });
  const { decision } = bench.turn();
  bench.observe({ v1: 1, v2: 1 }, { v1: 90, v2: 10 });
  const { waits } = bench.turn();
  const [wait] = waits.filter(({ gate }) => gate === 'canary');
  const since = bench.now;
  assert.deepEqual(wait?.reason, { code: 'source-unreadable', message, since });
  assert.deepEqual(
    [wait?.owner, wait?.ifNothing],
    ['environment', 'a person is asked when it has been away for the gate’s maxOutage'],
  );
  assert.equal(wait?.nextCheck, bench.now + 900_000, 'it is looked at again when that is over');
  const judged = decision.moves.find((move) => move.type === 'judged');
  assert.ok(judged?.type === 'judged');
  assert.deepEqual([judged.verdict, judged.reason], ['error', { code: 'source-unreadable', message, since }]);
  bench.entry({ type: 'scrape-resumed', at: bench.now, promotion });
  bench.counted(10, 0, 90, 0);
  assert.ok(!bench.waits().includes('source-unreadable'));
});

test('what a rollout has learnt of how errors cluster is there for the next one', () => {
  const bench = rollingOut();
  const analysis = analysisFromHistory(bench.slot, bench.project, past(5));
  const { moving } = bench.slot;
  bench.slot = { ...bench.slot, analysis };
  const end = (state: 'promoted' | 'superseded'): SlotState =>
    foldDecision(bench.slot, {
      now: bench.now,
      moves: [
        {
          type: 'ended',
          promotion: moving ?? '',
          state,
          reason: { code: 'done' },
          proof: 'none',
          warmUntil: null,
        },
      ],
      actions: [],
    });
  assert.deepEqual(end('superseded').learnt, {}, 'how a canary fails is not how the service does');
  const ended = end('promoted');
  assert.equal(ended.analysis, null);
  const next = analysisAfter(
    { ...bench.slot, analysis: null, learnt: ended.learnt },
    bench.project,
    scrape(0, 3),
  );
  const [before, after] = [analysis, next].map((one) => one?.gates['canary']?.rollout.series['errors']);
  assert.ok(before !== undefined && after !== undefined && hasLearnt(after));
  assert.equal(seriesDispersion(after), seriesDispersion(before));
});
