import assert from 'node:assert/strict';
import { test } from 'node:test';
import { evaluatorVersion } from '../core/decide/evaluator.ts';
import { emptyProject } from '../core/decide/fold/project.ts';
import { emptySlot, foldSlot } from '../core/decide/fold/slot.ts';
import { nodeCrypto } from './crypto.ts';
import { prepareTurn } from './turn.ts';

const key = { project: 'demo', environment: 'production', service: 'shop' };

function decidedBy(evaluator: string) {
  const decision = { now: 1_000, evaluator, reads: {}, moves: [], actions: [] };
  const slot = foldSlot(
    emptySlot(key),
    { type: 'decided', at: 1_000, decision, stateBefore: nodeCrypto.digest('') },
    1,
  );
  return prepareTurn(
    {
      now: 2_000,
      slot,
      pending: { seenUntil: null, samples: [] },
      releases: {},
      project: emptyProject,
      everything: emptyProject,
      headHash: '',
    },
    nodeCrypto,
  );
}

test('a slot that a newer core has decided is left to a newer server', () => {
  const prepared = decidedBy(`belay-core/${evaluatorVersion + 1}`);
  assert.ok(prepared.kind === 'stopped');
  assert.match(prepared.findings[0]?.message ?? '', /a newer server must go on/);
});

test('its own and older decisions do not stop it', () => {
  assert.equal(decidedBy(`belay-core/${evaluatorVersion}`).kind, 'ready');
});

test('a name that it cannot read counts as newer', () => {
  assert.equal(decidedBy('something else').kind, 'stopped');
});
