import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptyProject } from '../core/decide/fold/project.ts';
import { emptySlot } from '../core/decide/fold/slot.ts';
import { renderConfiguration } from '../core/decide/plan.ts';
import { seal } from '../core/model/digest.ts';
import { Environment } from '../core/model/documents.ts';
import type { SlotState } from '../core/model/state.ts';
import { makeEnvironment, slot as key } from '../drivers/local/testing/environment.ts';
import { nodeCrypto } from '../engine/crypto.ts';
import { bringBackStable } from './bring-back.ts';

const environment = Environment.parse({
  apiVersion: 'belay.dev/v1alpha1',
  kind: 'Environment',
  metadata: { name: key.environment, project: key.project },
  spec: { driver: 'local', replicas: 2 },
});
const configuration = seal(nodeCrypto, renderConfiguration(environment, null)).digest;

test('after a restart of its agent what was stable serves again, and a newer decision is left alone', async () => {
  const outside = await makeEnvironment();
  try {
    const stable = { release: 'v1', artifact: outside.artifacts.v1, configuration, promotion: 'p', since: 0 };
    const applied = {
      document: environment,
      digest: configuration,
      by: { id: 'a', kind: 'person' as const },
      at: 0,
    };
    const project = {
      ...emptyProject,
      environments: { [key.environment]: applied },
    } as const;
    const back = async (change: Partial<SlotState>): ReturnType<typeof bringBackStable> =>
      bringBackStable(
        { slot: { ...emptySlot(key), stable, ...change }, project, releases: {} },
        outside.driver,
        nodeCrypto,
        AbortSignal.timeout(20_000),
      );
    assert.equal(await back({ stable: null }), 'nothing-to-do');
    assert.equal(await back({ moving: 'another' }), 'nothing-to-do');
    assert.match(
      JSON.stringify(await back({ stable: { ...stable, configuration: stable.artifact } })),
      /configuration has changed/,
    );
    assert.equal(await back({}), 'back');
    const seen = await outside.observe();
    assert.deepEqual(seen.weights, [{ release: 'v1', weight: 100 }]);
    assert.equal(seen.workloads[0]?.ready, 2);
    assert.equal((await outside.request('/')).body, 'v1');
    assert.equal(await back({}), 'nothing-to-do');
  } finally {
    await outside.close();
  }
});
