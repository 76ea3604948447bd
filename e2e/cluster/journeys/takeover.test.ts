import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { stringify } from 'yaml';
import { z } from 'zod';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Home, runBelay } from '../../../src/cli/testing/run-belay.ts';
import { resources } from '../../../src/drivers/kubernetes/client/resources.ts';
import { eventually } from '../../eventually.ts';
import { must, type Place } from './cluster.ts';
import { ClusterStack, documents, slot } from './cluster-stack.ts';
import { broken } from './outside.ts';
import { pushVersion, type VersionImage } from './versions.ts';

const signal = new AbortController().signal;

/** A Deployment and a Service as a team has them without Belay. */
async function serveWithoutBelay({ cluster, namespace }: Place, image: VersionImage): Promise<void> {
  const labels = { app: 'old' };
  const container = {
    name: 'tiny',
    image: image.reference,
    readinessProbe: { httpGet: { path: '/readyz', port: 8080 }, periodSeconds: 1 },
  };
  await must(
    cluster.api.create(
      resources.deployments,
      namespace,
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'old' },
        spec: {
          replicas: 2,
          selector: { matchLabels: labels },
          template: { metadata: { labels }, spec: { containers: [container] } },
        },
      },
      z.unknown(),
      signal,
    ),
  );
  await must(
    cluster.api.create(
      resources.services,
      namespace,
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: slot.service },
        spec: { selector: labels, ports: [{ port: 80, targetPort: 8080 }] },
      },
      z.unknown(),
      signal,
    ),
  );
}

test('what serves already is taken over as the first release, and not one request fails', async () => {
  const { stack } = await ClusterStack.over('takeover', async (place) =>
    serveWithoutBelay(place, await pushVersion(place.cluster, { name: 'v0', failEvery: 0 })),
  );
  await using _ = stack;
  const { cluster, namespace } = stack.place;
  await stack.release({ name: 'v1', failEvery: 0 });
  const end = await stack.end('v1');
  assert.equal(end.state, 'promoted', end.sentence);
  const selector = z.object({ spec: z.object({ selector: z.record(z.string(), z.string()) }) });
  const service = await must(cluster.api.get(resources.services, namespace, slot.service, selector, signal));
  assert.equal(service.spec.selector['belay.dev/release'], 'v1');
  assert.equal(service.spec.selector['app'], undefined);
  // What was there before is not Belay's to remove.
  await must(
    cluster.api.delete(resources.deployments, namespace, 'old', { propagation: 'foreground' }, signal),
  );
  await eventually('the old Deployment is gone', async () => {
    const read = await cluster.api.get(resources.deployments, namespace, 'old', z.unknown(), signal);
    return !read.ok && read.error.code === 'not-found';
  });
  await delay(1_000);
  await stack.lookNoMore();
  assert.deepEqual(stack.customers.problems, {});
  assert.ok((stack.customers.byVersion['v0'] ?? 0) > 100);
  assert.ok((stack.customers.byVersion['v1'] ?? 0) > 100);
  const since = stack.outside.looks.findIndex(({ route }) => route['v1'] !== undefined);
  assert.deepEqual(broken(stack.outside.looks.slice(since)), []);
});

test('doctor --pre names what is missing, and finds nothing where all is there', async () => {
  const { stack } = await ClusterStack.over('doctor', async (place) =>
    serveWithoutBelay(place, await pushVersion(place.cluster, { name: 'v0', failEvery: 0 })),
  );
  await using _ = stack;
  using home = new Home();
  const file = join(home.path, 'belay.yaml');
  const text = documents(stack.place)
    .map((one) => stringify(one))
    .join('---\n');
  const examine = (kubeconfig: string) =>
    runBelay(home, ['doctor', '--pre', '-f', file], { env: { KUBECONFIG: kubeconfig } });
  await writeFile(file, text);
  const whole = await examine(stack.kubeconfig);
  assert.equal(whole.code, 0, whole.stdout + whole.stderr);
  assert.match(whole.stdout, /PASSED {3}rights .*all \d+ rights in namespace/);
  assert.match(whole.stdout, /PASSED {3}route .*taken by projectcontour\.io\/gateway-controller/);
  assert.match(whole.stdout, /PASSED {3}service .*leads to 2 ready pods/);
  assert.match(whole.stdout, /PASSED {3}counters .*answers as Envoy does/);
  assert.match(whole.stdout, /PASSED {3}weights .*shows by which weights/);
  // The same account has no rights in another namespace.
  await writeFile(file, text.replaceAll(stack.place.namespace, 'default'));
  const elsewhere = await examine(stack.kubeconfig);
  assert.equal(elsewhere.code, 1);
  assert.match(elsewhere.stdout, /FAILED {3}rights .*may not create deployments\.apps in namespace default/);
  assert.match(elsewhere.stdout, /next: give it the Role in docs\/kubernetes\.md/);
  await writeFile(file, text.replaceAll('context: server', 'context: nowhere'));
  assert.match((await examine(stack.kubeconfig)).stdout, /there is no context nowhere .*; there is server/);
});
