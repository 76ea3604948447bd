import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { connectCluster } from '../cluster.ts';
import { must, type Place, testCluster } from './cluster.ts';
import { ClusterStack } from './cluster-stack.ts';
import { broken, weightsSeen } from './outside.ts';
import { settled } from './settled.ts';

/* What a rollout depends on goes away in its middle. */

const signal = new AbortController().signal;

test('the API server is away for 30 s in the middle of a step: traffic goes on, and then the rollout', async (t) => {
  using cluster = await connectCluster();
  const { processes } = cluster;
  if (processes === undefined) return t.skip('the API server of somebody else’s cluster is left alone');
  const { stack } = await ClusterStack.withV1('api-away', { rollout: { stepAtLeast: '4s' } });
  await using _ = stack;
  await stack.release({ name: 'v2', failEvery: 0 });
  await stack.untilWeight('v2', 10);
  await processes.stop('kube-apiserver', 'SIGKILL');
  try {
    await delay(30_000);
    const waits = (await stack.slot())?.promotions[0]?.waits.map(({ sentence }) => sentence);
    t.diagnostic(`meanwhile: ${waits?.join('; ')}`);
    assert.equal((await stack.slot())?.promotions[0]?.state, 'rolling-out');
  } finally {
    await processes.restart('kube-apiserver');
  }
  const end = await stack.end('v2');
  assert.equal(end.state, 'promoted', end.sentence);
  await stack.lookNoMore();
  const { looks, missed } = stack.outside;
  assert.ok(missed.length > 0);
  assert.deepEqual(broken(looks), []);
  assert.deepEqual(weightsSeen(looks, 'v2'), [0, 10, 50, 100]);
  assert.deepEqual(stack.customers.problems, {});
});

/** A way to the gateway's counters that can be closed. */
async function counters(envoyUrl: string) {
  let closed = false;
  const server = createServer((asked, answer) => {
    if (closed) {
      answer.destroy();
      return;
    }
    const sent = request(`${envoyUrl}${asked.url ?? ''}`, (page) => {
      answer.writeHead(page.statusCode ?? 502, page.headers);
      page.pipe(answer);
    });
    sent.once('error', () => answer.destroy());
    sent.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    set closed(is: boolean) {
      closed = is;
    },
    [Symbol.dispose]: () => server.close().closeAllConnections(),
  };
}

test('the gateway’s counters are away in the middle of a step: it holds and says so, and goes on when they are back', async (t) => {
  const { envoyUrl } = await testCluster();
  using page = await counters(envoyUrl);
  const { stack } = await ClusterStack.withV1('counters-away', {
    rollout: { stepAtLeast: '2s' },
    statistics: page.url,
  });
  await using _ = stack;
  await stack.release({ name: 'v2', failEvery: 0 });
  await stack.untilWeight('v2', 10);
  page.closed = true;
  await delay(15_000);
  assert.deepEqual((await stack.outside.look()).route, { v1: 90, v2: 10 });
  const waits = (await stack.slot())?.promotions[0]?.waits.map(({ sentence }) => sentence);
  t.diagnostic(`meanwhile: ${waits?.join('; ')}`);
  page.closed = false;
  const end = await stack.end('v2');
  assert.equal(end.state, 'promoted', end.sentence);
  await settled(stack, 'v2', 'v1');
  assert.deepEqual(weightsSeen(stack.outside.looks, 'v2'), [0, 10, 50, 100]);
  assert.deepEqual(stack.customers.problems, {});
});

/** What Envoy has counted, as the cluster's Prometheus has it. */
const fromPrometheus = ({ cluster, namespace }: Place): object => ({
  source: 'prometheus',
  url: cluster.prometheusUrl,
  every: '1s',
  window: '1m',
  requests: 'envoy_cluster_upstream_rq_completed',
  errors: 'envoy_cluster_upstream_rq_xx{envoy_response_code_class="5"}',
  latency: null,
  started: null,
  release: { label: 'envoy_cluster_name', value: `${namespace}_\${workload}_80` },
  pod: 'instance',
});

test('Prometheus is away in the middle of a step: it holds and says so, and goes on when it is back', async (t) => {
  using cluster = await connectCluster();
  const { processes } = cluster;
  if (processes === undefined) return t.skip('the Prometheus of somebody else’s cluster is left alone');
  const { stack } = await ClusterStack.withV1('prometheus-away', {
    rollout: { stepAtLeast: '2s' },
    metrics: fromPrometheus,
  });
  await using _ = stack;
  await stack.release({ name: 'v2', failEvery: 0 });
  await stack.untilWeight('v2', 10);
  await processes.stop('prometheus', 'SIGKILL');
  try {
    await delay(15_000);
    // What a source says is recorded at most each half a minute.
    const said = await stack.untilWaits('source-unreadable');
    assert.match(said, /Prometheus/);
    t.diagnostic(`meanwhile: ${said}`);
    assert.deepEqual((await stack.outside.look()).route, { v1: 90, v2: 10 });
  } finally {
    await processes.restart('prometheus');
  }
  const end = await stack.end('v2');
  assert.equal(end.state, 'promoted', end.sentence);
  await settled(stack, 'v2', 'v1');
  assert.deepEqual(weightsSeen(stack.outside.looks, 'v2'), [0, 10, 50, 100]);
  assert.deepEqual(stack.customers.problems, {});
});

test('without customers nothing is judged: it holds, and goes on when they come', async (t) => {
  const { stack } = await ClusterStack.withV1('no-traffic', { rollout: { stepAtLeast: '2s' } });
  await using _ = stack;
  stack.customers.come(0);
  await stack.release({ name: 'v2', failEvery: 0 });
  await stack.untilWeight('v2', 10);
  t.diagnostic(await stack.untilWaits('no-traffic'));
  await delay(12_000);
  assert.deepEqual((await stack.outside.look()).route, { v1: 90, v2: 10 });
  stack.customers.come(200);
  const end = await stack.end('v2');
  assert.equal(end.state, 'promoted', end.sentence);
  await settled(stack, 'v2', 'v1');
  assert.deepEqual(stack.customers.problems, {});
});

test('an image that nobody has gets no traffic and is refused', async (t) => {
  const { stack } = await ClusterStack.withV1('image-missing', { rollout: { progressDeadline: '12s' } });
  await using _ = stack;
  const repository = `${stack.place.cluster.registryFromNodes}/belay-test`;
  const digest = `sha256:${'e'.repeat(64)}`;
  const seal = await stack.openImage('v2', { repository, digest, reference: `${repository}@${digest}` });
  await seal();
  const end = await stack.end('v2');
  assert.deepEqual([end.state, end.reason.code], ['refused', 'progress-deadline'], end.sentence);
  t.diagnostic(end.sentence);
  await settled(stack, 'v1', 'v2');
  assert.deepEqual(weightsSeen(stack.outside.looks, 'v2'), [0]);
  assert.deepEqual(stack.customers.problems, {});
});

for (const [what, name, spoil] of [
  [
    'cannot be reached',
    'cluster-unreachable',
    (text: string) => text.replace(/server: .*/, 'server: https://127.0.0.1:1'),
  ],
  [
    'refuses the server’s token',
    'wrong-credentials',
    (text: string) => text.replace(/token: .*/, 'token: nobodys'),
  ],
] as const)
  test(`a cluster that ${what} holds a release, which says so, until that is mended`, async (t) => {
    const { stack, server } = await ClusterStack.withV1(name);
    await using _ = stack;
    await server.stop('SIGTERM');
    const kubeconfig = await readFile(stack.kubeconfig, 'utf8');
    await writeFile(stack.kubeconfig, spoil(kubeconfig));
    const cut = await stack.startServer();
    await stack.release({ name: 'v2', failEvery: 0 });
    t.diagnostic(await stack.untilWaits('effect-failing'));
    assert.deepEqual((await stack.outside.look()).route, { v1: 100 });
    await cut.stop('SIGTERM');
    await writeFile(stack.kubeconfig, kubeconfig);
    await stack.startServer();
    const end = await stack.end('v2');
    assert.equal(end.state, 'promoted', end.sentence);
    await settled(stack, 'v2', 'v1');
    assert.deepEqual(stack.customers.problems, {});
  });

test('a namespace that is deleted in the middle of a step is not said to be anything else', async (t) => {
  const { stack } = await ClusterStack.withV1('namespace-deleted', { rollout: { stepAtLeast: '4s' } });
  await using _ = stack;
  const { cluster, namespace } = stack.place;
  await stack.release({ name: 'v2', failEvery: 0 });
  await stack.untilWeight('v2', 10);
  await stack.lookNoMore();
  const path = `/api/v1/namespaces/${namespace}`;
  await must(cluster.api.call({ method: 'DELETE', path, signal }, z.unknown()));
  await delay(20_000);
  const seen = await stack.slot();
  const waits = seen?.promotions[0]?.waits.map(({ sentence }) => sentence);
  t.diagnostic(
    `${seen?.promotions[0]?.state ?? seen?.ended[0]?.state}: ${waits?.join('; ') ?? seen?.ended[0]?.sentence}`,
  );
  assert.ok(!(seen?.ended ?? []).some(({ release, state }) => release === 'v2' && state === 'promoted'));
});
