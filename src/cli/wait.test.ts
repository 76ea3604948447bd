import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SlotView, WaitView } from '../server/schemas.ts';
import { firstOpenStage } from './commands/promote.ts';
import { parseGrant } from './commands/token.ts';
import { CliFailure } from './failure.ts';
import { milliseconds } from './settings.ts';
import { at, promotion, slot } from './testing/recorded.ts';
import { standingOf } from './wait.ts';
import type { WaitGoal } from './wait-goals.ts';

const id = 'shop-v2-production';
const by = { id: 'u-dana', kind: 'person' } as const;
const holdExpired = {
  reason: { code: 'hold-expired', gate: 'errors', afterMs: 3_600_000 },
  sentence: 'gate errors could not tell for 1 h and asks a person',
  at,
} as const;

const waitOf = (reason: WaitView['reason'], owner: WaitView['owner']): WaitView => ({
  promotion: id,
  reason,
  gate: null,
  since: at,
  owner,
  how: '',
  nextCheck: null,
  ifNothing: '',
  sentence: reason.code,
});
const frozen = waitOf(
  { code: 'frozen', scope: 'everything', freeze: 'f', until: null, note: '' },
  'operator',
);
const soaking = waitOf({ code: 'soaking', healthyMs: 1, neededMs: 2 }, 'time');
const ended = (state: 'promoted' | 'rolled-back' | 'refused' | 'superseded'): SlotView =>
  slot({
    promotions: [],
    ended: [
      { id, release: 'shop-v2', stage: 'production', state, reason: { code: 'done' }, sentence: '', at },
    ],
  });

test('where a promotion stands, by what is waited for', () => {
  const moving = slot({ promotions: [promotion({ state: 'rolling-out', waits: [soaking] })] });
  const waiting = (...waits: WaitView[]): SlotView => slot({ promotions: [promotion({ waits })] });
  const asked = slot({ promotions: [promotion({ state: 'rolling-out', asked: holdExpired })] });
  const paused = slot({ promotions: [promotion({ paused: { by, note: '', at } })] });
  const cases: readonly (readonly [WaitGoal, SlotView, string | null])[] = [
    ['decision', slot(), 'waitsForPerson'],
    ['decision', waiting(frozen), 'heldByPolicy'],
    ['decision', waiting(soaking), null],
    ['decision', moving, 'reached'],
    ['decision', ended('refused'), 'gateFailed'],
    ['paused', slot(), null],
    ['paused', paused, 'reached'],
    ['paused', asked, 'reached'],
    ['promoted', slot(), null],
    ['promoted', asked, 'notEnoughData'],
    ['promoted', ended('promoted'), 'reached'],
    ['promoted', ended('rolled-back'), 'gateFailed'],
    ['terminal', asked, null],
    ['terminal', ended('promoted'), 'reached'],
    ['terminal', ended('superseded'), 'gateFailed'],
  ];
  for (const [goal, where, exit] of cases)
    assert.equal(standingOf(goal, where, id)?.exit ?? null, exit, goal);
});

test('a promotion that the server does not show yet is waited for', () => {
  assert.equal(standingOf('terminal', slot({ promotions: [], ended: [] }), id), null);
});

test('the next stage is the first that is open and whose stages before it are done', () => {
  const stage = (name: string, ...after: string[]) => ({ name, after });
  const pipeline = { spec: { stages: [stage('staging'), stage('production', 'staging')] } } as never;
  const promoted = (...names: string[]) => ({
    stages: names.map((name) => ({ stage: name, state: 'promoted' as const, promotion: 'p', at })),
  });
  assert.equal(firstOpenStage(pipeline, promoted()), 'staging');
  assert.equal(firstOpenStage(pipeline, promoted('staging')), 'production');
  assert.equal(firstOpenStage(pipeline, promoted('staging', 'production')), null);
});

test('grants and times as they are written', () => {
  assert.deepEqual(parseGrant('*:*:view'), { project: '*', stages: '*', verbs: ['view'] });
  assert.deepEqual(parseGrant('shop:staging,production:promote,rollback'), {
    project: 'shop',
    stages: ['staging', 'production'],
    verbs: ['promote', 'rollback'],
  });
  for (const wrong of ['shop', 'shop:*', 'shop:*:fly', 'Shop:*:view', 'a:*:view:more'])
    assert.throws(() => parseGrant(wrong), CliFailure, wrong);
  assert.equal(milliseconds('1h30m'), 5_400_000);
  for (const wrong of ['', '5', '-5s', '5 s']) assert.throws(() => milliseconds(wrong), CliFailure, wrong);
});
