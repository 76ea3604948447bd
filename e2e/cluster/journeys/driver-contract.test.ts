import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Digest } from '../../../src/core/model/digest.ts';
import { err, ok } from '../../../src/core/model/result.ts';
import { environmentContract, type Observed } from '../../../src/drivers/contract.ts';
import { createKubernetesDriver } from '../../../src/drivers/kubernetes/driver.ts';
import type { EnvironmentDriver, WorkloadSpec } from '../../../src/ports/environment.ts';
import { makePlace, type Place, testCluster } from './cluster.ts';
import { bundleOf, pushVersion, type VersionImage } from './versions.ts';

/** The contract that every driver has to keep, on a real API server, real pods and a real gateway. */

const slot = { project: 'demo', environment: 'test', service: 'tiny' };
const deadlineMs = 60_000;
const signal = new AbortController().signal;

environmentContract('kubernetes', async () => {
  const cluster = await testCluster();
  const images = {
    v1: await pushVersion(cluster, { name: 'v1', failEvery: 0 }),
    v2: await pushVersion(cluster, { name: 'v2', failEvery: 0 }),
  };
  const place = await makePlace(cluster, slot.service);
  const driver = driverOf(place, images);
  const spec =
    (release: 'v1' | 'v2') =>
    (generation: number, replicas: number): WorkloadSpec => ({
      generation,
      release,
      artifact: images[release].digest,
      replicas,
      configuration: {
        digest: `sha256:${'0'.repeat(64)}`,
        parameters: { COLOUR: 'green' },
        bundle: bundleDigest(release),
        secrets: [],
      },
    });
  const until = (predicate: (observed: Observed) => boolean): Promise<Observed> =>
    untilSeen(driver, predicate);
  return {
    driver,
    slot,
    releases: { stable: spec('v1'), canary: spec('v2') },
    until,
    sendRequests: async (count) => {
      const agent = new Agent({ keepAlive: true });
      for (let sent = 0; sent < count; sent += 1) await send(place, agent);
      agent.destroy();
    },
    close: async () => place[Symbol.asyncDispose](),
  };
});

/** Stands for the digest under which a release's bundle was uploaded. */
const bundleDigest = (release: 'v1' | 'v2'): Digest => `sha256:${release.slice(1).repeat(64)}`;

function driverOf(
  place: Place,
  images: { readonly v1: VersionImage; readonly v2: VersionImage },
): EnvironmentDriver {
  const { cluster, namespace } = place;
  const target = {
    api: cluster.api,
    slot,
    namespace,
    route: slot.service,
    service: slot.service,
    statistics: [cluster.envoyUrl],
    configuration: [cluster.envoyUrl],
    watch: null,
  };
  const bundles = new Map([
    [bundleDigest('v1'), bundleOf(images.v1)],
    [bundleDigest('v2'), bundleOf(images.v2)],
  ]);
  const read = async (digest: Digest) => {
    const bundle = bundles.get(digest);
    return bundle === undefined ? err('there is no such bundle') : ok(bundle);
  };
  return createKubernetesDriver(
    () => target,
    read,
    () => Date.now(),
  );
}

async function untilSeen(
  driver: EnvironmentDriver,
  predicate: (observed: Observed) => boolean,
): Promise<Observed> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const seen = await driver.observer.observe(slot, signal);
    if (seen.ok && predicate(seen.value)) return seen.value;
    if (performance.now() > deadline)
      throw new Error(`it did not come to be so: ${JSON.stringify(seen.ok ? seen.value : seen.error)}`);
    await delay(100);
  }
}

function send(place: Place, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request(place.cluster.gatewayUrl, { agent, headers: { host: place.host } }, (response) => {
      response.resume();
      response.once('end', () =>
        response.statusCode === 200 ? resolve() : reject(new Error(`answered ${response.statusCode}`)),
      );
    });
    sent.once('error', reject);
    sent.end();
  });
}
