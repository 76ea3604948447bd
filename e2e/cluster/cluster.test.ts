import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { z } from 'zod';
import { eventually } from '../eventually.ts';
import { type Cluster, connectCluster } from './cluster.ts';
import { completedRequests } from './envoy-counters.ts';
import { GatewayClient } from './gateway-client.ts';
import type { KubernetesObject } from './kubernetes-api.ts';
import { writeNodeImage } from '../../src/drivers/oci/node-image.ts';

/** The whole way once: image, registry, pods by digest, Services, and a route that splits live traffic by weight. */

const namespace = `belay-smoke-${randomBytes(4).toString('hex')}`;
const hostname = `${namespace}.test`;
const arms = ['stable', 'canary'] as const;
type Arm = (typeof arms)[number];

const service = `
  const { createServer } = require('node:http');
  const { lookup } = require('node:dns');
  const answers = {
    '/': (answer) => answer.end(process.env.ARM),
    '/name': (answer) => lookup('stable', (error, address) => answer.end(error ? error.code : address)),
    '/metrics': (answer) => answer.end('smoke_up{arm="' + process.env.ARM + '"} 1\\n'),
  };
  createServer((request, answer) => (answers[request.url] ?? answers['/'])(answer)).listen(8080);
  process.on('SIGTERM', () => process.exit(0));
`;

function deployment(arm: Arm, image: string): KubernetesObject {
  const probe = { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: arm, namespace },
    spec: {
      replicas: 2,
      selector: { matchLabels: { arm } },
      template: {
        metadata: {
          labels: { arm },
          annotations: { 'prometheus.io/scrape': 'true', 'prometheus.io/port': '8080' },
        },
        spec: {
          containers: [
            {
              name: 'service',
              image,
              env: [{ name: 'ARM', value: arm }],
              ports: [{ containerPort: 8080 }],
              readinessProbe: probe,
            },
          ],
        },
      },
    },
  };
}

function serviceOf(arm: Arm): KubernetesObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: arm, namespace },
    spec: { selector: { arm }, ports: [{ port: 80, targetPort: 8080 }] },
  };
}

function route(weights: Readonly<Record<Arm, number>>): KubernetesObject {
  const [parentNamespace, name] = cluster.gateway.split('/');
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name: 'service', namespace },
    spec: {
      hostnames: [hostname],
      parentRefs: [{ namespace: parentNamespace, name }],
      rules: [{ backendRefs: arms.map((arm) => ({ name: arm, port: 80, weight: weights[arm] })) }],
    },
  };
}

let cluster: Cluster;
let folder: string;
let image: string;
let client: GatewayClient;

before(async () => {
  cluster = await connectCluster();
  folder = await mkdtemp(join(tmpdir(), 'belay-smoke-'));
  const application = join(folder, 'service');
  await mkdir(application);
  await writeFile(join(application, 'server.js'), service);
  await writeNodeImage(join(folder, 'image'), application, 'server.js');
  image = await cluster.loadImage(join(folder, 'image'), 'belay/smoke');
  await cluster.api.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  client = new GatewayClient(cluster.gatewayUrl, hostname);
});

after(async () => {
  client?.[Symbol.dispose]();
  await cluster?.api.delete({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  cluster[Symbol.dispose]();
  await rm(folder, { recursive: true });
});

const Pods = z.object({
  items: z.array(
    z.object({
      metadata: z.object({ name: z.string() }),
      status: z.object({
        podIP: z.string().optional(),
        containerStatuses: z.array(z.object({ ready: z.boolean(), imageID: z.string() })).optional(),
      }),
    }),
  ),
});

test('pods run the image by its digest', async () => {
  for (const arm of arms) {
    await cluster.api.apply(deployment(arm, image));
    await cluster.api.apply(serviceOf(arm));
  }
  const digest = image.slice(image.indexOf('@') + 1);
  const ready = await eventually(
    'two pods of each arm are ready',
    async () => {
      const pods = await cluster.api.get(`/api/v1/namespaces/${namespace}/pods`, Pods);
      const containers = pods.items.flatMap(({ status }) => status.containerStatuses ?? []);
      return containers.length === 4 && containers.every((one) => one.ready) && containers;
    },
    120_000,
  );
  for (const { imageID } of ready) assert.ok(imageID.endsWith(digest), imageID);
});

/** Who answered how many of so many requests; every one must be answered well. */
async function share(requests: number): Promise<Readonly<Record<Arm, number>>> {
  const counted = { stable: 0, canary: 0 };
  for (let sent = 0; sent < requests; sent += 1) {
    const { status, body } = await client.get();
    assert.equal(status, 200, body);
    assert.ok(body === 'stable' || body === 'canary', body);
    counted[body] += 1;
  }
  return counted;
}

/** Waits until the gateway serves the route as it was changed last; before its first one it does not even listen. */
function untilOnly(expected: readonly Arm[]): Promise<true> {
  return eventually(`only ${expected.join(' and ')} answers`, async () => {
    const twenty = Promise.all(Array.from({ length: 20 }, () => client.get()));
    const bodies = await twenty.catch(() => []);
    return (
      bodies.length > 0 &&
      bodies.every(({ status, body }) => status === 200 && expected.some((arm) => arm === body))
    );
  });
}

function counters(): Promise<readonly number[]> {
  return Promise.all(
    arms.map(async (name) => {
      const classes = await completedRequests(cluster.envoyUrl, { namespace, name, port: 80 });
      return classes['2xx'] ?? 0;
    }),
  );
}

test('live traffic is split by the weights of the route, and Envoy counts the same', async () => {
  await cluster.api.apply(route({ stable: 90, canary: 10 }));
  await untilOnly(arms);
  const before = await counters();
  const seen = await share(500);
  const after = await counters();
  // Five standard deviations of a share of 10 % in 500 are 34: one run in a million misses by chance.
  assert.ok(Math.abs(seen.canary - 50) <= 34, `canary answered ${seen.canary} of 500`);
  assert.deepEqual(
    arms.map((_, index) => (after[index] ?? 0) - (before[index] ?? 0)),
    arms.map((arm) => seen[arm]),
  );
});

test('changed weights are followed, up and down to zero', async () => {
  await cluster.api.apply(route({ stable: 0, canary: 100 }));
  await untilOnly(['canary']);
  assert.deepEqual(await share(100), { stable: 0, canary: 100 });
  await cluster.api.apply(route({ stable: 100, canary: 0 }));
  await untilOnly(['stable']);
  assert.deepEqual(await share(100), { stable: 100, canary: 0 });
});

const Samples = z.object({
  data: z.object({
    result: z.array(
      z.object({ metric: z.record(z.string(), z.string()), value: z.tuple([z.number(), z.string()]) }),
    ),
  }),
});

async function query(expression: string): Promise<z.infer<typeof Samples>['data']['result']> {
  const answer = await fetch(`${cluster.prometheusUrl}/api/v1/query?query=${encodeURIComponent(expression)}`);
  return Samples.parse(await answer.json()).data.result;
}

test('Prometheus has the counters of the gateway and those of the pods', async () => {
  const [stable = 0] = await counters();
  await eventually('Prometheus has scraped what Envoy counted', async () => {
    const [sample] = await query(
      `sum(envoy_cluster_upstream_rq_xx{envoy_cluster_name="${namespace}_stable_80",envoy_response_code_class="2"})`,
    );
    return Number(sample?.value[1] ?? 0) >= stable;
  });
  await eventually('Prometheus has scraped the pods', async () => {
    return (await query(`smoke_up{namespace="${namespace}"}`)).length === 4;
  });
});

test('a pod finds a Service by its name', async () => {
  const { body } = await client.get('/name');
  const Found = z.object({ spec: z.object({ clusterIP: z.string() }) });
  const found = await cluster.api.get(`/api/v1/namespaces/${namespace}/services/stable`, Found);
  assert.equal(body, found.spec.clusterIP);
});

test('the API server goes away and comes back while traffic goes on', async (context) => {
  const { processes, api } = cluster;
  if (processes === undefined) {
    context.skip('the cluster is not ours to break');
    return;
  }
  await processes.stop('kube-apiserver');
  try {
    await assert.rejects(api.call('GET', '/readyz'), /ECONNREFUSED|ECONNRESET|socket hang up/);
    assert.deepEqual(await share(50), { stable: 50, canary: 0 });
  } finally {
    await processes.restart('kube-apiserver');
  }
  await processes.until('kube-apiserver', 'the API server is ready', async () => {
    await api.call('GET', '/readyz');
    return true;
  });
  await api.apply(route({ stable: 0, canary: 100 }));
  await untilOnly(['canary']);
});
