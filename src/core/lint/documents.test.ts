import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BelayDocument, type BelayDocumentInput } from '../model/documents.ts';
import { lintDocuments } from './documents.ts';
import { didYouMean, editDistance, nearestName } from './documents-nearest.ts';

const apiVersion = 'belay.dev/v1alpha1';
type Input<K extends BelayDocumentInput['kind']> = Extract<BelayDocumentInput, { kind: K }>;
type StageInput = Input<'Pipeline'>['spec']['stages'][number];

const project = (trust: Input<'Project'>['spec']['trust'] = signers): Input<'Project'> => ({
  apiVersion,
  kind: 'Project',
  metadata: { name: 'shop' },
  spec: { trust },
});
const signers: Input<'Project'>['spec']['trust'] = [
  {
    name: 'ci',
    publicKey: `${'A'.repeat(43)}=`,
    predicateTypes: ['https://slsa.dev/provenance/v1', 'https://belay.dev/check-report/v1'],
    checks: ['load'],
  },
];
const environment = (spec: Partial<Input<'Environment'>['spec']> = {}): Input<'Environment'> => ({
  apiVersion,
  kind: 'Environment',
  metadata: { name: 'production', project: 'shop' },
  spec: { driver: 'local', ...spec },
});
const good: StageInput = {
  name: 'production',
  environment: 'production',
  gates: [{ kind: 'signature', name: 'provenance' }],
  rollout: { steps: [10, 100] },
  analysis: [{ kind: 'metric', name: 'errors', errors: { marginPoints: 2 } }],
  verification: [{ kind: 'soak', name: 'soak', healthyFor: '1m' }],
};
const pipeline = (...stages: readonly StageInput[]): Input<'Pipeline'> => ({
  apiVersion,
  kind: 'Pipeline',
  metadata: { name: 'shop', project: 'shop' },
  spec: { service: 'shop', stages: [...stages] },
});

const lint = (documents: readonly BelayDocumentInput[], applied: readonly BelayDocumentInput[] | null = []) =>
  lintDocuments(
    documents.map((document) => BelayDocument.parse(document)),
    applied?.map((document) => BelayDocument.parse(document)) ?? null,
  ).map((finding) => `${finding.severity} ${finding.rule} ${finding.document}${finding.path}`);

const ofStage = (change: Partial<StageInput>, spec: Partial<Input<'Environment'>['spec']> = {}) =>
  lint([project(), environment(spec), pipeline({ ...good, ...change })]);

test('good documents have no finding', () => {
  assert.deepEqual(ofStage({}, { production: true }), []);
});

test('what was applied before counts, and what is new replaces it', () => {
  assert.deepEqual(lint([pipeline(good)], [project(), environment()]), []);
  assert.deepEqual(lint([project([]), pipeline(good)], [project(), environment()]), [
    'error nobody-may-sign 1/spec/stages/0/gates/0/predicateType',
  ]);
});

test('without a server, what may be known elsewhere is a warning', () => {
  assert.deepEqual(lint([pipeline(good)], null), [
    'warning unknown-project 0/metadata/project',
    'warning unknown-environment 0/spec/stages/0/environment',
  ]);
  assert.deepEqual(lint([pipeline(good)], []), [
    'error unknown-project 0/metadata/project',
    'error unknown-environment 0/spec/stages/0/environment',
    'error nobody-may-sign 0/spec/stages/0/gates/0/predicateType',
  ]);
});

test('the same document twice', () => {
  assert.deepEqual(lint([project(), project()]), ['error duplicate-document 1/metadata/name']);
});

test('cycles, what lies behind them, unknown stages and twice the same', () => {
  const stage = (name: string, ...after: string[]): StageInput => ({
    name,
    environment: 'production',
    after,
  });
  const of = (...stages: StageInput[]) => lint([project(), environment(), pipeline(...stages)]);
  assert.deepEqual(of(stage('a', 'c'), stage('b', 'a'), stage('c', 'b'), stage('d', 'c')), [
    'error stage-cycle 2/spec/stages/0/after',
    'error stage-cycle 2/spec/stages/1/after',
    'error stage-cycle 2/spec/stages/2/after',
    'error unreachable-stage 2/spec/stages/3/after',
  ]);
  assert.deepEqual(of(stage('a', 'a')), ['error stage-cycle 2/spec/stages/0/after']);
  assert.deepEqual(of(stage('staging'), stage('b', 'stagin')), [
    'error unknown-stage 2/spec/stages/1/after/0',
  ]);
  assert.deepEqual(of(stage('a'), stage('a')), ['error duplicate-stage 2/spec/stages/1/name']);
  assert.deepEqual(of(stage('a'), stage('b', 'a'), stage('c', 'a'), stage('d', 'b', 'c')), []);
});

test('a cycle is told as the way round', () => {
  const [finding] = lintDocuments(
    [
      BelayDocument.parse(
        pipeline(
          { name: 'a', environment: 'e', after: ['b'] },
          { name: 'b', environment: 'e', after: ['a'] },
        ),
      ),
    ],
    null,
  ).filter((f) => f.rule === 'stage-cycle');
  assert.equal(finding?.message, 'stages wait for each other: a after b after a');
});

test('gates in the wrong place and twice the same name', () => {
  assert.deepEqual(ofStage({ analysis: [{ kind: 'soak', name: 's', healthyFor: '1m' }], verification: [] }), [
    'error misplaced-gate 2/spec/stages/0/analysis/0',
  ]);
  assert.deepEqual(ofStage({ verification: [{ kind: 'soak', name: 'errors', healthyFor: '1m' }] }), [
    'error duplicate-gate 2/spec/stages/0/verification/0/name',
  ]);
});

test('gates that can never pass', () => {
  const gates = (...list: NonNullable<StageInput['gates']>) => ofStage({ gates: list });
  assert.deepEqual(gates({ kind: 'signature', name: 's', predicateType: 'https://example.com/other' }), [
    'error nobody-may-sign 2/spec/stages/0/gates/0/predicateType',
  ]);
  const report = {
    kind: 'signature',
    name: 's',
    predicateType: 'https://belay.dev/check-report/v1',
  } as const;
  assert.deepEqual(gates(report), ['error verdict-not-read 2/spec/stages/0/gates/0/predicateType']);
  assert.deepEqual(gates({ kind: 'check', name: 'c', check: 'chaos' }), [
    'error nobody-may-sign 2/spec/stages/0/gates/0/check',
  ]);
  assert.deepEqual(gates({ kind: 'check', name: 'c', check: 'chaos', mode: 'observe' }), [
    'warning nobody-may-sign 2/spec/stages/0/gates/0/check',
  ]);
  assert.deepEqual(gates({ kind: 'check', name: 'c', check: 'load' }), []);
  assert.deepEqual(gates({ kind: 'approval', name: 'a', expires: '0s' }), [
    'error expires-at-once 2/spec/stages/0/gates/0/expires',
  ]);
  assert.deepEqual(ofStage({ rollout: { steps: [10, 100], progressDeadline: '0s' } }), [
    'error deadline-zero 2/spec/stages/0/rollout/progressDeadline',
  ]);
});

test('windows that end before they begin, or never open', () => {
  const window = (...closed: { from: string; to: string }[]) =>
    ofStage({
      gates: [{ kind: 'window', name: 'w', closed: closed.map((c) => ({ ...c, reason: 'r' })) }],
    });
  const year = (y: number) => `${y}-01-01T00:00:00Z`;
  assert.deepEqual(window({ from: year(2027), to: year(2026) }), [
    'error interval-empty 2/spec/stages/0/gates/0/closed/0/to',
  ]);
  assert.deepEqual(window({ from: year(2027), to: year(2028) }, { from: year(2026), to: year(2027) }), [
    'error closed-for-ever 2/spec/stages/0/gates/0/closed',
  ]);
  assert.deepEqual(window({ from: year(2026), to: year(2027) }), []);
  assert.deepEqual(
    lint([
      project(),
      environment({ freezes: [{ name: 'f', from: year(2026), to: year(2028), reason: '' }] }),
    ]),
    ['error closed-for-ever 1/spec/freezes'],
  );
});

test('what production asks for', () => {
  const production = { production: true };
  assert.deepEqual(ofStage({ gates: [] }, production), ['error production-unsigned 2/spec/stages/0/gates']);
  assert.deepEqual(ofStage({ gates: [{ kind: 'signature', name: 's', mode: 'observe' }] }, production), [
    'error production-unsigned 2/spec/stages/0/gates',
  ]);
  assert.deepEqual(ofStage({ rollout: { steps: [100] }, analysis: [] }, production), [
    'warning production-one-step 2/spec/stages/0/rollout/steps',
  ]);
  assert.deepEqual(ofStage({ analysis: [] }, production), [
    'warning production-unwatched 2/spec/stages/0/analysis',
  ]);
  assert.deepEqual(ofStage({}, { ...production, warm: '0s' }), ['warning production-cold 1/spec/warm']);
});

test('metric gates that guard nothing, need very much, or look at no bound', () => {
  const metric = (change: object, steps = [10, 100]) =>
    ofStage({
      rollout: { steps },
      analysis: [{ kind: 'metric', name: 'm', ...change }],
    });
  assert.deepEqual(metric({}, [100]), ['warning metric-without-canary 2/spec/stages/0/analysis/0']);
  assert.deepEqual(metric({ errors: { marginPoints: 0.05 } }), [
    'warning metric-needs-data 2/spec/stages/0/analysis/0/errors/marginPoints',
  ]);
  assert.deepEqual(metric({ latency: { aboveMs: 300 } }), [
    'error latency-bound 2/spec/stages/0/analysis/0/latency/aboveMs',
  ]);
  assert.deepEqual(metric({}), []);
});

test('soaks of no time and of very long', () => {
  const soak = (healthyFor: string) => ofStage({ verification: [{ kind: 'soak', name: 's', healthyFor }] });
  assert.deepEqual(soak('0s'), ['warning soak-empty 2/spec/stages/0/verification/0/healthyFor']);
  assert.deepEqual(soak('8d'), ['warning soak-long 2/spec/stages/0/verification/0/healthyFor']);
});

test('trusted identities', () => {
  const identity = { name: 'ci', publicKey: `${'A'.repeat(43)}=`, predicateTypes: ['https://example.com/a'] };
  assert.deepEqual(lint([project([identity, { ...identity, checks: ['load'] }])]), [
    'error duplicate-identity 0/spec/trust/1/name',
    'error check-type-missing 0/spec/trust/1/predicateTypes',
  ]);
});

test('the nearest name is near, or none', () => {
  assert.equal(editDistance('approve', 'aprove'), 1);
  assert.equal(editDistance('staging', 'stagign'), 1);
  assert.equal(editDistance('', 'abc'), 3);
  assert.equal(nearestName('enviroment', ['environment', 'stages']), 'environment');
  assert.equal(nearestName('zebra', ['environment', 'stages']), null);
  assert.equal(didYouMean('zebra', ['a', 'b']), 'there is a, b');
});

test('a metrics source that sends credentials in clear, looks back too little, or measures no latency', () => {
  const metrics = (changes: object): Partial<Input<'Environment'>['spec']> => ({
    metrics: { source: 'prometheus', url: 'http://prometheus.monitoring:9090', ...changes },
  });
  const authentication = { type: 'bearer', token: 'file:token' } as const;
  assert.deepEqual(ofStage({}, metrics({})), []);
  assert.deepEqual(ofStage({}, metrics({ authentication })), [
    'warning credentials-in-clear 1/spec/metrics/url',
  ]);
  assert.deepEqual(ofStage({}, metrics({ authentication, url: 'http://127.0.0.1:9090' })), []);
  assert.deepEqual(ofStage({}, metrics({ authentication, url: 'https://prometheus.example' })), []);
  assert.deepEqual(ofStage({}, metrics({ every: '10s', window: '15s' })), [
    'error metrics-window 1/spec/metrics/window',
  ]);
  const slow: StageInput['analysis'] = [{ kind: 'metric', name: 'slow', latency: { aboveMs: 300 } }];
  assert.deepEqual(ofStage({ analysis: slow }, metrics({})), []);
  assert.deepEqual(ofStage({ analysis: slow }, metrics({ latency: null })), [
    'error latency-unmeasured 2/spec/stages/0/analysis/0/latency',
  ]);
});
