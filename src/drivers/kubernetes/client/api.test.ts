import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { z } from 'zod';
import { KubernetesApi } from './api.ts';
import { resources } from './resources.ts';
import { Transport } from './transport.ts';

/** What the API documents of its answers; nothing of a cluster is imitated here. */
type Answer = (request: IncomingMessage, response: ServerResponse) => void;

let answer: Answer = (_request, response) => response.end();
const seen: { method: string; url: string; type: string; body: string }[] = [];
const server = createServer((request, response) => {
  let body = '';
  request.on('data', (part: Buffer) => (body += part.toString('utf8')));
  request.on('end', () => {
    seen.push({
      method: request.method ?? '',
      url: request.url ?? '',
      type: request.headers['content-type'] ?? '',
      body,
    });
    answer(request, response);
  });
});

let refusals = 0;
let api: KubernetesApi;
const signal = new AbortController().signal;
before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const credentials = { ok: true, value: { token: null, certificate: null } } as const;
  api = new KubernetesApi(
    new Transport({
      server: `http://127.0.0.1:${port}`,
      ca: null,
      serverName: null,
      insecure: false,
      credentials: () => Promise.resolve(credentials),
      refused: () => void (refusals += 1),
    }),
  );
});
after(() => {
  api.transport.close();
  server.close();
});

const json =
  (status: number, value: unknown): Answer =>
  (_request, response) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));

const status = (code: number, message: string): Answer => json(code, { kind: 'Status', message, code });
const Named = z.object({ metadata: z.object({ name: z.string() }) });

describe('Kubernetes API', () => {
  it('applies by server-side apply with its field manager', async () => {
    answer = json(200, { metadata: { name: 'a' } });
    const manifest = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'a', resourceVersion: '7' },
    };
    const applied = await api.apply(resources.deployments, 'shop', manifest, Named, signal);
    assert.deepEqual(applied, { ok: true, value: { metadata: { name: 'a' } } });
    assert.deepEqual(seen.at(-1), {
      method: 'PATCH',
      url: '/apis/apps/v1/namespaces/shop/deployments/a?fieldManager=belay&force=true',
      type: 'application/apply-patch+yaml',
      body: JSON.stringify(manifest),
    });
  });

  it('makes errors into values, with the server’s own words', async () => {
    const codes: Record<number, string> = {
      403: 'forbidden',
      404: 'not-found',
      409: 'conflict',
      410: 'expired',
      422: 'invalid',
      429: 'throttled',
      500: 'lost',
      503: 'lost',
    };
    for (const [code, expected] of Object.entries(codes)) {
      answer = status(Number(code), 'because');
      const got = await api.get(resources.services, 'shop', 'a', Named, signal);
      assert.deepEqual(got, { ok: false, error: { code: expected, message: `because (${code})` } });
    }
    answer = json(200, { metadata: {} });
    const strange = await api.get(resources.services, 'shop', 'a', Named, signal);
    assert.equal(!strange.ok && strange.error.code, 'invalid-answer');
  });

  it('reads credentials once more when they were refused, and then gives up', async () => {
    refusals = 0;
    let calls = 0;
    answer = (request, response) => {
      calls += 1;
      status(401, 'Unauthorized')(request, response);
    };
    const got = await api.get(resources.pods, 'shop', 'a', Named, signal);
    assert.equal(!got.ok && got.error.code, 'forbidden');
    assert.deepEqual([calls, refusals], [2, 1]);
  });

  it('lists page after page', async () => {
    answer = (request, response) => {
      const url = new URL(request.url ?? '', 'http://x');
      const rest = url.searchParams.get('continue') === 'more';
      json(200, {
        metadata: { continue: rest ? '' : 'more' },
        items: [{ metadata: { name: rest ? 'b' : 'a' } }],
      })(request, response);
    };
    const listed = await api.list(resources.pods, 'shop', { x: 'y' }, Named, signal);
    assert.deepEqual(listed.ok && listed.value.map(({ metadata }) => metadata.name), ['a', 'b']);
    assert.match(seen.at(-1)?.url ?? '', /labelSelector=x%3Dy/);
  });

  it('tells a call that never left from one whose answer was lost', async () => {
    answer = (request) => request.socket.destroy();
    const lost = await api.get(resources.pods, 'shop', 'a', Named, signal);
    assert.equal(!lost.ok && lost.error.code, 'lost');
    const credentials = { ok: true, value: { token: null, certificate: null } } as const;
    const nobody = new KubernetesApi(
      new Transport({
        server: 'http://127.0.0.1:1',
        ca: null,
        serverName: null,
        insecure: false,
        credentials: () => Promise.resolve(credentials),
        refused: () => undefined,
      }),
    );
    const notSent = await nobody.get(resources.pods, 'shop', 'a', Named, signal);
    assert.equal(!notSent.ok && notSent.error.code, 'not-sent');
  });

  it('calls the deletion of what is gone done', async () => {
    answer = status(404, 'not found');
    const deleted = await api.delete(
      resources.deployments,
      'shop',
      'a',
      { propagation: 'foreground' },
      signal,
    );
    assert.deepEqual(deleted, { ok: true, value: null });
    assert.match(seen.at(-1)?.body ?? '', /"propagationPolicy":"Foreground"/);
  });
});
