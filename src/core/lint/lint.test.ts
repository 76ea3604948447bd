import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Action, Decision, Move } from '../model/decision.ts';
import { person } from '../../../simulation/operator.ts';
import { TurnBench } from '../../../simulation/turn-bench.ts';
import { foldDecision } from '../decide/fold/slot.ts';
import { lintDecision } from './lint.ts';

/** v1 is stable; v2 is at 10 %, read back, its approval given. */
function rolling(): TurnBench {
  const bench = new TurnBench();
  const pipeline = bench.production(
    {
      gates: [{ kind: 'approval', name: 'approved' }],
      rollout: { steps: [10, 100] },
      analysis: [{ kind: 'metric', name: 'errors' }],
    },
    { replicas: 2 },
  );
  for (const release of ['v1', 'v2']) {
    bench.build(release);
    bench.request(release, pipeline);
    bench.turn();
    bench.approve(`${release}-production`, 'erin');
    bench.turn();
    if (release === 'v2') break;
    bench.observe({ v1: 2 }, {});
    bench.turn();
    bench.observe({ v1: 2 }, { v1: 100 });
    bench.turn();
  }
  bench.observe({ v1: 2, v2: 2 }, { v1: 100 });
  bench.turn();
  bench.observe({ v1: 2, v2: 2 }, { v1: 90, v2: 10 });
  bench.turn();
  assert.equal(bench.promotion('v2-production').step, 0);
  return bench;
}

const shift = (bench: TurnBench, weights: Readonly<Record<string, number>>, more = 1): Action => ({
  type: 'shift-traffic',
  generation: bench.slot.generation + more,
  weights: Object.entries(weights).map(([release, weight]) => ({ release, weight })),
});

/** The findings of a decision made by hand: which invariants, and whether they stop it. */
function lint(bench: TurnBench, actions: readonly Action[], moves: readonly Move[] = []): readonly string[] {
  const input = bench.input();
  const decision: Decision = {
    now: bench.now,
    evaluator: 'x',
    reads: {},
    moves: [...moves],
    actions: [...actions],
  };
  const after = foldDecision(bench.slot, decision);
  return lintDecision(input, decision, after).map((f) => `${f.invariant}${f.stops ? ' stops' : ''}`);
}

const passed: Move = {
  type: 'judged',
  promotion: 'v2-production',
  gate: 'errors',
  verdict: 'pass',
  reason: { code: 'no-baseline' },
};
const end: Move = {
  type: 'ended',
  promotion: 'v2-production',
  state: 'promoted',
  reason: { code: 'done' },
  proof: 'confirmed',
  warmUntil: null,
};
const next: Move = { type: 'shifting', promotion: 'v2-production', step: 1, weight: 100 };

test('a good step has no finding', () => {
  const bench = rolling();
  assert.deepEqual(lint(bench, [shift(bench, { v2: 100 })], [passed, next]), []);
});

test('1: a step up without a pass of the analysis, or with the door not passed', () => {
  const bench = rolling();
  assert.deepEqual(lint(bench, [shift(bench, { v2: 100 })], [next]), ['1 stops']);
  const reason = { code: 'window-closed', until: 5, note: '' } as const;
  const closed: Move = { ...passed, gate: 'approved', verdict: 'pending', reason };
  assert.deepEqual(lint(bench, [shift(bench, { v2: 100 })], [passed, closed, next]), ['1 stops']);
});

test('3: traffic for what has no promotion, or is quarantined', () => {
  const bench = rolling();
  bench.observe({ v1: 2, v2: 2, v9: 2 }, { v1: 90, v2: 10 });
  assert.deepEqual(lint(bench, [shift(bench, { v9: 100 })]), ['3 stops']);
  const reason = { code: 'canary-gone', release: 'v2' } as const;
  bench.slot = {
    ...bench.slot,
    quarantine: { [bench.artifactOf('v2')]: { since: 0, by: 'x', reason } },
  };
  assert.deepEqual(lint(bench, [shift(bench, { v2: 100 })], [passed, next]), ['3 stops']);
});

test('4: approvals of another plan, or by who asked for it', () => {
  const bench = rolling();
  const change = (patch: object): void => {
    bench.slot = { ...bench.slot, promotions: bench.slot.promotions.map((p) => ({ ...p, ...patch })) };
  };
  change({ approvals: [] });
  assert.deepEqual(lint(bench, [shift(bench, { v2: 100 })], [passed, next]), ['4 stops']);
  change({ by: person('erin') });
  assert.deepEqual(lint(bench, [shift(bench, { v2: 100 })], [passed, next]), ['4 stops']);
});

test('5: weights that do not add up, traffic for what is not ready, removal of what has traffic or is stable', () => {
  const bench = rolling();
  assert.deepEqual(lint(bench, [shift(bench, { v1: 10, v2: 80 })], [passed, next]), ['5 stops']);
  bench.observe({ v1: 2, v2: 0 }, { v1: 90, v2: 10 });
  assert.deepEqual(lint(bench, [shift(bench, { v2: 100 })], [passed, next]), ['5 stops']);
  const remove = (release: string): Action => ({
    type: 'remove-workload',
    generation: bench.slot.generation + 1,
    release,
  });
  assert.deepEqual(lint(bench, [remove('v2')]), ['5 stops']);
  bench.observe({ v1: 2, v2: 2 }, { v2: 100 });
  assert.deepEqual(lint(bench, [remove('v1')]), ['5 stops']);
});

test('6: promoted is said of what was not seen', () => {
  const bench = rolling();
  assert.deepEqual(lint(bench, [], [end]), ['6 stops']);
  // A return that is said too early is reported; it takes no exposure that would be stopped.
  assert.deepEqual(lint(bench, [], [{ ...end, state: 'rolled-back' }]), ['6']);
});

test('3: what becomes stable by the same decision keeps its traffic while the next one begins', () => {
  const bench = rolling();
  bench.observe({ v1: 2, v2: 2 }, { v2: 100 });
  const both = shift(bench, { v2: 100 });
  assert.deepEqual(lint(bench, [both], [end]), []);
});

test('8: a generation that does not grow', () => {
  const bench = rolling();
  assert.deepEqual(lint(bench, [shift(bench, { v2: 100 }, 0)], [passed, next]), ['8 stops']);
});

test('10: growth under a freeze of the project, the environment or everything; not of another environment', () => {
  const by = person('olga');
  for (const environment of [null, 'production']) {
    const bench = rolling();
    const freeze = { id: 'f', environment, reason: '', until: null };
    bench.everythingEntry({ type: 'frozen', at: bench.now, by, freeze });
    assert.deepEqual(lint(bench, [shift(bench, { v2: 100 })], [passed, next]), ['10 stops']);
  }
  const bench = rolling();
  const freeze = { id: 'f', environment: 'staging', reason: '', until: null };
  bench.projectEntry({ type: 'frozen', at: bench.now, by, freeze });
  assert.deepEqual(lint(bench, [shift(bench, { v2: 100 })], [passed, next]), []);
  const over = { id: 'g', environment: null, reason: '', until: bench.now };
  bench.projectEntry({ type: 'frozen', at: bench.now, by, freeze: over });
  assert.deepEqual(lint(bench, [shift(bench, { v2: 100 })], [passed, next]), []);
});

test('a move towards stable is never stopped, whatever else is wrong with it', () => {
  const bench = rolling();
  bench.observe({ v1: 0, v2: 2 }, { v1: 90, v2: 10 });
  assert.deepEqual(lint(bench, [shift(bench, { v1: 100 }, 0)]), ['8']);
});
