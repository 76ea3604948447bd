import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Environment, Pipeline, Project } from '../model/documents.ts';
import { describePipeline } from './describe.ts';
import { describePage } from './describe-page.ts';

const apiVersion = 'belay.dev/v1alpha1';
const pipeline = Pipeline.parse({
  apiVersion,
  kind: 'Pipeline',
  metadata: { name: 'shop', project: 'shop' },
  spec: {
    service: 'shop',
    stages: [
      { name: 'staging', environment: 'staging', promote: 'auto' },
      {
        name: 'production',
        environment: 'production',
        after: ['staging'],
        gates: [
          { kind: 'signature', name: 'provenance' },
          { kind: 'approval', name: 'second-pair', quorum: 2, why: 'agreed | after *the* outage' },
        ],
        rollout: { steps: [10, 100], stepAtLeast: '5s', progressDeadline: '1m' },
        analysis: [
          {
            kind: 'metric',
            name: 'errors',
            errors: { marginPoints: 2, limitPercent: 5 },
            latency: null,
            mode: 'observe',
          },
        ],
        verification: [{ kind: 'soak', name: 'settled', healthyFor: '1h' }],
      },
    ],
  },
});
const production = Environment.parse({
  apiVersion,
  kind: 'Environment',
  metadata: { name: 'production', project: 'shop' },
  spec: { driver: 'local', production: true, warm: '10m' },
});
const project = Project.parse({
  apiVersion,
  kind: 'Project',
  metadata: { name: 'shop' },
  spec: {
    trust: [
      { name: 'ci', publicKey: `${'A'.repeat(43)}=`, predicateTypes: ['https://slsa.dev/provenance/v1'] },
    ],
  },
});

test('each stage says how to get in, how traffic comes, what must hold and which field enforces it', () => {
  const described = describePipeline(pipeline, [production], project);
  assert.equal(described.summary, 'A release of shop goes through 2 stages: staging and production.');
  assert.deepEqual(described.trust, ['ci may sign https://slsa.dev/provenance/v1']);
  const [staging, last] = described.stages;
  assert.equal(staging?.entry, 'Any sealed release may ask for it; the pipeline asks by itself.');
  assert.match(staging?.wayBack ?? '', /has not been applied/);
  assert.equal(
    last?.entry,
    'Only a release that was promoted in staging may ask for it; somebody with the verb promote asks.',
  );
  assert.equal(
    last?.rollout,
    'Traffic goes to the new version in steps of 10 %, 100 %, at least 5 s each. It turns back when the new version is not ready, or a step is not confirmed, within 1 min.',
  );
  assert.deepEqual(
    last?.gates.map((gate) => [gate.name, gate.mode, gate.enforcedBy]),
    [
      ['provenance', 'enforce', '/spec/stages/1/gates/0'],
      ['second-pair', 'enforce', '/spec/stages/1/gates/1'],
      ['errors', 'observe', '/spec/stages/1/analysis/0'],
      ['settled', 'enforce', '/spec/stages/1/verification/0'],
    ],
  );
  assert.equal(
    last?.gates[1]?.contract,
    '2 different people have approved exactly this plan within the last 1 d; nobody who contributed, asked for it, or edited this gate last counts',
  );
  assert.equal(
    last?.gates[2]?.contract,
    'errors of the canary are not worse than those of stable by more than 2 percentage points, and never above 5 %; an equal canary is rolled back in at most 1 % of rollouts; when it cannot tell for 1 h, or its metrics are away for 15 min, a person is asked',
  );
});

test('the page is Markdown in which people’s words stay words', () => {
  const page = describePage(describePipeline(pipeline, [production], project));
  assert.match(page, /^# How shop gets to its users\n/);
  assert.match(page, /## Stage production: into production \(production\)/);
  assert.match(page, /agreed \\\| after \\\*the\\\* outage/);
  assert.match(page, /\| errors \(observes only\) \|/);
  assert.match(page, /\*\*Before any traffic\.\*\* Nothing is asked before traffic shifts\./);
});
