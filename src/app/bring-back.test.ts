import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptyProject } from '../core/decide/fold/project.ts';
import { emptySlot, foldSlot } from '../core/decide/fold/slot.ts';
import { renderConfiguration } from '../core/decide/plan.ts';
import { type Digest, seal } from '../core/model/digest.ts';
import { Environment } from '../core/model/documents.ts';
import type { Weight } from '../core/model/observation.ts';
import type { Deployed, Promotion, SlotState } from '../core/model/state.ts';
import { makeEnvironment, slot as key, type TestEnvironment } from '../drivers/local/testing/environment.ts';
import { nodeCrypto } from '../engine/crypto.ts';
import { bringBack, type BroughtBack } from './bring-back.ts';

const environment = Environment.parse({
  apiVersion: 'belay.dev/v1alpha1',
  kind: 'Environment',
  metadata: { name: key.environment, project: key.project },
  spec: { driver: 'local', replicas: 2 },
});
const configuration = seal(nodeCrypto, renderConfiguration(environment, null)).digest;
const applied = {
  document: environment,
  digest: configuration,
  by: { id: 'a', kind: 'person' },
  at: 0,
} as const;
const project = { ...emptyProject, environments: { [key.environment]: applied } } as const;
const nowhere: Digest = `sha256:${'1'.repeat(64)}`;
const nothingToDo: BroughtBack = { kind: 'nothing-to-do' };

const at = (v1: number, v2: number): readonly Weight[] =>
  [
    { release: 'v1', weight: v1 },
    { release: 'v2', weight: v2 },
  ].filter(({ weight }) => weight > 0);

class Stopped {
  readonly outside: TestEnvironment;

  constructor(outside: TestEnvironment) {
    this.outside = outside;
  }

  get stable(): Deployed {
    return { release: 'v1', artifact: this.outside.artifacts.v1, configuration, promotion: 'p', since: 0 };
  }

  back(change: Partial<SlotState>): Promise<BroughtBack> {
    const slot = { ...emptySlot(key), stable: this.stable, wanted: ['v1'], ...change };
    const signal = AbortSignal.timeout(20_000);
    return bringBack({ slot, project, releases: {} }, this.outside.driver, nodeCrypto, signal);
  }

  /** A rollout of v2, as it was when everything was stopped. */
  rollout(
    weights: { readonly asked: readonly Weight[]; readonly seen: readonly Weight[] },
    change: Partial<Promotion> = {},
    artifact: Digest = this.outside.artifacts.v2,
  ): Partial<SlotState> {
    const requested = {
      type: 'requested',
      at: 0,
      promotion: 'q',
      release: 'v2',
      stage: 'live',
      pipeline: nowhere,
      mode: 'promote',
      liftQuarantine: false,
      by: { id: 'a', kind: 'person' },
      note: '',
    } as const;
    const [promotion] = foldSlot(emptySlot(key), requested, 1).promotions;
    assert.ok(promotion);
    const document = {
      slot: key,
      stage: 'live',
      release: 'v2',
      sealed: nowhere,
      artifact,
      configuration,
      pipeline: nowhere,
      environment: nowhere,
      steps: [10, 50, 100],
      baseline: { release: 'v1', artifact: this.outside.artifacts.v1 },
      migrations: [],
    };
    return {
      moving: 'q',
      promotions: [{ ...promotion, state: 'rolling-out', plan: { digest: nowhere, document }, ...change }],
      wanted: ['v1', 'v2'],
      weights: [...weights.asked],
      observed: { at: 0, generation: 0, workloads: [], weights: [...weights.seen], level: 'confirmed' },
    };
  }
}

async function stopped(run: (made: Stopped, outside: TestEnvironment) => Promise<void>): Promise<void> {
  const outside = await makeEnvironment();
  try {
    await run(new Stopped(outside), outside);
  } finally {
    await outside.close();
  }
}

test('after a restart of its agent what was stable serves again, and a newer decision is left alone', () =>
  stopped(async (made, outside) => {
    assert.deepEqual(await made.back({ stable: null }), nothingToDo);
    assert.match(
      JSON.stringify(await made.back({ stable: { ...made.stable, configuration: nowhere } })),
      /configuration has changed/,
    );
    assert.deepEqual(await made.back({}), { kind: 'back', weights: at(100, 0), without: null });
    const seen = await outside.observe();
    assert.deepEqual(seen.weights, at(100, 0));
    assert.equal(seen.workloads[0]?.ready, 2);
    assert.equal((await outside.request('/')).body, 'v1');
    assert.deepEqual(await made.back({}), nothingToDo);
  }));

test('in a rollout the canary comes back too, with no more traffic than it was seen to have', () =>
  stopped(async (made, outside) => {
    const rollout = made.rollout({ asked: at(50, 50), seen: at(90, 10) }, { step: 1 });
    assert.deepEqual(await made.back(rollout), { kind: 'back', weights: at(90, 10), without: null });
    const seen = await outside.observe();
    assert.deepEqual(seen.weights, at(90, 10));
    assert.deepEqual(
      // Both come at once: whichever is there first is told first.
      Object.fromEntries(seen.workloads.map(({ release, ready }) => [release, ready])),
      { v1: 2, v2: 1 },
    );
  }));

test('at full traffic stable comes back beside the canary, to go back to', () =>
  stopped(async (made, outside) => {
    const rollout = made.rollout({ asked: at(0, 100), seen: at(0, 100) }, { state: 'observing', step: 2 });
    assert.deepEqual(await made.back(rollout), { kind: 'back', weights: at(0, 100), without: null });
    assert.deepEqual(
      (await outside.observe()).workloads.map(({ ready }) => ready),
      [2, 2],
    );
  }));

test('what is on its way back stays away, and so does a canary that cannot be started: stable serves', async () => {
  await stopped(async (made, outside) => {
    const rollout = made.rollout({ asked: at(100, 0), seen: at(90, 10) }, { state: 'rolling-back', step: 0 });
    assert.deepEqual(await made.back(rollout), { kind: 'back', weights: at(100, 0), without: null });
    assert.equal((await outside.observe()).workloads.length, 1);
  });
  await stopped(async (made, outside) => {
    const rollout = made.rollout({ asked: at(90, 10), seen: at(90, 10) }, { step: 0 }, nowhere);
    const came = await made.back(rollout);
    assert.ok(came.kind === 'back');
    assert.deepEqual(came.weights, at(100, 0));
    assert.match(came.without ?? '', /^v2: it was not started \(failed: .+\)$/);
    assert.deepEqual((await outside.observe()).weights, at(100, 0));
  });
});

test('a first release comes back with all traffic or, where it had none yet, with none', async () => {
  await stopped(async (made, outside) => {
    const rollout = made.rollout({ asked: at(0, 100), seen: [] }, { step: 0 });
    assert.deepEqual(await made.back({ ...rollout, stable: null, wanted: ['v2'] }), nothingToDo);
    const seen = await outside.observe();
    assert.deepEqual([seen.weights, seen.workloads[0]?.ready], [[], 1]);
  });
  await stopped(async (made) => {
    const rollout = made.rollout({ asked: at(0, 100), seen: at(0, 100) }, { step: 0 });
    assert.deepEqual(await made.back({ ...rollout, stable: null, wanted: ['v2'] }), {
      kind: 'back',
      weights: at(0, 100),
      without: null,
    });
  });
});
