import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { Environment } from '../core/model/documents.ts';
import { Clusters } from '../drivers/kubernetes/clusters.ts';
import { slot } from '../drivers/local/testing/environment.ts';
import { artifactFolder } from '../store/artifact-folder.ts';
import { driverRegistry } from './drivers.ts';

const signal = new AbortController().signal;

const documentOf = (metrics?: object): Environment =>
  Environment.parse({
    apiVersion: 'belay.dev/v1alpha1',
    kind: 'Environment',
    metadata: { name: slot.environment, project: slot.project },
    spec: { driver: 'local', ...(metrics === undefined ? {} : { metrics }) },
  });

test('a server without agents says so of a local environment', async () => {
  const registry = driverRegistry({
    agentsFolder: null,
    secretsFolder: null,
    artifacts: artifactFolder('/nowhere'),
    clusters: new Clusters({}, () => 0),
    environmentOf: async () => documentOf(),
  });
  const seen = await registry(slot).observer.observe(slot, signal);
  assert.match(seen.ok ? '' : seen.error.message, /BELAY_AGENTS is not set/);
});

test('samples come from where the environment says at the moment; all else from its driver', async () => {
  let asked = 0;
  const prometheus = createServer((_request, response) => {
    asked += 1;
    response.writeHead(503).end();
  });
  await new Promise<void>((resolve) => prometheus.listen(0, '127.0.0.1', resolve));
  try {
    const url = `http://127.0.0.1:${(prometheus.address() as AddressInfo).port}`;
    let document: Environment | undefined = documentOf({ source: 'prometheus', url });
    const registry = driverRegistry({
      agentsFolder: '/nowhere',
      secretsFolder: null,
      artifacts: artifactFolder('/nowhere'),
      clusters: new Clusters({}, () => 0),
      environmentOf: async () => document,
    });
    const driver = registry(slot);
    assert.equal(registry({ ...slot }), driver);
    const arms = { canary: 'tiny-v2', stable: 'tiny-v1', weights: [] };
    const away = await driver.metrics.scrape(slot, arms, signal);
    assert.deepEqual(away, {
      ok: false,
      error: { code: 'unreachable', message: 'Prometheus: requests: it answered 503' },
    });
    assert.equal(asked, 1);
    document = documentOf();
    const own = await driver.metrics.scrape(slot, arms, signal);
    assert.match(own.ok ? '' : own.error.message, /no agent serves this environment yet/);
    assert.equal(asked, 1);
    const seen = await driver.observer.observe(slot, signal);
    assert.match(seen.ok ? '' : seen.error.message, /no agent serves this environment yet/);
  } finally {
    const closed = new Promise((resolve) => prometheus.close(resolve));
    prometheus.closeAllConnections();
    await closed;
  }
});
