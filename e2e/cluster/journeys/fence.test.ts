import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Digest } from '../../../src/core/model/digest.ts';
import { err, ok } from '../../../src/core/model/result.ts';
import type { KubernetesApi } from '../../../src/drivers/kubernetes/client/api.ts';
import { createKubernetesDriver } from '../../../src/drivers/kubernetes/driver.ts';
import type { ReadBundle } from '../../../src/drivers/kubernetes/target.ts';
import type { EnvironmentDriver, WorkloadSpec } from '../../../src/ports/environment.ts';
import { eventually } from '../../eventually.ts';
import { makePlace, type Place, targetIn, testCluster } from './cluster.ts';
import { bundleOf, pushVersion, type VersionImage } from './versions.ts';

/* Two workers on one slot at the same time, one of them overtaken: the lower generation loses, whoever is faster. */

const slot = { project: 'demo', environment: 'test', service: 'tiny' };
const signal = new AbortController().signal;
const bundleDigest: Digest = `sha256:${'1'.repeat(64)}`;

async function prepared(): Promise<{ place: Place; image: VersionImage; read: ReadBundle }> {
  const cluster = await testCluster();
  const image = await pushVersion(cluster, { name: 'v1', failEvery: 0 });
  const text = bundleOf(image);
  const read: ReadBundle = async (digest) =>
    digest === bundleDigest ? ok(text) : err('there is no such bundle');
  return { place: await makePlace(cluster, slot.service), image, read };
}

const specOf = (image: VersionImage, release: string, generation: number): WorkloadSpec => ({
  generation,
  release,
  artifact: image.digest,
  replicas: 1,
  configuration: { digest: bundleDigest, parameters: {}, bundle: bundleDigest, secrets: [] },
});

async function observed(driver: EnvironmentDriver) {
  const seen = await driver.observer.observe(slot, signal);
  return seen.ok ? seen.value : null;
}

test('of two who write the route at once, the later generation is what stays', async () => {
  const { place, image, read } = await prepared();
  await using _ = place;
  const driver = createKubernetesDriver(
    () => targetIn(place, slot),
    read,
    () => Date.now(),
  );
  for (const release of ['v1', 'v2'])
    assert.deepEqual(await driver.desiredState.applyWorkload(slot, specOf(image, release, 1), signal), {
      outcome: 'done',
    });
  await eventually('both are ready', async () => {
    const workloads = (await observed(driver))?.workloads ?? [];
    return workloads.length === 2 && workloads.every(({ ready }) => ready === 1);
  });
  for (let generation = 2; generation < 22; generation += 2) {
    const older = { generation, weights: [{ release: 'v1', weight: 100 }] };
    const newer = {
      generation: generation + 1,
      weights: [
        { release: 'v1', weight: 60 },
        { release: 'v2', weight: 40 },
      ],
    };
    const [first, second] = await Promise.all([
      driver.traffic.shift(slot, older, signal),
      driver.traffic.shift(slot, newer, signal),
    ]);
    assert.equal(second.outcome, 'done', JSON.stringify(second));
    assert.ok(['done', 'stale'].includes(first.outcome), JSON.stringify(first));
    const seen = await eventually('the route is taken', () => observed(driver));
    assert.equal(seen.generation, generation + 1);
  }
  await eventually('the later weights are what the gateway routes by', async () => {
    const seen = await observed(driver);
    return seen?.weights.find(({ release }) => release === 'v2')?.weight === 40;
  });
});

/** An API that stands still before it applies a Deployment, until it is let go: a worker that was frozen there. */
function freezing(api: KubernetesApi): { api: KubernetesApi; frozen: Promise<void>; letGo: () => void } {
  const reached = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const apply: KubernetesApi['apply'] = async (resource, ...rest) => {
    if (resource.kind === 'Deployment') {
      reached.resolve();
      await gate.promise;
    }
    return api.apply(resource, ...rest);
  };
  const frozen = new Proxy(api, {
    get: (of, name) => {
      if (name === 'apply') return apply;
      const value: unknown = Reflect.get(of, name, of);
      return typeof value === 'function' ? (value.bind(of) as unknown) : value;
    },
  });
  return { api: frozen, frozen: reached.promise, letGo: () => gate.resolve() };
}

test('a worker that was frozen before its Deployment, and overtaken by a removal, leaves nothing running', async () => {
  const { place, image, read } = await prepared();
  await using _ = place;
  const slow = freezing(place.cluster.api);
  const overtaken = createKubernetesDriver(
    () => targetIn(place, slot, { api: slow.api }),
    read,
    () => Date.now(),
  );
  const driver = createKubernetesDriver(
    () => targetIn(place, slot),
    read,
    () => Date.now(),
  );
  const applying = overtaken.desiredState.applyWorkload(slot, specOf(image, 'v1', 1), signal);
  await slow.frozen;
  assert.deepEqual(await driver.desiredState.removeWorkload(slot, { generation: 2, release: 'v1' }, signal), {
    outcome: 'done',
  });
  slow.letGo();
  assert.deepEqual(await applying, { outcome: 'stale', generation: 2 });
  await eventually('nothing runs', async () => (await observed(driver))?.workloads.length === 0);
});
