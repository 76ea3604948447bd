import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Gate, type GateOf } from '../../model/gate.ts';
import { checkPredicateType } from '../../model/release.ts';
import type { Project } from '../../model/documents.ts';
import type { Promotion, ReleaseState } from '../../model/state.ts';
import { nodeCrypto } from '../../../engine/crypto.ts';
import { machine, person } from '../../../../simulation/operator.ts';
import { signerNamed, statementBy } from '../../../../simulation/signing.ts';
import { TurnBench } from '../../../../simulation/turn-bench.ts';
import { barredApprovers, judgeApproval } from './approval.ts';
import { judgeCheck } from './check.ts';
import type { GateContext } from './context.ts';
import { gateProfile } from '../../analysis/profile.ts';
import { addBatch, beginWith } from '../../analysis/rollout.ts';
import { analysisOf, judgeMetric } from './metric.ts';
import { judgeSignature } from './signature.ts';
import { judgeSoak } from './soak.ts';
import { preAuthenticationEncoding } from './statement.ts';
import { judgeTests } from './tests.ts';
import { judgeWindow } from './window.ts';

const provenance = 'https://slsa.dev/provenance/v1';
const trust: Project['spec']['trust'] = [
  { name: 'ci', publicKey: signerNamed('ci').publicKey, predicateTypes: [provenance], checks: [] },
  {
    name: 'tester',
    publicKey: signerNamed('tester').publicKey,
    predicateTypes: [checkPredicateType],
    checks: ['load'],
  },
];

const gateOf = <K extends Gate['kind']>(kind: K, more: object = {}): GateOf<K> =>
  Gate.parse({ kind, name: kind, ...more }) as GateOf<K>;

/** A release with its artifact's digest, whose facts a test adds; and what a gate reads. */
function given(trusted: Project['spec']['trust'] = trust) {
  const bench = new TurnBench();
  bench.open('v1');
  bench.sealRelease('v1', ['anna']);
  bench.request('v1', nodeCrypto.digest('pipeline'));
  const plan = { digest: nodeCrypto.digest('plan'), document: {} } as NonNullable<Promotion['plan']>;
  const context = (more: Partial<GateContext> = {}): GateContext => ({
    now: bench.now,
    slot: bench.slot,
    promotion: { ...bench.promotion('v1-production'), plan },
    release: bench.releases['v1'] as ReleaseState,
    project: {
      digest: nodeCrypto.digest('project'),
      by: person('olga'),
      at: 0,
      document: {
        apiVersion: 'belay.dev/v1alpha1',
        kind: 'Project',
        metadata: { name: 'p' },
        spec: { trust: trusted },
      },
    },
    environment: {} as GateContext['environment'],
    editors: ['olga'],
    crypto: nodeCrypto,
    ...more,
  });
  return { bench, context, plan, artifact: bench.artifactOf('v1') };
}

const signed = (
  signer: string,
  artifact: ReturnType<TurnBench['artifactOf']>,
  type = provenance,
  predicate: unknown = {},
) => statementBy(signerNamed(signer), artifact, type, predicate);

test('signature: pending without one, pass with a trusted one over this artifact', () => {
  const { bench, context, artifact } = given();
  const gate = gateOf('signature');
  assert.equal(judgeSignature(gate, context()).reason.code, 'signature-missing');
  bench.attach('v1', signed('ci', artifact));
  assert.deepEqual(judgeSignature(gate, context()).reason, { code: 'signature-ok', identity: 'ci' });
});

test('signature: a stranger’s, another artifact’s, a changed one', () => {
  const gate = gateOf('signature');
  const stranger = given();
  stranger.bench.attach('v1', signed('stranger', stranger.artifact));
  assert.deepEqual(judgeSignature(gate, stranger.context()).reason, {
    code: 'signature-untrusted',
    predicateType: provenance,
  });
  const other = given();
  other.bench.attach('v1', signed('ci', nodeCrypto.digest('other')));
  assert.deepEqual(judgeSignature(gate, other.context()).reason, {
    code: 'signature-subject',
    found: nodeCrypto.digest('other'),
  });
  const changed = given();
  const statement = signed('ci', changed.artifact);
  const body = Buffer.from(statement.envelope.payload, 'base64')
    .toString()
    .replace('"predicate":{}', '"predicate":{"a":1}');
  changed.bench.attach('v1', {
    ...statement,
    envelope: { ...statement.envelope, payload: Buffer.from(body).toString('base64') },
  });
  assert.equal(judgeSignature(gate, changed.context()).verdict, 'fail');
});

test('signature: an identity counts for its own predicate types only', () => {
  const { bench, context, artifact } = given();
  bench.attach('v1', signed('tester', artifact));
  assert.equal(judgeSignature(gateOf('signature'), context()).reason.code, 'signature-untrusted');
});

test('signature: trust is that of today, and what is malformed is nothing', () => {
  const { bench, context, artifact } = given();
  bench.attach('v1', signed('ci', artifact));
  assert.equal(judgeSignature(gateOf('signature'), context()).verdict, 'pass');
  assert.equal(judgeSignature(gateOf('signature'), context({ project: null })).verdict, 'fail');
  const malformed = given();
  const statement = signed('ci', malformed.artifact);
  for (const payload of [
    '!',
    '/w==',
    Buffer.from('{').toString('base64'),
    Buffer.from('{"_type":1}').toString('base64'),
  ])
    malformed.bench.attach('v1', { ...statement, envelope: { ...statement.envelope, payload } });
  assert.equal(judgeSignature(gateOf('signature'), malformed.context()).reason.code, 'signature-missing');
});

test('the DSSE pre-authentication encoding of the specification’s own example, and lengths in bytes', () => {
  assert.equal(
    preAuthenticationEncoding('http://example.com/HelloWorld', 'hello world'),
    'DSSEv1 29 http://example.com/HelloWorld 11 hello world',
  );
  assert.equal(preAuthenticationEncoding('t', 'é€😀'), 'DSSEv1 1 t 9 é€😀');
});

test('tests: of this artifact only, the latest of that name, skipped ones are none', () => {
  const { bench, context, artifact } = given();
  const gate = gateOf('tests', { minTests: 10 });
  const report = (digest: typeof artifact, total: number, failed: number, skipped = 0): void =>
    bench.attach('v1', {
      type: 'tests',
      name: 'unit',
      artifact: digest,
      content: digest,
      counts: { total, failed, skipped },
    });
  assert.equal(judgeTests(gate, context()).reason.code, 'tests-missing');
  report(nodeCrypto.digest('other'), 100, 0);
  assert.equal(judgeTests(gate, context()).reason.code, 'tests-missing');
  report(artifact, 100, 1);
  assert.deepEqual(judgeTests(gate, context()).reason, {
    code: 'tests-failed',
    report: 'unit',
    failed: 1,
    total: 100,
  });
  report(artifact, 12, 0, 3);
  assert.deepEqual(judgeTests(gate, context()).reason, {
    code: 'tests-too-few',
    report: 'unit',
    total: 9,
    needed: 10,
  });
  report(artifact, 12, 0, 2);
  assert.equal(judgeTests(gate, context()).verdict, 'pass');
});

test('approval: distinct people over this plan, none of them barred, each for its time', () => {
  const { bench, context, plan } = given();
  const gate = gateOf('approval', { quorum: 2, expires: '1h' });
  assert.deepEqual(barredApprovers(context()), ['anna', 'ci', 'dana', 'olga']);
  const approve = (id: string, kind: 'person' | 'machine' = 'person', digest = plan.digest): void =>
    bench.entry({
      type: 'approved',
      at: bench.now,
      by: { id, kind },
      promotion: 'v1-production',
      plan: digest,
      note: '',
    });
  for (const barred of ['anna', 'ci', 'dana', 'olga']) approve(barred);
  approve('bot', 'machine');
  approve('erin', 'person', nodeCrypto.digest('another plan'));
  assert.deepEqual(judgeApproval(gate, context()).reason, {
    code: 'approvals-missing',
    have: 0,
    need: 2,
    plan: plan.digest,
    barred: ['anna', 'ci', 'dana', 'olga'],
  });
  approve('erin');
  approve('erin');
  const one = judgeApproval(gate, context());
  assert.ok(one.reason.code === 'approvals-missing' && one.reason.have === 1);
  bench.now += 60_000;
  approve('frank');
  const both = judgeApproval(gate, context());
  assert.deepEqual(both.reason, { code: 'approved', by: ['erin', 'frank'] });
  assert.equal(both.next, bench.now - 60_000 + 3_600_000);
  assert.equal(judgeApproval(gate, context({ now: bench.now + 3_540_000 - 1 })).verdict, 'pass');
  assert.equal(judgeApproval(gate, context({ now: bench.now + 3_540_000 })).verdict, 'pending');
});

test('check: signed by who may sign this check, the latest counts, and it expires', () => {
  const { bench, context, artifact } = given();
  const gate = gateOf('check', { check: 'load', expires: '1h' });
  const report = (signer: string, check: string, passed: boolean): void =>
    bench.attach('v1', signed(signer, artifact, checkPredicateType, { check, passed }));
  report('ci', 'load', true);
  report('tester', 'chaos', true);
  assert.equal(judgeCheck(gate, context()).reason.code, 'check-missing');
  report('tester', 'load', false);
  assert.equal(judgeCheck(gate, context()).verdict, 'fail');
  report('tester', 'load', true);
  assert.equal(judgeCheck(gate, context()).verdict, 'pass');
  assert.equal(judgeCheck(gate, context({ now: bench.now + 3_600_000 })).reason.code, 'check-expired');
});

test('window: start included, end excluded, overlapping ones close until the last ends', () => {
  const closed = [
    { from: 3_000, to: 5_000, reason: 'second' },
    { from: 1_000, to: 3_500, reason: 'first' },
    { from: 5_000, to: 6_000, reason: 'third' },
    { from: 9_000, to: 9_500, reason: 'later' },
  ];
  const gate = gateOf('window', { closed });
  const at = (now: number) => judgeWindow(gate, { now });
  assert.deepEqual(at(999), { verdict: 'pass', reason: { code: 'window-open' }, next: 1_000 });
  assert.deepEqual(at(1_000), {
    verdict: 'pending',
    reason: { code: 'window-closed', until: 6_000, note: 'third' },
    next: 6_000,
  });
  assert.equal(at(5_999).next, 6_000);
  assert.deepEqual(at(6_000), { verdict: 'pass', reason: { code: 'window-open' }, next: 9_000 });
  assert.equal(at(9_500).next, null);
});

test('soak: what was observed, and when it will be full', () => {
  const { context } = given();
  const gate = gateOf('soak', { healthyFor: '10s' });
  const promotion = { ...context().promotion, healthyMs: 4_000 };
  assert.deepEqual(judgeSoak(gate, { promotion, now: 100 }), {
    verdict: 'pending',
    reason: { code: 'soaking', healthyMs: 4_000, neededMs: 10_000 },
    next: 6_100,
  });
  assert.equal(judgeSoak(gate, { promotion: { ...promotion, healthyMs: 10_000 }, now: 100 }).verdict, 'pass');
});

test('metric: another promotion’s samples never count here', () => {
  const { bench, context } = given();
  const gate = gateOf('metric', { errors: { marginPoints: 2 }, latency: null });
  assert.equal(judgeMetric(gate, context()).reason.code, 'no-baseline');
  const stable = {
    release: 'v0',
    artifact: bench.artifactOf('v0'),
    configuration: bench.artifactOf('c'),
    promotion: 'p0',
    since: 0,
  };
  const samples = Array.from({ length: 21 }, (_, i) => [
    { ...scraped(i, 'canary'), requests: 50 * i },
    { ...scraped(i, 'stable'), requests: 450 * i },
  ]).flat();
  const profile = gateProfile(gate);
  const rollout = addBatch(beginWith(profile, samples), profile, [10, 100], samples);
  const analysed = (promotion: string) => ({
    promotion,
    gates: { [gate.name]: analysisOf(gate, rollout, [10, 100]) },
    crowded: false,
  });
  const judged = (promotion: string, now: number, crowded = false) =>
    judgeMetric(gate, {
      ...context(),
      slot: { ...bench.slot, stable, analysis: { ...analysed(promotion), crowded } },
      now,
    });
  assert.equal(judged('v0-production', 20_000).reason.code, 'no-traffic');
  const { id } = context().promotion;
  assert.equal(judged(id, 20_000).verdict, 'pass');
  assert.equal(judged(id, 20_000).next, 50_000);
  // What was shown before says nothing of now.
  assert.deepEqual(judged(id, 50_000), {
    verdict: 'error',
    reason: { code: 'no-aligned-data', silent: 'both' },
    next: null,
  });
  assert.equal(judged(id, 20_000, true).verdict, 'error');
});

const scraped = (t: number, arm: 'canary' | 'stable') => ({
  t,
  arm,
  pod: arm,
  weight: 0.1,
  bad: { errors: 0 },
  latencyMs: {},
});

test('nothing that is not sealed passes any gate about it', () => {
  const bench = new TurnBench();
  bench.open('v1');
  const { context } = given();
  const open = context({ release: bench.releases['v1'] as ReleaseState });
  assert.equal(judgeSignature(gateOf('signature'), open).verdict, 'pending');
  assert.equal(judgeTests(gateOf('tests'), open).verdict, 'pending');
  assert.equal(judgeCheck(gateOf('check', { check: 'load' }), open).verdict, 'pending');
  assert.equal(machine('ci').kind, 'machine');
});
