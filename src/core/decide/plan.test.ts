import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalJson } from '../model/canonical.ts';
import type { BelayDocumentInput } from '../model/documents.ts';
import { nodeCrypto } from '../../engine/crypto.ts';
import { person } from '../../../simulation/operator.ts';
import { TurnBench } from '../../../simulation/turn-bench.ts';
import { outcomesOf, releasesRead } from './outcomes.ts';

const apiVersion = 'belay.dev/v1alpha1';

const environment = (parameters: Record<string, string> = {}): BelayDocumentInput => ({
  apiVersion,
  kind: 'Environment',
  metadata: { name: 'production', project: 'p' },
  spec: { driver: 'local', parameters },
});

const pipelineDocument: BelayDocumentInput = {
  apiVersion,
  kind: 'Pipeline',
  metadata: { name: 's', project: 'p' },
  spec: {
    service: 's',
    stages: [
      { name: 'production', environment: 'production', gates: [{ kind: 'approval', name: 'approved' }] },
      { name: 'abroad', environment: 'abroad', after: ['production'], promote: 'auto' },
      { name: 'later', environment: 'later', after: ['production', 'abroad'], promote: 'auto' },
    ],
  },
};

function atTheDoor(): { readonly bench: TurnBench; readonly pipeline: string } {
  const bench = new TurnBench();
  bench.apply(environment());
  const pipeline = bench.apply(pipelineDocument);
  bench.build('v1');
  bench.request('v1', pipeline);
  bench.turn();
  return { bench, pipeline };
}

const planOf = (bench: TurnBench, id = 'v1-production') => {
  const { plan } = bench.promotion(id);
  if (plan === null) throw new Error('no plan');
  return plan;
};

test('a plan is named by the digest of its canonical bytes, and names what it carries out', () => {
  const { bench, pipeline } = atTheDoor();
  const { digest, document } = planOf(bench);
  assert.equal(digest, nodeCrypto.digest(canonicalJson(document)));
  assert.equal(document.artifact, bench.artifactOf('v1'));
  assert.equal(document.pipeline, pipeline);
  assert.equal(document.baseline, null);
  assert.deepEqual(document.steps, [100]);
  const configuration = { bundle: null, parameters: {}, secrets: [] };
  assert.equal(document.configuration, nodeCrypto.digest(canonicalJson(configuration)));
});

test('the same things planned twice are the same plan; other parameters are another, and void the approval', () => {
  const { bench } = atTheDoor();
  const first = planOf(bench).digest;
  bench.approve('v1-production', 'erin');
  bench.apply(environment());
  assert.deepEqual(bench.moves(), ['judged', 'started']);
  const other = atTheDoor().bench;
  assert.equal(planOf(other).digest, first);
  other.approve('v1-production', 'erin');
  other.apply(environment({ REGION: 'eu' }));
  assert.deepEqual(other.moves(), ['planned']);
  assert.notEqual(planOf(other).digest, first);
  assert.deepEqual(other.waits(), ['approvals-missing']);
});

test('a new baseline is a new plan', () => {
  const { bench, pipeline } = atTheDoor();
  bench.build('v2');
  bench.request('v2', pipeline);
  bench.turn();
  const before = planOf(bench).digest;
  bench.slot = {
    ...bench.slot,
    stable: {
      release: 'v0',
      artifact: bench.artifactOf('v0'),
      configuration: bench.artifactOf('c'),
      promotion: 'p0',
      since: 0,
    },
  };
  bench.turn();
  assert.notEqual(planOf(bench).digest, before);
  assert.deepEqual(planOf(bench).document.baseline, { release: 'v0', artifact: bench.artifactOf('v0') });
});

test('an end is told to the release, and to the stages that promote by themselves, once all before them are done', () => {
  const { bench } = atTheDoor();
  bench.approve('v1-production', 'erin');
  bench.turn();
  bench.observe({ v1: 1 }, {});
  bench.turn();
  bench.observe({ v1: 1 }, { v1: 100 });
  const input = bench.input();
  const { decision } = bench.turn();
  const told = outcomesOf(input, decision);
  assert.deepEqual(
    told.map((o) => (o.stream === 'slot' ? `asks ${o.slot.environment}` : `tells ${o.release}`)),
    ['tells v1', 'asks abroad'],
  );
  const [, asked] = told;
  assert.ok(asked?.entry.type === 'requested' && asked.entry.promotion === 'v1-abroad-auto');
  // A release that has been through that stage before asks under another id.
  const v1 = bench.releases['v1'];
  assert.ok(v1 !== undefined);
  const ended = { state: 'rolled-back', promotion: 'v1-abroad-auto', at: 0 } as const;
  const [, again] = outcomesOf(
    { ...input, releases: { v1: { ...v1, stages: { abroad: ended } } } },
    decision,
  );
  assert.ok(again?.entry.type === 'requested' && again.entry.promotion !== 'v1-abroad-auto');
});

test('a rollback tells the release that it replaced too', () => {
  const { bench, pipeline } = atTheDoor();
  const deployed = (release: string) => ({
    release,
    artifact: bench.artifactOf(release),
    configuration: bench.artifactOf('c'),
    promotion: `${release}-before`,
    since: 0,
  });
  bench.build('v2');
  bench.slot = { ...bench.slot, stable: deployed('v2'), history: [deployed('v1')], wanted: ['v2'] };
  bench.request('v1', pipeline, { promotion: 'back', mode: 'rollback', by: person('olga') });
  bench.turn();
  bench.observe({ v1: 1, v2: 1 }, { v2: 100 });
  bench.turn();
  bench.observe({ v1: 1, v2: 1 }, { v1: 100 });
  const input = bench.input();
  const { decision } = bench.turn();
  const told = outcomesOf(input, decision).filter((o) => o.stream === 'release');
  assert.deepEqual(
    told.map((o) => `${o.release} ${o.entry.type === 'stage-ended' ? o.entry.state : ''}`),
    ['v1 promoted', 'v2 rolled-back'],
  );
  assert.equal(bench.slot.quarantine[bench.artifactOf('v2')]?.reason.code, 'rollback-asked');
  assert.deepEqual(releasesRead(bench.slot), ['v1']);
});
