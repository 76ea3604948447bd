import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Digest } from '../model/digest.ts';
import type { BelayDocumentInput } from '../model/documents.ts';
import { signerNamed, statementBy } from '../../../simulation/signing.ts';
import { TurnBench } from '../../../simulation/turn-bench.ts';
import { type Readiness, rollbackCandidates, rollbackReadiness } from './readiness.ts';

const apiVersion = 'belay.dev/v1alpha1';
const provenance = 'https://slsa.dev/provenance/v1';

function project(signers: readonly string[]): BelayDocumentInput {
  const trust = signers.map((name) => ({
    name,
    publicKey: signerNamed(name).publicKey,
    predicateTypes: [provenance],
  }));
  return { apiVersion, kind: 'Project', metadata: { name: 'p' }, spec: { trust } };
}

const environment = (size: string): Extract<BelayDocumentInput, { kind: 'Environment' }> => ({
  apiVersion,
  kind: 'Environment',
  metadata: { name: 'production', project: 'p' },
  spec: { driver: 'local', replicas: 2, warm: 60_000, parameters: { SIZE: size } },
});

/** A bench with a pipeline of one stage, with a signature gate or without. */
function bench(gated: boolean): { readonly bench: TurnBench; readonly pipeline: Digest } {
  const made = new TurnBench();
  made.apply(project(['ci']));
  const pipeline = made.production(
    {
      gates: gated ? [{ kind: 'signature', name: 'signed' }] : [],
      rollout: { steps: [100], stepAtLeast: 0 },
    },
    environment('1').spec,
  );
  return { bench: made, pipeline };
}

/** Carries a release to stable; `others` keep running beside it. */
function promote(
  b: TurnBench,
  name: string,
  pipeline: Digest,
  others: Readonly<Record<string, number>> = {},
): void {
  b.build(name);
  b.attach(name, statementBy(signerNamed('ci'), b.artifactOf(name), provenance, {}));
  b.request(name, pipeline);
  b.turn();
  b.observe({ ...others, [name]: 2 }, b.slot.stable === null ? {} : { [b.slot.stable.release]: 100 });
  b.turn();
  b.observe({ ...others, [name]: 2 }, { [name]: 100 });
  for (let i = 0; i < 5 && b.slot.stable?.release !== name; i++) b.turn();
  assert.equal(b.slot.stable?.release, name);
}

const readiness = (b: TurnBench): Readiness => rollbackReadiness(b.input());

test('with nothing stable, or nothing before it, going back is impossible', () => {
  const { bench: b, pipeline } = bench(false);
  assert.equal(readiness(b).readiness, 'impossible');
  promote(b, 'v1', pipeline);
  assert.deepEqual(readiness(b), {
    readiness: 'impossible',
    why: 'v1 is the first version here; there is no earlier one',
  });
});

test('the version before is ready while it is warm, unproven when it was not seen, ready again when it is gone', () => {
  const { bench: b, pipeline } = bench(false);
  promote(b, 'v1', pipeline);
  promote(b, 'v2', pipeline, { v1: 2 });
  assert.deepEqual(readiness(b), {
    readiness: 'ready',
    release: 'v1',
    why: 'v1 is still up (2 ready): going back is one change of weights',
  });
  b.observe({ v1: 0, v2: 2 }, { v2: 100 });
  assert.equal(readiness(b).readiness, 'unproven');
  b.slot = { ...b.slot, warm: null };
  const cold = readiness(b);
  assert.equal(cold.readiness, 'ready');
  assert.match(cold.why, /can be deployed again/);
});

test('a version that was rolled back here is passed over; with none left it is unsafe', () => {
  const { bench: b, pipeline } = bench(false);
  promote(b, 'v1', pipeline);
  promote(b, 'v2', pipeline, { v1: 2 });
  promote(b, 'v3', pipeline, { v2: 2 });
  assert.deepEqual(
    rollbackCandidates(b.slot).map((d) => d.release),
    ['v2', 'v1'],
  );
  const held = { since: b.now, by: 'x', reason: { code: 'done' } } as const;
  b.slot = { ...b.slot, quarantine: { [b.artifactOf('v2')]: held } };
  const passed = readiness(b);
  assert.ok(passed.readiness === 'ready' && passed.release === 'v1');
  b.slot = { ...b.slot, quarantine: { [b.artifactOf('v2')]: held, [b.artifactOf('v1')]: held } };
  const none = readiness(b);
  assert.ok(none.readiness === 'unsafe' && none.release === 'v2');
});

test('a version whose signer is no longer trusted is unsafe; one that was never signed is unproven', () => {
  const { bench: b, pipeline } = bench(true);
  promote(b, 'v1', pipeline);
  promote(b, 'v2', pipeline, { v1: 2 });
  assert.equal(readiness(b).readiness, 'ready');
  const signed = b.releases['v1'];
  assert.ok(signed !== undefined);
  b.releases['v1'] = { ...signed, attachments: [] };
  assert.equal(readiness(b).readiness, 'unproven');
  b.releases['v1'] = signed;
  b.apply(project(['another']));
  assert.equal(readiness(b).readiness, 'unsafe');
});

test('a version that would run with another configuration, or is not known, is unproven; another artifact is unsafe', () => {
  const { bench: b, pipeline } = bench(false);
  promote(b, 'v1', pipeline);
  promote(b, 'v2', pipeline, { v1: 2 });
  b.apply(environment('2'));
  assert.equal(readiness(b).readiness, 'unproven');
  b.apply(environment('1'));
  assert.equal(readiness(b).readiness, 'ready');
  const warm = b.slot.warm;
  assert.ok(warm !== null);
  b.slot = { ...b.slot, warm: { ...warm, deployed: { ...warm.deployed, artifact: b.artifactOf('other') } } };
  assert.equal(readiness(b).readiness, 'unsafe');
  delete b.releases['v1'];
  assert.equal(readiness(b).readiness, 'unproven');
});
