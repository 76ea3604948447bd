import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { test } from 'node:test';
import { ok } from '../../core/model/result.ts';
import { checkpointConfigMap } from './checkpoint-config-map.ts';
import { KubernetesApi } from './client/api.ts';
import { Transport } from './client/transport.ts';

/** One ConfigMap, as an API server keeps it: a patch for another version than the one that is there is a conflict. */
async function configMap(): Promise<{
  readonly api: () => Promise<KubernetesApi>;
  readonly calls: string[];
  remove(): void;
  [Symbol.asyncDispose](): Promise<void>;
}> {
  let version = 1;
  let data: Record<string, string> | undefined;
  let there = true;
  const calls: string[] = [];
  const server = createServer((request, response) => {
    const answer = (status: number, body: unknown): void =>
      void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    const whole = () => ({ metadata: { resourceVersion: String(version) }, ...(data && { data }) });
    calls.push(request.method ?? '');
    if (!there) return answer(404, { kind: 'Status', code: 404, message: 'configmaps "log" not found' });
    if (request.method === 'GET') return answer(200, whole());
    void json(request).then((patch) => {
      const { metadata, data: change } = patch as {
        metadata: { resourceVersion: string };
        data: Record<string, string>;
      };
      if (metadata.resourceVersion !== String(version))
        return answer(409, { kind: 'Status', code: 409, reason: 'Conflict', message: 'it was modified' });
      version += 1;
      data = { ...data, ...change };
      return answer(200, whole());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const transport = new Transport({
    server: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ca: null,
    serverName: null,
    insecure: false,
    credentials: async () => ok({ token: null, certificate: null }),
    refused: () => undefined,
  });
  return {
    api: async () => new KubernetesApi(transport),
    calls,
    remove: () => (there = false),
    [Symbol.asyncDispose]: async () => {
      transport.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const at = { namespace: 'belay', name: 'log' };

test('a checkpoint in a ConfigMap is read back, and is not read again where the database agrees', async () => {
  await using map = await configMap();
  const keeper = checkpointConfigMap(map.api, at);
  assert.equal(await keeper.read(null), null);
  await keeper.write('one');
  assert.equal(await keeper.read('one'), 'one');
  assert.deepEqual(map.calls, ['GET', 'PATCH']);
  assert.equal(await keeper.read(null), 'one');
  await keeper.keepContradiction('two');
  assert.equal(await checkpointConfigMap(map.api, at).read('two'), 'one');
});

test('who was overtaken cannot put an older checkpoint over a newer one', async () => {
  await using map = await configMap();
  const frozen = checkpointConfigMap(map.api, at);
  const other = checkpointConfigMap(map.api, at);
  await frozen.read(null);
  await other.read(null);
  await other.write('newer');
  await assert.rejects(frozen.write('older'), /ConfigMap belay\/log cannot be written/);
  assert.equal(await frozen.read('older'), 'newer');
});

test('a ConfigMap that is not there is an error, and no empty log', async () => {
  await using map = await configMap();
  map.remove();
  await assert.rejects(checkpointConfigMap(map.api, at).read(null), /ConfigMap belay\/log cannot be read/);
});
