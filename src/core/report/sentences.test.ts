import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Reason } from '../model/reason.ts';
import { formatArm, formatCount, formatPercent, formatPoints } from './numbers.ts';
import { list, sentenceOf } from './sentences.ts';

const digest = `sha256:${'c'.repeat(64)}`;
const slow = 'slow:250';
const comparison = {
  series: 'errors',
  canary: { requests: 197, bad: 12 },
  stable: { requests: 1803, bad: 2 },
  lower: 0.03271,
  upper: 0.1,
  margin: 0.02,
};

const told: readonly (readonly [Reason, string])[] = [
  [
    { code: 'worse', comparison },
    'errors 6.1 % (12 of 197) against 0.1 % (2 of 1,803), at least 3.2 points worse, margin 2 points',
  ],
  [
    { code: 'worse', comparison: { ...comparison, series: slow } },
    'requests slower than 250 ms 6.1 % (12 of 197) against 0.1 % (2 of 1,803), at least 3.2 points worse, margin 2 points',
  ],
  [
    {
      code: 'worse',
      comparison: {
        ...comparison,
        series: slow,
        canary: { requests: 128, bad: 4 },
        stable: { requests: 1205, bad: 0 },
        lower: 0.0002,
      },
    },
    'requests slower than 250 ms 3.1 % (4 of 128) against 0 % (0 of 1,205), surely worse and seen 3.1 points worse, margin 2 points',
  ],
  [
    {
      code: 'not-enough-traffic',
      comparison: { ...comparison, canary: { requests: 77, bad: 1 } },
      missing: { requests: [1_120, 1_900], ms: [180_000, 300_000], next: null, tooLong: null },
    },
    'errors 1.3 % (1 of 77) against 0.1 % (2 of 1,803): not enough traffic to tell yet; about 1,120 to 1,900 more requests, 3 min to 5 min',
  ],
  [
    { code: 'learning', comparison, missing: { requests: [7, 7], ms: null, next: null, tooLong: null } },
    'errors 6.1 % (12 of 197) against 0.1 % (2 of 1,803): not enough traffic to tell yet, and how much stable scatters is still being learnt; about 7 more requests',
  ],
  [
    {
      code: 'not-enough-traffic',
      comparison,
      missing: {
        requests: [36_000, 72_000],
        ms: [36_000_000, 72_000_000],
        next: { weight: 50, requests: [36_000, 36_000], ms: [7_200_000, 7_200_000] },
        tooLong: { holdMs: 3_600_000, wider: { margin: 0.03, ms: [1_200_000, 2_400_000] } },
      },
    },
    'errors 6.1 % (12 of 197) against 0.1 % (2 of 1,803): not enough traffic to tell yet; about 36,000 to 72,000 more requests, 10 h to 20 h, and then 2 h at 50 %; that is longer than the 1 h after which a person is asked: with a margin of 3 points, for low traffic, it would take 20 min to 40 min',
  ],
  [
    { code: 'will-not-settle', comparison },
    'errors 6.1 % (12 of 197) against 0.1 % (2 of 1,803): at these rates more traffic will not settle it, margin 2 points',
  ],
  [
    { code: 'worse', comparison: { ...comparison, margin: null } },
    'errors 6.1 % (12 of 197) against 0.1 % (2 of 1,803), at least 3.2 points worse',
  ],
  [
    { code: 'no-aligned-data', silent: 'both' },
    'neither version has been heard of lately, so nothing can be compared',
  ],
  [
    {
      code: 'within-margin',
      comparisons: [{ ...comparison, canary: { requests: 500, bad: 1 }, lower: -0.004, upper: 0.0071 }],
    },
    'errors 0.2 % (1 of 500) against 0.1 % (2 of 1,803), at most 0.8 points worse, margin 2 points',
  ],
  [
    { code: 'within-margin', comparisons: [{ ...comparison, lower: -0.05, upper: -0.01 }] },
    'errors 6.1 % (12 of 197) against 0.1 % (2 of 1,803), not worse, margin 2 points',
  ],
  [
    {
      code: 'limit-exceeded',
      comparison: { ...comparison, canary: { requests: 100, bad: 30 } },
      limit: 0.05,
    },
    'errors 30 % (30 of 100), limit 5 %',
  ],
  [{ code: 'no-traffic' }, 'the canary gets no requests'],
  [
    {
      code: 'waived',
      by: 'u-olga',
      note: 'night',
      weight: 10,
      until: 1_795_253_400_000,
      comparisons: [{ ...comparison, lower: -0.05, upper: 0.0321 }],
    },
    'u-olga lets it leave 10 % without an answer until 2026-11-21T09:30:00Z (“night”); errors 6.1 % (12 of 197) against 0.1 % (2 of 1,803), at most 3.3 points worse, margin 2 points',
  ],
  [
    { code: 'source-unreadable', message: 'Prometheus: requests: ECONNREFUSED', since: 1_795_253_400_000 },
    'since 2026-11-21T09:30:00Z the source of metrics cannot be read (Prometheus: requests: ECONNREFUSED), so that harm would not be seen and it gets no more traffic',
  ],
  [
    { code: 'source-away', gate: 'canary', afterMs: 900_000, message: 'Prometheus: requests: ECONNREFUSED' },
    'the source of metrics has been away for 15 min (Prometheus: requests: ECONNREFUSED), so that gate canary cannot tell and asks a person',
  ],
  [
    { code: 'approvals-missing', have: 1, need: 2, plan: digest, barred: ['u-anna', 'u-bert'] },
    '1 of 2 approvals given for plan cccccccccccc; u-anna and u-bert may not approve it',
  ],
  [
    { code: 'tests-failed', report: 'unit', failed: 3, total: 1200 },
    '3 of 1,200 tests failed in report unit',
  ],
  [
    {
      code: 'frozen',
      scope: 'environment production',
      freeze: 'sale',
      until: 1_795_253_400_000,
      note: 'sale',
    },
    'environment production is frozen by sale until 2026-11-21T09:30:00Z (“sale”)',
  ],
  [
    { code: 'frozen', scope: 'everything', freeze: 'f-1', until: null, note: '' },
    'everything is frozen by f-1 until somebody lifts it',
  ],
  [{ code: 'soaking', healthyMs: 4_000, neededMs: 60_000 }, 'healthy for 4 s of 1 min at full traffic'],
  [
    { code: 'progress-deadline', ready: 0, needed: 2, afterMs: 60_000 },
    '0 of 2 needed processes were ready after 1 min: the progress deadline',
  ],
  [
    { code: 'weight-unconfirmed', wanted: 30, seen: null, deadline: 0 },
    '30 % of the traffic was asked for, nothing was read back yet',
  ],
  [
    { code: 'rejected', by: 'u-anna', note: 'the price list', changesRequested: true },
    'u-anna asked for changes (“the price list”)',
  ],
  [
    { code: 'signature-untrusted', predicateType: 'https://slsa.dev/provenance/v1' },
    'its statement of type https://slsa.dev/provenance/v1 is not signed by anybody whom the project trusts for it',
  ],
];

for (const [reason, sentence] of told) {
  test(`${reason.code}: ${sentence}`, () => assert.equal(sentenceOf(Reason.parse(reason)), sentence));
}

/** A value that a reason's field may have, by the field's schema. */
function sample(field: string): unknown {
  const values: Readonly<Record<string, unknown>> = {
    comparison,
    comparisons: [comparison],
    missing: { requests: [3, 7], ms: [1_000, 2_000], next: null, tooLong: null },
    series: 'errors',
    silent: 'canary',
    plan: digest,
    artifact: digest,
    approved: digest,
    running: digest,
    barred: [],
    changesRequested: false,
  };
  const names = [
    'stage',
    'release',
    'report',
    'identity',
    'check',
    'gate',
    'promotion',
    'by',
    'found',
    'scope',
    'freeze',
  ];
  const texts = ['environment', 'predicateType', 'note', 'effect', 'message', 'why'];
  if (field in values) return values[field];
  return names.includes(field) ? 'a-name' : texts.includes(field) ? 'words' : 1;
}

test('every code has a sentence: lower-case, in one line, with no full stop, and never "pending"', () => {
  const codes = new Set<string>();
  for (const option of Reason.options) {
    const code = option.shape.code.value;
    const fields = Object.fromEntries(
      Object.keys(option.shape)
        .filter((field) => field !== 'code')
        .map((field) => [field, code === 'approved' && field === 'by' ? ['u-anna'] : sample(field)]),
    );
    const sentence = sentenceOf(Reason.parse({ code, ...fields }));
    assert.match(sentence, /^[^A-Z\n][^\n]*[^.\n]$/, code);
    assert.doesNotMatch(sentence, /pending|undefined|null|NaN|\[object/i, code);
    codes.add(code);
  }
  assert.equal(codes.size, Reason.options.length);
});

test('numbers read the same on every machine', () => {
  assert.deepEqual([0, 999, 1000, 1234567].map(formatCount), ['0', '999', '1,000', '1,234,567']);
  assert.deepEqual([0, 0.0004, 0.0012, 0.061, 1].map(formatPercent), [
    '0 %',
    '0.04 %',
    '0.1 %',
    '6.1 %',
    '100 %',
  ]);
  assert.equal(formatPoints(0.03, 'down'), '3 points');
  assert.equal(formatPoints(0.0327, 'down'), '3.2 points');
  assert.equal(formatPoints(0.0321, 'up'), '3.3 points');
  assert.equal(formatPoints(0.01), '1 point');
  assert.equal(formatArm({ requests: 0, bad: 0 }), 'no requests');
  assert.deepEqual([[], ['a'], ['a', 'b'], ['a', 'b', 'c']].map(list), [
    'nobody',
    'a',
    'a and b',
    'a, b and c',
  ]);
});
