import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import type { Digest } from '../../../src/core/model/digest.ts';
import { ok, type Result } from '../../../src/core/model/result.ts';
import type { Observed } from '../../../src/drivers/contract.ts';
import { KubernetesApi } from '../../../src/drivers/kubernetes/client/api.ts';
import type { ApiError } from '../../../src/drivers/kubernetes/client/api-error.ts';
import { resources } from '../../../src/drivers/kubernetes/client/resources.ts';
import type { Call } from '../../../src/drivers/kubernetes/client/transport.ts';
import { createKubernetesDriver } from '../../../src/drivers/kubernetes/driver.ts';
import { workloadName } from '../../../src/drivers/kubernetes/labels.ts';
import { NamespaceWatch } from '../../../src/drivers/kubernetes/namespace-watch.ts';
import { eventually } from '../../eventually.ts';
import { makePlace, must, targetIn, testCluster } from './cluster.ts';
import { bundleOf, pushVersion } from './versions.ts';

const slot = { project: 'demo', environment: 'test', service: 'tiny' };
const signal = new AbortController().signal;
const bundleDigest: Digest = `sha256:${'1'.repeat(64)}`;

/** Counts what is asked of the API server. */
class CountingApi extends KubernetesApi {
  calls = 0;

  override call<T>(call: Call, schema: z.ZodType<T>): Promise<Result<T, ApiError>> {
    this.calls += 1;
    return super.call(call, schema);
  }
}

test('a slot at rest costs no request, and what changes is seen all the same', async () => {
  const cluster = await testCluster();
  const image = await pushVersion(cluster, { name: 'v1', failEvery: 0 });
  await using place = await makePlace(cluster, slot.service);
  const { namespace } = place;
  const api = new CountingApi(cluster.api.transport);
  let ahead = 0;
  const watch = new NamespaceWatch(cluster.api, namespace, {
    now: () => Date.now() + ahead,
    random: Math.random,
    sleep: (ms, until) => delay(ms, undefined, { signal: until }).catch(() => undefined),
  });
  const target = targetIn(place, slot, { api, watch });
  const driver = createKubernetesDriver(
    () => target,
    async () => ok(bundleOf(image)),
    () => Date.now(),
  );
  const observe = async (): Promise<Observed | null> => {
    const seen = await driver.observer.observe(slot, signal);
    return seen.ok ? seen.value : null;
  };
  const ready = (count: number) =>
    eventually(`${count} ready`, async () => {
      const seen = await observe();
      return seen?.workloads[0]?.ready === count ? seen : null;
    });
  try {
    const configuration = { digest: bundleDigest, parameters: {}, bundle: bundleDigest, secrets: [] };
    const spec = { generation: 1, release: 'v1', artifact: image.digest, replicas: 2, configuration };
    assert.deepEqual(await driver.desiredState.applyWorkload(slot, spec, signal), { outcome: 'done' });
    await ready(2);
    const weights = [{ release: 'v1', weight: 100 }];
    assert.deepEqual(await driver.traffic.shift(slot, { generation: 2, weights }, signal), {
      outcome: 'done',
    });
    const fresh = await eventually('the gateway routes by it', async () => {
      const seen = await observe();
      return seen?.level === 'confirmed' && seen.weights[0]?.weight === 100 ? seen : null;
    });
    assert.ok(api.calls > 0);
    // Half a minute later nothing has been asked of it: what the watch tells is the same, and costs nothing.
    ahead = 31_000;
    api.calls = 0;
    for (let looks = 0; looks < 20; looks += 1) assert.deepEqual(await observe(), fresh);
    assert.equal(api.calls, 0);
    // Somebody else scales it: seen, and not asked for.
    const name = workloadName(slot, 'v1');
    const one = { spec: { replicas: 1 } };
    await must(cluster.api.patch(resources.deployments, namespace, name, one, z.unknown(), signal));
    const scaled = await ready(1);
    assert.equal(scaled.workloads[0]?.desired, 1);
    assert.equal(api.calls, 0);
    // From when something is asked of it, it is read.
    assert.deepEqual(await driver.desiredState.applyWorkload(slot, { ...spec, generation: 3 }, signal), {
      outcome: 'done',
    });
    api.calls = 0;
    await observe();
    assert.equal(api.calls, 5);
    // A watch that is silent for too long is not believed.
    ahead = 400_000;
    api.calls = 0;
    await observe();
    assert.equal(api.calls, 5);
  } finally {
    await watch.stop();
  }
});
