import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { resources } from '../../../src/drivers/kubernetes/client/resources.ts';
import { eventually } from '../../eventually.ts';
import { must } from './cluster.ts';
import { ClusterStack } from './cluster-stack.ts';
import type { Answered } from './gateway-customers.ts';
import { servedByGateway, weightsSeen } from './outside.ts';
import { settled } from './settled.ts';
import { percentile } from './trace.ts';
import { pushVersion } from './versions.ts';

const signal = new AbortController().signal;
const windowMs = 10_000;
const controlMs = 30_000;

/** The 99th percentile of each whole window of ten seconds between two moments, in milliseconds. */
function windows(answers: readonly Answered[], from: number, to: number): readonly number[] {
  const count = Math.floor((to - from) / windowMs);
  return Array.from({ length: count }, (_, i) => {
    const begins = from + i * windowMs;
    const inside = answers.filter(({ at }) => at >= begins && at < begins + windowMs);
    return percentile(
      inside.map(({ took }) => took),
      0.99,
    );
  });
}

/** Two more pods of such a version that nothing leads to: they are pulled, started, run and ended, as in a release. */
async function control(stack: ClusterStack): Promise<void> {
  const { cluster, namespace } = stack.place;
  const image = await pushVersion(cluster, { name: 'control', failEvery: 0 });
  const labels = { app: 'control' };
  const container = {
    name: 'tiny',
    image: image.reference,
    readinessProbe: { httpGet: { path: '/readyz', port: 8080 }, periodSeconds: 1 },
    resources: { requests: { cpu: '10m', memory: '48Mi' } },
  };
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'control' },
    spec: {
      replicas: 2,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [container] } },
    },
  };
  const { deployments } = resources;
  const ends = delay(controlMs);
  await must(cluster.api.create(deployments, namespace, deployment, z.unknown(), signal));
  const Ready = z.object({ status: z.object({ readyReplicas: z.int().default(0) }) });
  await eventually('the control pods are ready', async () => {
    const read = await must(cluster.api.get(deployments, namespace, 'control', Ready, signal));
    return read.status.readyReplicas === 2;
  });
  await ends;
  await must(cluster.api.delete(deployments, namespace, 'control', { propagation: 'foreground' }, signal));
  await eventually('the control pods are gone', async () => {
    const read = await cluster.api.get(deployments, namespace, 'control', z.unknown(), signal);
    return !read.ok && read.error.code === 'not-found';
  });
}

test('a good release is promoted step by step: not one request fails, and hardly one is slower', async (t) => {
  const { stack } = await ClusterStack.withV1('good', {
    rollout: { steps: [10, 30, 60, 100], stepAtLeast: '10s' },
  });
  await using _ = stack;
  const controlBegan = performance.now();
  await control(stack);
  const began = performance.now();
  await stack.release({ name: 'v2', failEvery: 0 });
  const end = await stack.end('v2');
  assert.equal(end.state, 'promoted', end.sentence);
  assert.match(end.sentence, /confirmed|read back/i);
  const seconds = ((performance.now() - began) / 1_000).toFixed(1);
  await settled(stack, 'v2', 'v1');
  const ended = performance.now();
  assert.deepEqual(weightsSeen(stack.outside.looks, 'v2'), [0, 10, 30, 60, 100]);
  const { answers, byVersion, problems } = stack.customers;
  assert.deepEqual(problems, {});
  assert.ok((byVersion['v2'] ?? 0) > 200);
  const served = servedByGateway(stack.outside.counts);
  for (const release of ['v1', 'v2']) {
    assert.equal(served[release]?.errors, 0);
    assert.ok((served[release]?.requests ?? 0) > 200);
  }
  const before = windows(answers, controlBegan, began);
  const during = windows(answers, began, ended);
  const limit = 1.5 * Math.max(...before) + 20;
  const told = (all: readonly number[]): string => all.map((ms) => ms.toFixed(0)).join(' ');
  t.diagnostic(
    `promoted after ${seconds} s; p99 in windows of 10 s: control ${told(before)} ms, release ${told(during)} ms`,
  );
  assert.ok(before.length >= 3 && during.length >= 3);
  assert.ok(Math.max(...during) <= limit, `p99 ${told(during)} ms, and ${limit.toFixed(0)} ms are allowed`);
});
