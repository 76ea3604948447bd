import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptySlot } from '../decide/fold/slot.ts';
import type { Wait } from '../model/decision.ts';
import type { Standings } from '../model/reason.ts';
import type { Promotion, SlotState } from '../model/state.ts';
import { AnalysisProfile } from '../model/gate.ts';
import { profileOf } from '../analysis/profile.ts';
import { beginRollout } from '../analysis/rollout.ts';
import { whyReport } from './why.ts';

const now = 1_795_253_400_000;
const digest = (letter: string): string => `sha256:${letter.repeat(64)}`;
const question = { project: 'shop', service: 'shop' };
const key = { project: 'shop', environment: 'production', service: 'shop' };
const deployed = {
  release: 'shop-v1',
  artifact: digest('a'),
  configuration: digest('f'),
  promotion: 'shop-v1-production',
  since: now - 3_600_000,
};

const promotion = (change: Partial<Promotion> = {}): Promotion => ({
  id: 'shop-v2-production',
  release: 'shop-v2',
  stage: 'production',
  pipeline: digest('1'),
  mode: 'promote',
  liftQuarantine: false,
  by: { id: 'u-dana', kind: 'person' },
  note: '',
  requestedAt: now - 200_000,
  state: 'waiting',
  since: now - 200_000,
  plan: {
    digest: digest('c'),
    document: {
      slot: key,
      stage: 'production',
      release: 'shop-v2',
      sealed: digest('e'),
      artifact: digest('b'),
      configuration: digest('f'),
      pipeline: digest('1'),
      environment: digest('2'),
      steps: [10, 30, 60, 100],
      baseline: { release: 'shop-v1', artifact: digest('a') },
      migrations: [],
    },
  },
  approvals: [],
  rejected: null,
  abort: null,
  paused: null,
  asked: null,
  gates: {},
  step: -1,
  retreated: false,
  stepAskedAt: null,
  stepReachedAt: null,
  healthyMs: 0,
  turnedBack: null,
  atZeroAt: null,
  waitingSince: {},
  ...change,
});

const slot = (change: Partial<SlotState> = {}): SlotState => ({
  ...emptySlot(key),
  stable: deployed,
  ...change,
});

const wait = (reason: Wait['reason'], change: Partial<Wait> = {}): Wait => ({
  promotion: 'shop-v2-production',
  reason,
  gate: null,
  since: now - 200_000,
  owner: 'time',
  how: 'wait',
  nextCheck: null,
  ifNothing: 'it stays where it is',
  ...change,
});

const approval = wait(
  { code: 'approvals-missing', have: 0, need: 1, plan: digest('c'), barred: [] },
  {
    gate: 'second-pair',
    owner: 'approver',
    how: 'belay approve shop-v2-production',
    ifNothing: 'no traffic is shifted',
  },
);

const atTen = promotion({ state: 'rolling-out', since: now - 30_000, step: 0, stepReachedAt: now - 20_000 });
const observed = {
  at: now,
  generation: 3,
  workloads: [],
  weights: [
    { release: 'shop-v1', weight: 90 },
    { release: 'shop-v2', weight: 10 },
  ],
  level: 'confirmed',
} as const;
const tenPercent = slot({
  promotions: [atTen],
  moving: atTen.id,
  observed: { ...observed, workloads: [], weights: [...observed.weights] },
});

test('a release that needs approval: what, since when, who and how, what then, what if nobody does', () => {
  const report = whyReport(question, [{ slot: slot({ promotions: [promotion()] }), waits: [approval] }], now);
  assert.equal(
    report.sentence,
    'shop-v2 has waited before production for 3 min 20 s: 0 of 1 approval given for plan cccccccccccc; an approver must act: belay approve shop-v2-production; then it gets 10 % of the traffic; if nobody does, no traffic is shifted',
  );
  assert.equal(report.next, 'then it gets 10 % of the traffic');
});

test('a step that only takes time says when', () => {
  const waits = [
    wait(
      { code: 'step-time', step: 0, weight: 10, until: now + 4_000 },
      { since: now - 20_000, nextCheck: now + 4_000 },
    ),
  ];
  assert.equal(
    whyReport(question, [{ slot: tenPercent, waits }], now).sentence,
    'shop-v2 has been at 10 % in production for 20 s: at 10 % (step 1) until 2026-11-21T09:30:04Z at least; nobody has to act; in 4 s it gets 30 % of the traffic',
  );
});

test('missing data comes with a forecast, before the time of the step; the others are counted and listed', () => {
  const comparison = {
    series: 'errors',
    canary: { requests: 77, bad: 1 },
    stable: { requests: 700, bad: 1 },
    lower: -0.01,
    upper: 0.05,
    margin: 0.02,
  };
  const waits = [
    wait({ code: 'step-time', step: 0, weight: 10, until: now + 1_000 }, { nextCheck: now + 1_000 }),
    wait(
      {
        code: 'not-enough-traffic',
        comparison,
        missing: { requests: [120, 200], ms: [4_000, 7_000], next: null, tooLong: null },
      },
      { gate: 'errors', owner: 'traffic', how: 'wait for more requests', since: now - 20_000 },
    ),
  ];
  const report = whyReport(question, [{ slot: tenPercent, waits }], now);
  assert.equal(
    report.sentence,
    'shop-v2 has been at 10 % in production for 20 s: errors 1.3 % (1 of 77) against 0.1 % (1 of 700): not enough traffic to tell yet; about 120 to 200 more requests, 4 s to 7 s; it needs requests: wait for more requests; in about 4 s, once one other condition is met, it gets 30 % of the traffic',
  );
  assert.deepEqual(
    report.waits.map((w) => [w.reason.code, w.environment, w.release]),
    [
      ['not-enough-traffic', 'production', 'shop-v2'],
      ['step-time', 'production', 'shop-v2'],
    ],
  );
});

test('every metric of a rollout is told with both rates, whatever is waited for', () => {
  const arms = { canary: { requests: 1_000, bad: 60 }, stable: { requests: 9_000, bad: 9 } };
  const comparisons = [
    { series: 'errors', ...arms, lower: 0.032, upper: 0.08, margin: 0.005 },
    {
      series: 'slow:250',
      ...arms,
      canary: { requests: 1_000, bad: 1 },
      lower: -0.01,
      upper: 0.004,
      margin: 0.01,
    },
  ];
  const standings: Standings = {
    canary: {
      errors: 'will-not-settle',
      'slow:250': {
        requests: [1_120, 1_900],
        ms: [180_000, 300_000],
        next: { weight: 50, requests: [2_000, 3_000], ms: [60_000, 120_000] },
      },
    },
  };
  const rollout = beginRollout(profileOf(AnalysisProfile.parse({})), []);
  const analysis = {
    promotion: atTen.id,
    gates: { canary: { rollout, said: null, comparisons } },
    crowded: false,
  };
  const metricsIn = (state: SlotState) =>
    whyReport(question, [{ slot: state, waits: [], standings }], now).slots[0]?.promotions[0]?.metrics;
  assert.deepEqual(
    metricsIn({ ...tenPercent, analysis })?.map(({ gate, sentence }) => [gate, sentence]),
    [
      [
        'canary',
        'errors 6 % (60 of 1,000) against 0.1 % (9 of 9,000), at least 3.2 points worse, margin 0.5 points; at these rates more traffic will not settle this',
      ],
      [
        'canary',
        'requests slower than 250 ms 0.1 % (1 of 1,000) against 0.1 % (9 of 9,000), at most 0.4 points worse, margin 1 point; about 1,120 to 1,900 more requests, 3 min to 5 min; then, at 50 %, 2,000 to 3,000 requests, 1 min to 2 min',
      ],
    ],
  );
  // Another rollout's numbers say nothing of this one.
  assert.deepEqual(metricsIn({ ...tenPercent, analysis: { ...analysis, promotion: 'other' } }), []);
});

test('what the outside said comes before what it leads to', () => {
  const waits = [
    wait({ code: 'not-ready', ready: 0, needed: 1, deadline: now + 60_000 }, { owner: 'environment' }),
    wait(
      { code: 'effect-failing', effect: 'apply-workload', attempts: 3, message: 'port in use' },
      { owner: 'environment', how: 'it is tried again with growing pauses' },
    ),
  ];
  const starting = slot({ promotions: [promotion({ state: 'rolling-out' })], moving: 'shop-v2-production' });
  assert.match(
    whyReport(question, [{ slot: starting, waits }], now).sentence,
    /^shop-v2 has been getting ready in production for 3 min 20 s: apply-workload failed 3 times: port in use;/,
  );
});

test('a freeze is told as a hold, with who lifts it', () => {
  const waits = [
    wait(
      { code: 'frozen', scope: 'everything', freeze: 'f-1', until: null, note: 'incident' },
      { owner: 'operator', how: 'belay unfreeze' },
    ),
  ];
  assert.equal(
    whyReport(question, [{ slot: tenPercent, waits }], now).sentence,
    'shop-v2 has been held at 10 % in production for 3 min 20 s: everything is frozen by f-1 until somebody lifts it (“incident”); an operator must act: belay unfreeze; then it gets 30 % of the traffic; if nobody does, it stays where it is',
  );
});

test('on the way back the headline says why it turned', () => {
  const back = promotion({
    state: 'rolling-back',
    since: now - 2_000,
    step: 0,
    turnedBack: {
      endsAs: 'rolled-back',
      reason: { code: 'canary-gone', release: 'shop-v2' },
      at: now - 2_000,
    },
  });
  const waits = [
    wait(
      { code: 'not-retired', release: 'shop-v2' },
      { owner: 'environment', how: 'requests are drained', since: now - 1_000 },
    ),
  ];
  const sentence = whyReport(
    question,
    [{ slot: slot({ promotions: [back], moving: back.id }), waits }],
    now,
  ).sentence;
  assert.equal(
    sentence,
    'shop-v2 has been going back in production for 1 s because shop-v2 had traffic and none of its processes was ready any more: the processes of shop-v2 have not ended yet; the environment must answer: requests are drained; then its processes end and it is rolled back',
  );
});

test('of several places the headline is about what is on its way, and every wait is listed', () => {
  const staging = { ...key, environment: 'staging' };
  const other = promotion({ id: 'shop-v3-staging', release: 'shop-v3', stage: 'staging', requestedAt: now });
  const report = whyReport(
    question,
    [
      {
        slot: { ...emptySlot(staging), promotions: [other] },
        waits: [wait({ code: 'release-open' }, { promotion: other.id, owner: 'ci' })],
      },
      { slot: tenPercent, waits: [wait({ code: 'soaking', healthyMs: 1, neededMs: 2 })] },
    ],
    now,
  );
  assert.match(report.sentence, /^shop-v2 has been at 10 % in production/);
  assert.deepEqual(
    report.waits.map((w) => w.release),
    ['shop-v2', 'shop-v3'],
  );
  assert.deepEqual(
    report.slots.map((s) => s.environment),
    ['staging', 'production'],
  );
  assert.match(report.slots[0]?.sentence ?? '', /^shop-v3 has waited before staging/);
});

test('where nothing waits, it says what is stable and how the last one ended', () => {
  const ended = {
    id: 'shop-v3-production',
    release: 'shop-v3',
    stage: 'production',
    state: 'rolled-back',
    reason: {
      code: 'worse',
      comparison: {
        series: 'errors',
        canary: { requests: 197, bad: 12 },
        stable: { requests: 1803, bad: 2 },
        lower: 0.0327,
        upper: 0.1,
        margin: 0.02,
      },
    },
    at: now - 123_000,
  } as const;
  const report = whyReport(question, [{ slot: slot({ ended: [ended] }), waits: [] }], now);
  assert.equal(
    report.sentence,
    'nothing of shop waits: shop-v1 is stable in production; last, shop-v3 was rolled back in production 2 min 3 s ago: errors 6.1 % (12 of 197) against 0.1 % (2 of 1,803), at least 3.2 points worse, margin 2 points',
  );
  assert.equal(report.next, null);
  assert.equal(report.slots[0]?.lastEnd?.state, 'rolled-back');
});

test('of a service that was never asked for it says how to begin', () => {
  assert.equal(
    whyReport(question, [], now).sentence,
    'nothing of shop was ever asked to be promoted; belay promote RELEASE --stage STAGE starts it',
  );
});

test('a promotion between two turns, with no stored wait, still gets a sentence', () => {
  const report = whyReport(question, [{ slot: slot({ promotions: [promotion()] }), waits: [] }], now);
  assert.equal(
    report.sentence,
    'shop-v2 has waited before production for 3 min 20 s: nothing is in its way; now it gets 10 % of the traffic',
  );
});

test('what is stable and was last seen without its traffic is not said to be well', () => {
  const gone = { ...observed, workloads: [], weights: [] };
  const report = whyReport(question, [{ slot: slot({ observed: gone }), waits: [] }], now);
  assert.equal(
    report.slots[0]?.sentence,
    'shop-v1 is stable in production, for 1 h, but it was last seen with 0 processes ready and 0 % of the traffic; look whether its environment runs',
  );
  assert.match(
    report.sentence,
    /^nothing of shop waits: shop-v1 is stable in production, but it was last seen/,
  );
  const well = { ...observed, workloads: [], weights: [{ release: 'shop-v1', weight: 100 }] };
  const quiet = whyReport(question, [{ slot: slot({ observed: well }), waits: [] }], now);
  assert.equal(quiet.slots[0]?.sentence, 'shop-v1 is stable in production, for 1 h; nothing waits');
});
