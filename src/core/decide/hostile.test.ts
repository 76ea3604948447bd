import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeCrypto } from '../../engine/crypto.ts';
import { TurnBench } from '../../../simulation/turn-bench.ts';
import { person } from '../../../simulation/operator.ts';
import { signerNamed, statementBy } from '../../../simulation/signing.ts';
import { checkPredicateType } from '../model/release.ts';
import { canonicalJson } from '../model/canonical.ts';
import type { Digest } from '../model/digest.ts';
import { SlotEntry } from '../model/entries.ts';
import { lintDecision } from '../lint/lint.ts';
import { mostWaiting } from './crowd.ts';
import { decide } from './decide.ts';
import { requestBySystem } from './outcomes.ts';

/** A slot whose stage has these gates. */
function bench(gates: readonly object[] = []): { readonly on: TurnBench; readonly pipeline: Digest } {
  const on = new TurnBench();
  const head = { apiVersion: 'belay.dev/v1alpha1' } as const;
  on.apply({
    ...head,
    kind: 'Environment',
    metadata: { name: 'production', project: 'p' },
    spec: { driver: 'simulated' },
  });
  const pipeline = on.apply({
    ...head,
    kind: 'Pipeline',
    metadata: { name: 's', project: 'p' },
    spec: {
      service: 's',
      stages: [{ name: 'production', environment: 'production', gates: gates as never }],
    },
  });
  return { on, pipeline };
}

const bytesOf = (decision: object): number => Buffer.byteLength(canonicalJson(decision));
const longestEntry = 65_535;

test('a rollback brings back what was stable here, and nothing new', () => {
  const { on, pipeline } = bench();
  on.bootstrap('v1', pipeline, 1);
  on.build('v2');
  on.request('v2', pipeline, { mode: 'rollback' });
  on.turn();
  const [end] = on.slot.ended;
  assert.deepEqual([end?.release, end?.state, end?.reason.code], ['v2', 'refused', 'rollback-impossible']);
});

test('the lint stops traffic by a rollback to what was never stable, whatever decided it', () => {
  const { on, pipeline } = bench();
  on.bootstrap('v1', pipeline, 1);
  on.build('v2');
  on.request('v2', pipeline);
  on.turn();
  on.observe({ v1: 1, v2: 1 }, { v1: 100 });
  const input = on.input();
  const forged = {
    ...input,
    slot: {
      ...input.slot,
      promotions: input.slot.promotions.map((p) => ({ ...p, mode: 'rollback' as const })),
    },
  };
  const { decision } = decide(input);
  assert.ok(decision.actions.some((action) => action.type === 'shift-traffic'));
  assert.deepEqual(lintDecision(input, decision, on.slot), []);
  assert.deepEqual(
    lintDecision(forged, decision, forged.slot).map((finding) => [finding.invariant, finding.stops]),
    [[3, true]],
  );
});

test('a crowd of waiting promotions never grows beyond what an entry holds', () => {
  const { on, pipeline } = bench([{ kind: 'approval', name: 'people' }]);
  for (let i = 0; i < 250; i++) {
    const name = `v${i}`.padEnd(63, 'x');
    on.build(name);
    on.request(name, pipeline, { promotion: name });
  }
  for (let turns = 0; turns < 200; turns++) {
    const { decision } = on.turn();
    assert.ok(bytesOf(decision) < longestEntry, `${bytesOf(decision)} bytes`);
    if (decision.moves.length === 0) break;
  }
  assert.equal(on.slot.promotions.length, mostWaiting);
  assert.ok(on.slot.promotions.some((p) => p.release.startsWith('v249')));
  assert.equal(on.slot.ended[0]?.reason.code, 'superseded-by');
});

test('thirty gates with long names and a hundred contributors fit into one entry', () => {
  const gates = Array.from({ length: 30 }, (_, i) => ({
    kind: 'approval',
    name: `g${i}`.padEnd(63, 'x'),
    quorum: 20,
  }));
  const { on, pipeline } = bench(gates);
  const crowd = Array.from({ length: 200 }, (_, i) => `${i}`.padEnd(128, 'x'));
  for (let i = 0; i < 12; i++) {
    on.open(`v${i}`);
    on.sealRelease(`v${i}`, crowd);
    on.request(`v${i}`, pipeline);
  }
  for (let turns = 0; turns < 2_000; turns++) {
    const { decision } = on.turn();
    assert.ok(bytesOf(decision) < longestEntry, `${bytesOf(decision)} bytes`);
    if (decision.moves.length === 0) return;
  }
  assert.fail('it does not settle');
});

test('many promotions ended at once with the longest notes fit into one entry', () => {
  const { on, pipeline } = bench([{ kind: 'approval', name: 'people' }]);
  for (let i = 0; i < 90; i++) {
    on.build(`v${i}`);
    on.request(`v${i}`, pipeline);
  }
  for (let i = 0; i < 90; i++)
    on.entry({
      type: 'abort-asked',
      at: on.now,
      by: person('dana'),
      promotion: `v${i}-production`,
      note: '語'.repeat(500),
    });
  for (let turns = 0; turns < 100 && on.slot.promotions.length > 0; turns++) {
    const { decision } = on.turn();
    assert.ok(bytesOf(decision) < longestEntry, `${bytesOf(decision)} bytes`);
  }
  assert.equal(on.slot.promotions.length, 0);
});

test('the id of a request that a pipeline makes again is one, however long its names are', () => {
  const stage = { name: 's'.repeat(63) } as Parameters<typeof requestBySystem>[0];
  const entry = requestBySystem(stage, nodeCrypto.digest('p'), 'r'.repeat(63), 1_800_000_000_000, true);
  assert.equal(SlotEntry.safeParse(entry).error?.message, undefined);
});

test('an old report attached again is no new one, and a signed time cannot be made younger', () => {
  const trust = [
    {
      name: 'tester',
      publicKey: signerNamed('tester').publicKey,
      predicateTypes: [checkPredicateType],
      checks: ['load'],
    },
  ];
  const { on, pipeline } = bench([{ kind: 'check', name: 'load', check: 'load', expires: '1h' }]);
  on.apply({
    apiVersion: 'belay.dev/v1alpha1',
    kind: 'Project',
    metadata: { name: 'p' },
    spec: { trust },
  });
  on.now = 100_000_000;
  on.build('v1');
  const report = (predicate: object) =>
    on.attach(
      'v1',
      statementBy(signerNamed('tester'), on.artifactOf('v1'), checkPredicateType, {
        check: 'load',
        ...predicate,
      }),
    );
  report({ passed: true });
  on.now += 3_600_000;
  on.request('v1', pipeline);
  assert.deepEqual(on.waits(), ['check-expired']);
  report({ passed: true });
  assert.deepEqual(on.waits(), ['check-expired'], 'the same bytes again');
  report({ passed: true, finishedAt: '1970-01-01T00:00:00Z' });
  assert.deepEqual(on.waits(), ['check-expired'], 'an old report that came late');
  report({ passed: false });
  report({ passed: true });
  on.turn();
  assert.equal(on.slot.ended[0]?.reason.code, 'check-failed', 'the first report does not outlive the second');
});
