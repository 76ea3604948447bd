import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PromotionState } from '../../model/decision.ts';
import { TurnBench } from '../../../../simulation/turn-bench.ts';
import { foldRelease } from './release.ts';

function stageAfter(...states: readonly PromotionState[]): string {
  const bench = new TurnBench();
  bench.open('v1');
  for (const [i, state] of states.entries())
    bench.releaseEntry('v1', {
      type: 'stage-ended',
      at: bench.now,
      stage: 'staging',
      environment: 'staging',
      promotion: `p${i}`,
      state,
      reason: { code: 'done' },
    });
  const stage = bench.releases['v1']?.stages['staging'];
  return stage === undefined ? 'none' : `${stage.state} by ${stage.promotion}`;
}

test('what was promoted stays promoted when it is asked for again in vain, until it is rolled back', () => {
  assert.equal(stageAfter('refused', 'promoted'), 'promoted by p1');
  for (const vain of ['refused', 'aborted', 'superseded'] as const)
    assert.equal(stageAfter('promoted', vain), 'promoted by p0');
  assert.equal(stageAfter('promoted', 'rolled-back'), 'rolled-back by p1');
  assert.equal(stageAfter('promoted', 'rolled-back', 'refused'), 'refused by p2');
});

test('a release is sealed once', () => {
  const bench = new TurnBench();
  bench.build('v1');
  bench.sealRelease('v1', ['somebody-else'], bench.artifactOf('other'));
  assert.equal(bench.releases['v1']?.sealed?.release.artifact.digest, bench.artifactOf('v1'));
});

test('what comes before the opening is nothing', () => {
  const entry = {
    type: 'stage-ended',
    at: 1,
    stage: 's',
    environment: 'e',
    promotion: 'p',
    state: 'promoted',
    reason: { code: 'done' },
  } as const;
  assert.equal(foldRelease(null, entry, 1), null);
});
