import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { z } from 'zod';
import type { DemoReport } from '../../../src/app/demo/report.ts';
import { resources } from '../../../src/drivers/kubernetes/client/resources.ts';
import { eventually } from '../../eventually.ts';
import { Launched } from '../../launched.ts';
import { Traces } from '../../remains.ts';
import { makePlace, must, type TestCluster, testCluster } from './cluster.ts';
import { serverAccount } from './server-account.ts';

/*
 * The demo on a real cluster, as a user starts it. What is left is looked for at the API server and on this machine, and
 * not in what the demo says.
 */

const { signal } = new AbortController();
const Named = z.object({ metadata: z.object({ name: z.string() }) });

const context = async (kubeconfig: string): Promise<string> =>
  z.looseObject({ 'current-context': z.string() }).parse(parse(await readFile(kubeconfig, 'utf8')))[
    'current-context'
  ];

async function demo(cluster: TestCluster, traces: Traces, more: readonly string[]): Promise<Launched> {
  const where = ['--gateway-url', cluster.gatewayUrl, '--envoy', cluster.envoyUrl];
  return new Launched(['demo', '--context', await context(cluster.kubeconfig), ...where, ...more], {
    env: { ...traces.environment, KUBECONFIG: cluster.kubeconfig },
  });
}

const registryOf = ({ registry }: TestCluster): readonly string[] => [
  '--registry',
  `http://${registry}/belay-demo`,
];

/** The namespaces of all demos. */
async function namespaces(cluster: TestCluster): Promise<readonly string[]> {
  const path = '/api/v1/namespaces?labelSelector=belay.dev/demo';
  const { items } = await must(
    cluster.api.call({ method: 'GET', path, signal }, z.object({ items: z.array(Named) })),
  );
  return items.map(({ metadata }) => metadata.name);
}

async function nothingIsLeft(cluster: TestCluster, traces: Traces): Promise<void> {
  assert.deepEqual(await namespaces(cluster), []);
  await eventually('nothing runs', () => traces.processes().length === 0, 5_000);
  assert.deepEqual(traces.files(), []);
}

/** How a cluster tells of its registry (KEP-1755); one that does so already keeps its own. */
async function tellOfRegistry(cluster: TestCluster): Promise<AsyncDisposable> {
  const { registry, registryFromNodes } = cluster;
  const name = 'local-registry-hosting';
  const manifest = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name },
    data: {
      'localRegistryHosting.v1': `host: "${registry}"\nhostFromContainerRuntime: "${registryFromNodes}"\n`,
    },
  };
  const made = await cluster.api.create(resources.configMaps, 'kube-public', manifest, z.unknown(), signal);
  if (!made.ok) assert.equal(made.error.code, 'conflict', made.error.message);
  return {
    [Symbol.asyncDispose]: async () => {
      if (!made.ok) return;
      const how = { propagation: 'background' } as const;
      await must(cluster.api.delete(resources.configMaps, 'kube-public', name, how, signal));
    },
  };
}

test('the demo carries a good and a bad version through a cluster, and leaves nothing there', async (t) => {
  const cluster = await testCluster();
  await using _ = await tellOfRegistry(cluster);
  using traces = new Traces();
  const file = join(traces.folder, 'report.json');
  const played = await demo(cluster, traces, ['--only', 'v2,v3', '--report', file]);
  await played.said(/a database in each/, 120_000);
  assert.equal((await namespaces(cluster)).length, 2);
  const code = await played.closed;
  assert.equal(code, 0, played.output);
  const report = JSON.parse(await readFile(file, 'utf8')) as DemoReport;
  const [v1, v2, v3] = report.versions;
  assert.deepEqual([v1?.outcome, v2?.outcome, v3?.outcome], ['promoted', 'promoted', 'rolled-back']);
  assert.equal(v2?.failed, 0);
  assert.ok((v2?.requests ?? 0) > 500, `${v2?.requests} requests`);
  assert.match(v3?.reason ?? '', /points worse/);
  assert.ok((v3?.failed ?? 0) > 0 && (v3?.failed ?? 0) < 100, `${v3?.failed} failed`);
  assert.deepEqual(report.evidence, { verified: true, tamperedRefused: true });
  await nothingIsLeft(cluster, traces);
  cluster.api.transport.close();
  t.diagnostic(
    `${report.seconds} s; v3 back after ${v3?.secondsToZero} s and ${v3?.failed} of ${v3?.requests} failed`,
  );
});

for (const [when, line] of [
  ['while its databases start', /nobody removes its namespaces/],
  ['in the middle of a rollout', /production: shop-v2 at 10 %/],
] as const)
  test(`Ctrl-C of the demo ${when} leaves nothing in the cluster and nothing here`, async () => {
    const cluster = await testCluster();
    using traces = new Traces();
    const played = await demo(cluster, traces, [...registryOf(cluster), '--only', 'v2']);
    await played.said(line, 180_000);
    played.interrupt();
    assert.equal(await played.closed, 130, played.output);
    await nothingIsLeft(cluster, traces);
    cluster.api.transport.close();
  });

test('what is missing is said in one line each with what mends it, and nothing is made', async () => {
  const cluster = await testCluster();
  await using place = await makePlace(cluster, 'shop');
  using traces = new Traces();
  const kubeconfig = join(traces.folder, 'kubeconfig');
  await serverAccount(place, kubeconfig);
  const played = new Launched(['demo', '--context', 'server', '--gateway', 'nowhere/none'], {
    env: { ...traces.environment, KUBECONFIG: kubeconfig },
  });
  assert.equal(await played.closed, 1, played.output);
  assert.match(played.output, /✖ rights +may not create namespaces of the cluster; next: /);
  assert.match(played.output, /✖ rights +may not create secrets in namespace \S+; next: /);
  assert.match(played.output, /✖ gateway +.*; next: name one with --gateway/);
  assert.match(played.output, /✖ counters +.*; next: .*--envoy URL/);
  assert.match(played.output, /✖ registry +.*; next: .*--registry HOST\/PATH/);
  assert.match(played.output, /nothing was made in the cluster/);
  await nothingIsLeft(cluster, traces);
});
