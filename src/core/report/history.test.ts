import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProjectEntry, ReleaseEntry, SlotEntry, type Entry } from '../model/entries.ts';
import { historySentence } from './history.ts';

const at = 1_795_253_400_000;
const digest = (letter: string): string => `sha256:${letter.repeat(64)}`;
const by = { id: 'u-dana', kind: 'person' } as const;
const promotion = 'shop-v2-production';

const told: readonly (readonly [Entry, string])[] = [
  [
    {
      type: 'requested',
      at,
      by,
      promotion,
      release: 'shop-v2',
      stage: 'production',
      pipeline: digest('1'),
      mode: 'promote',
      note: 'go',
      liftQuarantine: true,
    },
    'u-dana asked to promote shop-v2 in stage production, lifting its quarantine: “go”',
  ],
  [
    {
      type: 'requested',
      at,
      by,
      promotion,
      release: 'shop-v1',
      stage: 'production',
      pipeline: digest('1'),
      mode: 'rollback',
      note: '',
      liftQuarantine: false,
    },
    'u-dana asked to go back to shop-v1 in stage production',
  ],
  [
    { type: 'approved', at, by, promotion, plan: digest('c'), note: '' },
    'u-dana approved shop-v2-production, plan cccccccccccc',
  ],
  [
    {
      type: 'observed',
      at,
      observation: {
        at,
        generation: 3,
        workloads: [{ release: 'shop-v2', artifact: digest('b'), desired: 2, ready: 1, open: null }],
        weights: [
          { release: 'shop-v1', weight: 90 },
          { release: 'shop-v2', weight: 10 },
        ],
        level: 'confirmed',
      },
    },
    'seen: shop-v2 1 of 2 ready; traffic shop-v1 90 % and shop-v2 10 % (confirmed)',
  ],
  [
    { type: 'scrape-failed', at, promotion, message: 'Prometheus: requests: ECONNREFUSED' },
    'the source of metrics cannot be read for shop-v2-production: Prometheus: requests: ECONNREFUSED',
  ],
  [
    {
      type: 'waived',
      at,
      by,
      promotion,
      gate: 'canary',
      step: 0,
      weight: 10,
      until: at,
      note: 'night',
      said: { code: 'no-traffic' },
    },
    'u-dana lets shop-v2-production leave 10 % without an answer of gate canary until 2026-11-21T09:30:00Z: “night”, shown: the canary gets no requests',
  ],
  [
    { type: 'scrape-resumed', at, promotion },
    'the source of metrics can be read again for shop-v2-production',
  ],
  [
    {
      type: 'effect-failed',
      at,
      generation: 3,
      effect: 'shift-traffic',
      attempts: 2,
      outcome: 'unknown',
      message: 'time-out',
    },
    'shift-traffic got no answer (attempt 2): time-out',
  ],
  [
    {
      type: 'decided',
      at,
      stateBefore: digest('0'),
      decision: {
        now: at,
        evaluator: 'belay-core/1',
        reads: {},
        moves: [
          { type: 'reached', promotion, step: 0, weight: 10 },
          {
            type: 'judged',
            promotion,
            gate: 'errors',
            verdict: 'pending',
            reason: { code: 'no-traffic' },
          },
        ],
        actions: [],
      },
    },
    'shop-v2-production is at 10 %, read back; gate errors says pending: the canary gets no requests',
  ],
  [
    { type: 'opened', at, by, commit: '9f8d111d8aabbccdd', summary: 'vouchers', contributors: [] },
    'u-dana opened the release for commit 9f8d111d8aab: “vouchers”',
  ],
  [
    {
      type: 'attached',
      at,
      by,
      attachment: {
        type: 'tests',
        name: 'unit',
        artifact: digest('b'),
        content: digest('d'),
        counts: { total: 1200, failed: 0, skipped: 2 },
      },
    },
    'u-dana attached test report unit: 0 of 1,200 failed, 2 skipped',
  ],
  [
    {
      type: 'stage-ended',
      at,
      stage: 'production',
      environment: 'production',
      promotion,
      state: 'promoted',
      reason: { code: 'done' },
    },
    'stage production ended promoted: all its gates passed and all traffic was read back on it',
  ],
  [
    { type: 'frozen', at, by, freeze: { id: 'sale', environment: 'production', reason: 'sale', until: at } },
    'u-dana froze environment production (sale) until 2026-11-21T09:30:00Z: “sale”',
  ],
  [{ type: 'unfrozen', at, by, id: 'sale', note: '' }, 'u-dana lifted freeze sale'],
];

for (const [entry, sentence] of told) test(sentence, () => assert.equal(historySentence(entry), sentence));

test('the entries of these tests are ones that the ledger takes', () => {
  for (const [entry] of told)
    assert.ok(
      [SlotEntry, ReleaseEntry, ProjectEntry].some((schema) => schema.safeParse(entry).success),
      entry.type,
    );
});
