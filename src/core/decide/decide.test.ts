import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BelayDocumentInput } from '../model/documents.ts';
import type { Digest } from '../model/digest.ts';
import { machine, person } from '../../../simulation/operator.ts';
import { signerNamed, statementBy } from '../../../simulation/signing.ts';
import { TurnBench } from '../../../simulation/turn-bench.ts';
import { decide } from './decide.ts';

type PipelineInput = Extract<BelayDocumentInput, { kind: 'Pipeline' }>;
type StageInput = PipelineInput['spec']['stages'][number];

const apiVersion = 'belay.dev/v1alpha1';
const provenance = 'https://slsa.dev/provenance/v1';

function ready(stage: Partial<StageInput> = {}, warm = 60_000): { bench: TurnBench; pipeline: Digest } {
  const bench = new TurnBench();
  bench.apply({
    apiVersion,
    kind: 'Project',
    metadata: { name: 'p' },
    spec: { trust: [{ name: 'ci', publicKey: signerNamed('ci').publicKey, predicateTypes: [provenance] }] },
  });
  const pipeline = bench.production(
    { rollout: { steps: [10, 50, 100], stepAtLeast: 5_000, progressDeadline: 60_000 }, ...stage },
    { replicas: 4, warm },
  );
  return { bench, pipeline };
}

/** A bench on which v1 is stable and v2 is at 10 %, read back. */
function atTen(stage: Partial<StageInput> = {}): { bench: TurnBench; pipeline: Digest } {
  const { bench, pipeline } = ready(stage);
  bench.bootstrap('v1', pipeline, 4);
  bench.build('v2');
  bench.request('v2', pipeline);
  bench.turn();
  bench.observe({ v1: 4, v2: 1 }, { v1: 100 });
  bench.turn();
  bench.observe({ v1: 4, v2: 1 }, { v1: 90, v2: 10 });
  bench.turn();
  assert.equal(bench.promotion('v2-production').stepReachedAt, bench.now);
  return { bench, pipeline };
}

test('a first release goes straight to all traffic, capacity first, each step read back', () => {
  const { bench, pipeline } = ready();
  bench.build('v1');
  bench.request('v1', pipeline);
  const first = bench.turn().decision;
  assert.deepEqual(
    first.actions.map((a) => a.type),
    ['apply-workload'],
  );
  assert.deepEqual(bench.waits(), ['not-ready']);
  bench.observe({ v1: 3 }, {});
  assert.deepEqual(bench.waits(), ['not-ready']);
  bench.observe({ v1: 4 }, {});
  assert.deepEqual(bench.turn().decision.actions, [
    { type: 'shift-traffic', generation: 2, weights: [{ release: 'v1', weight: 100 }] },
  ]);
  assert.deepEqual(bench.waits(), ['weight-unconfirmed']);
  bench.observe({ v1: 4 }, { v1: 100 });
  assert.deepEqual(bench.moves(), ['reached', 'observing', 'ended']);
  assert.equal(bench.slot.stable?.release, 'v1');
});

test('steps: capacity for each, the least time at each, then the next', () => {
  const { bench } = atTen();
  assert.deepEqual(bench.waits(), ['step-time', 'not-ready']);
  assert.equal(bench.slot.effects[0]?.action.type, 'apply-workload');
  bench.observe({ v1: 4, v2: 2 }, { v1: 90, v2: 10 });
  assert.deepEqual(bench.waits(), ['step-time']);
  const next = bench.turn().nextCheck;
  assert.equal(next, bench.now + 5_000);
  bench.now += 5_000;
  assert.deepEqual(bench.turn().decision.actions[0], {
    type: 'shift-traffic',
    generation: bench.slot.generation,
    weights: [
      { release: 'v1', weight: 50 },
      { release: 'v2', weight: 50 },
    ],
  });
});

const errorsGate = {
  kind: 'metric',
  name: 'errors',
  errors: { marginPoints: 2 },
  latency: null,
  maxHold: 60_000,
} as const;

test('a worse canary turns back: traffic, read back, then processes, then quarantine', () => {
  const { bench, pipeline } = atTen({ analysis: [errorsGate] });
  bench.counted(100, 30, 900, 1);
  assert.deepEqual(bench.moves(), ['judged', 'turned-back']);
  assert.deepEqual(bench.slot.weights, [{ release: 'v1', weight: 100 }]);
  bench.observe({ v1: 4, v2: 1 }, { v1: 100 });
  assert.deepEqual(bench.moves(), ['at-zero']);
  assert.equal(bench.slot.effects[0]?.action.type, 'remove-workload');
  bench.observe({ v1: 4 }, { v1: 100 });
  assert.deepEqual(bench.moves(), ['retired', 'quarantined', 'ended']);
  assert.equal(bench.slot.ended[0]?.state, 'rolled-back');
  bench.request('v2', pipeline, { promotion: 'again' });
  bench.turn();
  assert.equal(bench.slot.ended[0]?.reason.code, 'quarantined');
});

test('a gate that cannot tell asks a person when its hold is over, and waits on when told to', () => {
  const { bench } = atTen({ analysis: [errorsGate] });
  bench.counted(60, 0, 540, 0);
  assert.ok(bench.waits().includes('learning'));
  bench.observe({ v1: 4, v2: 2 }, { v1: 90, v2: 10 });
  assert.equal(bench.turn().nextCheck, bench.now + 5_000);
  bench.now += 60_000;
  assert.deepEqual(bench.moves(), ['judged', 'asked']);
  bench.entry({ type: 'resumed', at: bench.now, by: person('dana'), promotion: 'v2-production', note: '' });
  assert.deepEqual(bench.moves(), []);
  bench.now += 59_999;
  assert.deepEqual(bench.moves(), []);
  bench.now += 1;
  assert.deepEqual(bench.moves(), ['asked']);
});

test('where stable degrades with a step, it goes one step down once, and the second time a person is asked', () => {
  const { bench } = atTen({ analysis: [{ ...errorsGate, maxHold: 3_600_000 }] });
  const toFifty = (): void => {
    bench.now += 15_000;
    bench.observe({ v1: 4, v2: 2 }, { v1: 90, v2: 10 });
    bench.turn();
    bench.counted(2_000, 10, 18_000, 90);
    assert.ok(bench.moves().includes('shifting'));
    bench.observe({ v1: 4, v2: 2 }, { v1: 50, v2: 50 });
    bench.turn();
    bench.now += 15_000;
    bench.observe({ v1: 4, v2: 2 }, { v1: 50, v2: 50 });
    bench.counted(5_000, 1_000, 5_000, 1_000);
  };
  toFifty();
  assert.deepEqual(bench.moves(), ['judged', 'shifting']);
  const promotion = bench.promotion('v2-production');
  assert.deepEqual([promotion.step, promotion.retreated], [0, true]);
  assert.equal(promotion.gates['errors']?.reason.code, 'stable-degraded');
  bench.observe({ v1: 4, v2: 2 }, { v1: 90, v2: 10 });
  assert.deepEqual(bench.moves(), ['reached']);
  toFifty();
  assert.deepEqual(bench.moves(), ['judged', 'asked']);
  assert.equal(bench.promotion('v2-production').asked?.reason.code, 'stable-degraded');
});

test('a pass at one weight opens the next, and not the one after it', () => {
  const { bench } = atTen({
    analysis: [errorsGate],
    rollout: { steps: [10, 50, 100], stepAtLeast: '0s', progressDeadline: '60s' },
  });
  bench.observe({ v1: 4, v2: 4 }, { v1: 90, v2: 10 });
  bench.counted(2_000, 0, 18_000, 0);
  assert.ok(bench.moves().includes('shifting'));
  bench.observe({ v1: 4, v2: 4 }, { v1: 50, v2: 50 });
  assert.deepEqual(bench.waits(), ['not-scraped-yet']);
});

test('what was shown and is not heard of any more opens no step', () => {
  const { bench } = atTen({ analysis: [errorsGate] });
  bench.observe({ v1: 4, v2: 2 }, { v1: 90, v2: 10 });
  bench.counted(2_000, 0, 18_000, 0);
  assert.deepEqual(bench.waits(), ['step-time']);
  bench.now += 31_000;
  assert.deepEqual(bench.waits(), ['no-aligned-data']);
  bench.counted(200, 0, 1_800, 0);
  assert.ok(bench.moves().includes('shifting'));
});

test('a gate that only observes records what it says and blocks nothing', () => {
  const { bench } = atTen({ analysis: [{ ...errorsGate, mode: 'observe' }] });
  bench.counted(100, 30, 900, 1);
  bench.observe({ v1: 4, v2: 2 }, { v1: 90, v2: 10 });
  bench.now += 5_000;
  assert.deepEqual(bench.moves(), ['judged', 'shifting']);
  assert.equal(bench.promotion('v2-production').gates['errors']?.verdict, 'fail');
});

test('never ready is refused at the deadline, and traffic was never touched', () => {
  const { bench, pipeline } = ready();
  bench.bootstrap('v1', pipeline, 4);
  bench.build('v2');
  bench.request('v2', pipeline);
  bench.turn();
  bench.observe({ v1: 4, v2: 0 }, { v1: 100 });
  assert.equal(bench.turn().nextCheck, bench.now + 60_000);
  bench.now += 60_000;
  assert.deepEqual(
    bench.turn().decision.actions.map((a) => a.type),
    ['remove-workload'],
  );
  bench.observe({ v1: 4 }, { v1: 100 });
  bench.turn();
  assert.equal(bench.slot.ended[0]?.state, 'refused');
  assert.equal(bench.slot.ended[0]?.reason.code, 'progress-deadline');
});

test('a freeze that held an effect past its deadline gives it its time again when it is lifted', () => {
  const { bench } = atTen();
  bench.observe({ v1: 4, v2: 2 }, { v1: 90, v2: 10 });
  bench.now += 5_000;
  bench.turn();
  const by = person('olga');
  const freeze = { id: 'f', environment: null, reason: '', until: null };
  bench.projectEntry({ type: 'frozen', at: bench.now, by, freeze });
  assert.ok(bench.waits().includes('frozen'));
  bench.now += 120_000;
  assert.ok(bench.waits().includes('frozen'));
  bench.projectEntry({ type: 'unfrozen', at: bench.now, by, id: 'f', note: '' });
  assert.deepEqual(bench.moves(), ['shifting']);
  bench.now += 60_000;
  assert.deepEqual(bench.moves(), ['turned-back']);
});

test('a canary that dies before its traffic arrives turns back instead of being waited for', () => {
  const { bench } = atTen();
  bench.observe({ v1: 4, v2: 2 }, { v1: 90, v2: 10 });
  bench.now += 5_000;
  bench.turn();
  bench.observe({ v1: 4, v2: 0 }, { v1: 90, v2: 10 }, bench.slot.generation - 1);
  assert.deepEqual(bench.moves(), ['turned-back']);
  assert.equal(bench.promotion('v2-production').turnedBack?.reason.code, 'canary-gone');
});

test('a canary that was made into another artifact from outside gets no more traffic, and goes back', () => {
  const { bench } = atTen();
  const running = bench.artifactOf('another');
  bench.observe({ v1: 4, v2: 2 }, { v1: 90, v2: 10 }, bench.slot.generation, { v2: running });
  bench.now += 5_000;
  const { decision } = bench.turn();
  const approved = bench.artifactOf('v2');
  assert.deepEqual(bench.promotion('v2-production').turnedBack, {
    endsAs: 'aborted',
    reason: { code: 'artifact-changed', release: 'v2', approved, running },
    at: bench.now,
  });
  assert.deepEqual(decision.actions[0]?.type === 'shift-traffic' && decision.actions[0].weights, [
    { release: 'v1', weight: 100 },
  ]);
});

test('a window that closes in the middle holds the next step, and what was reached stays', () => {
  const closed = [{ from: 1_004_000, to: 1_030_000, reason: 'payday' }];
  const { bench } = atTen({ gates: [{ kind: 'window', name: 'payday', closed }] });
  bench.observe({ v1: 4, v2: 2 }, { v1: 90, v2: 10 });
  bench.now += 5_000;
  const held = bench.turn();
  assert.deepEqual(
    held.waits.map((w) => w.reason.code),
    ['window-closed'],
  );
  assert.equal(held.nextCheck, 1_030_000);
  bench.now = 1_030_000;
  assert.deepEqual(bench.moves(), ['shifting']);
});

test('what is being removed is not given traffic, however ready it still looks', () => {
  const { bench, pipeline } = ready({}, 1_000);
  bench.bootstrap('v1', pipeline, 4);
  bench.build('v2');
  bench.request('v2', pipeline);
  let shares: Readonly<Record<string, number>> = { v1: 100 };
  for (const [ready, weight] of [
    [1, 10],
    [2, 50],
    [4, 100],
  ] as const) {
    bench.turn();
    bench.observe({ v1: 4, v2: ready }, shares);
    bench.now += 5_000;
    bench.turn();
    shares = weight === 100 ? { v2: 100 } : { v1: 100 - weight, v2: weight };
    bench.observe({ v1: 4, v2: ready }, shares);
  }
  bench.turn();
  assert.equal(bench.slot.stable?.release, 'v2');
  bench.now += 1_000;
  assert.deepEqual(
    bench.turn().decision.actions.map((a) => a.type),
    ['remove-workload'],
  );
  bench.request('v1', pipeline, { promotion: 'back', mode: 'rollback' });
  const { actions } = bench.turn().decision;
  assert.deepEqual(
    actions.map((a) => a.type),
    ['apply-workload'],
  );
  // Seen only once the outside has accepted that apply.
  const generation = bench.slot.generation - 1;
  bench.observe({ v1: 4, v2: 4 }, { v2: 100 }, generation);
  assert.deepEqual(bench.waits(), ['not-ready']);
  bench.observe({ v1: 4, v2: 4 }, { v2: 100 });
  assert.deepEqual(
    bench.turn().decision.actions.map((a) => a.type),
    ['shift-traffic'],
  );
});

test('a removal that a later generation overtook is asked for again', () => {
  const { bench, pipeline } = ready();
  bench.bootstrap('v1', pipeline, 4);
  bench.slot = {
    ...bench.slot,
    wanted: ['v0', 'v1'],
    generation: 9,
    effects: [{ action: { type: 'remove-workload', generation: 7, release: 'v0' }, since: 0, failure: null }],
  };
  assert.deepEqual(bench.turn().decision.actions, [
    { type: 'remove-workload', generation: 10, release: 'v0' },
  ]);
  assert.deepEqual(bench.turn().decision.actions, []);
});

test('a first release with traffic cannot go back: a person is asked, and the next release takes its place', () => {
  const { bench, pipeline } = ready();
  bench.build('v1');
  bench.request('v1', pipeline);
  bench.turn();
  bench.observe({ v1: 4 }, {});
  bench.turn();
  bench.observe({ v1: 0 }, { v1: 100 });
  assert.deepEqual(bench.moves(), ['asked']);
  assert.ok(bench.waits().includes('rollback-impossible'));
  bench.build('v2');
  bench.now += 1;
  bench.request('v2', pipeline);
  assert.deepEqual(bench.moves(), ['planned', 'ended', 'started']);
  assert.equal(bench.slot.ended[0]?.state, 'superseded');
});

test('what overtakes a stranded first release inherits none of its effects, and can be aborted', () => {
  const { bench, pipeline } = ready();
  bench.build('v1');
  bench.request('v1', pipeline);
  bench.turn();
  bench.observe({ v1: 4 }, {});
  bench.turn();
  bench.observe({ v1: 0 }, {}, 1);
  assert.deepEqual(bench.moves(), ['asked']);
  bench.build('v2');
  bench.now += 1;
  bench.request('v2', pipeline);
  bench.turn();
  assert.deepEqual(
    bench.slot.effects.map((e) => e.action.type === 'apply-workload' && e.action.release),
    ['v2'],
  );
  bench.entry({
    type: 'abort-asked',
    at: bench.now,
    by: person('dana'),
    promotion: 'v2-production',
    note: '',
  });
  assert.deepEqual(bench.moves(), ['turned-back', 'at-zero']);
});

test('a stale look that shows traffic on what goes back holds its removal', () => {
  const { bench } = atTen();
  bench.entry({
    type: 'abort-asked',
    at: bench.now,
    by: person('dana'),
    promotion: 'v2-production',
    note: '',
  });
  bench.turn();
  bench.observe({ v1: 4, v2: 1 }, { v1: 100 });
  bench.turn();
  // The removal is lost from view, and the look is older than the shift.
  bench.slot = { ...bench.slot, effects: [] };
  bench.observe({ v1: 4, v2: 1 }, { v1: 90, v2: 10 }, 2);
  assert.deepEqual(bench.waits(), ['weight-unconfirmed']);
  bench.observe({ v1: 4, v2: 1 }, { v1: 100 });
  assert.deepEqual(
    bench.turn().decision.actions.map((a) => a.type),
    ['remove-workload'],
  );
});

test('nothing starts while a rollback waits; it would be turned back at once', () => {
  const { bench, pipeline } = ready({ gates: [{ kind: 'signature', name: 'signed' }] });
  bench.build('v0');
  const configuration = bench.artifactOf('c');
  const before = {
    release: 'v0',
    artifact: bench.artifactOf('v0'),
    configuration,
    promotion: 'v0',
    since: 0,
  };
  bench.slot = { ...bench.slot, history: [before] };
  bench.build('v1');
  bench.attach('v1', statementBy(signerNamed('ci'), bench.artifactOf('v1'), provenance, {}));
  bench.request('v0', pipeline, { promotion: 'back', mode: 'rollback' });
  bench.request('v1', pipeline);
  const { waits } = bench.turn();
  assert.deepEqual(
    waits.map((w) => `${w.promotion} ${w.reason.code}`),
    ['back signature-missing', 'v1-production behind'],
  );
});

test('a key taken away turns back what stands on it', () => {
  const { bench, pipeline } = ready({ gates: [{ kind: 'signature', name: 'signed' }] });
  for (const release of ['v1', 'v2']) {
    bench.build(release);
    bench.attach(release, statementBy(signerNamed('ci'), bench.artifactOf(release), provenance, {}));
  }
  bench.request('v1', pipeline);
  bench.turn();
  bench.observe({ v1: 4 }, {});
  bench.turn();
  bench.observe({ v1: 4 }, { v1: 100 });
  bench.turn();
  bench.request('v2', pipeline);
  bench.turn();
  bench.apply({ apiVersion, kind: 'Project', metadata: { name: 'p' }, spec: { trust: [] } });
  assert.deepEqual(bench.moves(), ['turned-back', 'at-zero']);
});

test('an abort counts even where the stage is not known', () => {
  const { bench, pipeline } = ready();
  bench.build('v1');
  bench.request('v1', pipeline, { stage: 'nowhere' });
  assert.deepEqual(bench.waits(), ['stage-unknown']);
  bench.entry({
    type: 'abort-asked',
    at: bench.now,
    by: person('dana'),
    promotion: 'v1-production',
    note: '',
  });
  bench.turn();
  assert.equal(bench.slot.ended[0]?.state, 'aborted');
});

test('an id names one promotion: asking again under it changes nothing', () => {
  const { bench, pipeline } = ready();
  bench.build('v1');
  bench.request('v1', pipeline);
  const before = bench.slot.promotions;
  bench.request('v1', pipeline, { by: machine('bot') });
  assert.deepEqual(bench.slot.promotions, before);
});

test('three hundred promotions at one door: each decision stays small, and the newest starts', () => {
  const { bench, pipeline } = ready();
  for (let i = 0; i < 300; i++) {
    bench.build(`r${i}`);
    bench.request(`r${i}`, pipeline, { promotion: `p${i}` });
  }
  let turns = 0;
  for (; turns < 100; turns++) {
    const { decision, nextCheck } = bench.turn();
    assert.ok(JSON.stringify(decision).length < 60_000);
    if (nextCheck !== bench.now) break;
  }
  assert.equal(bench.slot.moving, 'p299');
  assert.equal(bench.slot.promotions.length, 1);
  assert.ok(turns < 40);
});

test('time never goes back in a slot', () => {
  const { bench } = atTen();
  bench.now -= 100_000;
  assert.equal(decide(bench.input()).decision.now, bench.slot.clock);
});

test('traffic that somebody else took back is not given again: the promotion follows', () => {
  const { bench } = atTen();
  bench.observe({ v1: 4, v2: 2 }, { v1: 90, v2: 10 });
  bench.turn();
  bench.observe({ v1: 4, v2: 2 }, { v1: 100 }, bench.slot.generation + 5);
  const taken = bench.slot.generation;
  assert.ok(bench.moves().includes('turned-back'));
  assert.equal(bench.promotion('v2-production').turnedBack?.reason.code, 'retreated');
  assert.ok(bench.slot.generation >= taken, 'generations go on after those that others used up');
});

test('a weight that somebody else changed is asked for again', () => {
  const { bench } = atTen();
  bench.observe({ v1: 4, v2: 2 }, { v1: 90, v2: 10 });
  bench.turn();
  bench.observe({ v1: 4, v2: 2 }, { v1: 40, v2: 60 }, bench.slot.generation + 1);
  assert.deepEqual(bench.moves(), ['shifting']);
  assert.deepEqual(bench.slot.weights, [
    { release: 'v1', weight: 90 },
    { release: 'v2', weight: 10 },
  ]);
});
