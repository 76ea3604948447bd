import assert from 'node:assert/strict';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { z } from 'zod';
import { KubernetesApi } from './api.ts';
import { Reflector, type ReflectorTime } from './reflector.ts';
import { resources } from './resources.ts';
import { Transport } from './transport.ts';

/** One call of the reflector, held open until the test answers it. */
interface Held {
  readonly query: URLSearchParams;
  readonly response: ServerResponse;
}

const Pod = z.object({ metadata: z.object({ name: z.string() }) });
const pod = (name: string, resourceVersion: string) => ({ metadata: { name, resourceVersion } });

let held: Held[] = [];
let waiting: ((call: Held) => void)[] = [];
let server: ReturnType<typeof createServer>;
let reflector: Reflector<z.infer<typeof Pod>>;
let now = 0;
let slept: number[] = [];

/** The next call, which comes at once: nothing here waits for a clock. */
const next = (): Promise<Held> => {
  const call = held.shift();
  return call === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(call);
};

const list = ({ response }: Held, resourceVersion: string, ...names: readonly string[]): void => {
  const items = names.map((name) => pod(name, resourceVersion));
  response.end(JSON.stringify({ metadata: { resourceVersion }, items }));
};
const tell = ({ response }: Held, type: string, object: unknown): void =>
  void response.write(`${JSON.stringify({ type, object })}\n`);

const names = (): readonly string[] | null => reflector.objects?.map(({ metadata }) => metadata.name) ?? null;

/** Looks until it is so; what it waits for is on its way through a socket of this process. */
async function until(isSo: () => boolean): Promise<void> {
  for (let ticks = 0; !isSo(); ticks += 1) {
    assert.ok(ticks < 20_000, `it did not come to be so: ${JSON.stringify(names())}`);
    await new Promise(setImmediate);
  }
}

beforeEach(async () => {
  held = [];
  waiting = [];
  slept = [];
  now = 0;
  server = createServer((request, response) => {
    const call = { query: new URL(request.url ?? '', 'http://x').searchParams, response };
    const taker = waiting.shift();
    if (taker === undefined) held.push(call);
    else taker(call);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const transport = new Transport({
    server: `http://127.0.0.1:${port}`,
    ca: null,
    serverName: null,
    insecure: false,
    credentials: () => Promise.resolve({ ok: true, value: { token: null, certificate: null } }),
    refused: () => undefined,
  });
  const time: ReflectorTime = {
    now: () => now,
    random: () => 0.5,
    sleep: (ms) => {
      slept.push(ms);
      return Promise.resolve();
    },
  };
  reflector = new Reflector(
    {
      api: new KubernetesApi(transport),
      transport,
      resource: resources.pods,
      namespace: 'shop',
      labelSelector: 'a=b',
      schema: Pod,
      nameOf: ({ metadata }) => metadata.name,
    },
    time,
  );
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await reflector.stop();
});

describe('a reflector', () => {
  it('knows nothing until the watch is open, and then what it is told', async () => {
    const listing = await next();
    assert.equal(names(), null);
    list(listing, '5', 'a', 'b');
    const watching = await next();
    assert.deepEqual(
      ['watch', 'resourceVersion', 'allowWatchBookmarks', 'labelSelector', 'timeoutSeconds'].map((key) =>
        watching.query.get(key),
      ),
      ['1', '5', 'true', 'a=b', '300'],
    );
    assert.equal(names(), null);
    tell(watching, 'ADDED', pod('c', '6'));
    await until(() => names()?.includes('c') === true);
    tell(watching, 'DELETED', pod('a', '7'));
    await until(() => names()?.includes('a') === false);
    assert.deepEqual(names(), ['b', 'c']);
  });

  it('goes on where a watch was ended, by what the last bookmark said', async () => {
    list(await next(), '5', 'a');
    const first = await next();
    tell(first, 'BOOKMARK', pod('', '9'));
    await until(() => names() !== null);
    now = 240_000;
    first.response.end();
    const second = await next();
    assert.equal(second.query.get('resourceVersion'), '9');
    assert.deepEqual([reflector.lists, slept], [1, []]);
  });

  it('lists again where its version is not kept any more, and believes nothing meanwhile', async () => {
    list(await next(), '5', 'a');
    const watching = await next();
    tell(watching, 'MODIFIED', pod('a', '6'));
    await until(() => names() !== null);
    tell(watching, 'ERROR', { kind: 'Status', code: 410, message: 'too old resource version' });
    watching.response.end();
    const again = await next();
    assert.equal(again.query.get('watch'), null);
    assert.equal(names(), null);
    list(again, '50', 'b');
    const anew = await next();
    assert.equal(anew.query.get('resourceVersion'), '50');
    tell(anew, 'BOOKMARK', pod('', '51'));
    await until(() => names() !== null);
    assert.deepEqual(names(), ['b']);
  });

  it('pauses for longer and longer while it is refused, and forgets nothing that it may say', async () => {
    for (let tries = 0; tries < 4; tries += 1) (await next()).response.writeHead(503).end();
    await next();
    // Half to all of 1, 2, 4 and 8 seconds: chance says three quarters.
    assert.deepEqual(slept, [750, 1_500, 3_000, 6_000]);
    assert.equal(names(), null);
  });

  it('does not believe a watch that has been silent for too long', async () => {
    list(await next(), '5', 'a');
    const watching = await next();
    tell(watching, 'BOOKMARK', pod('', '6'));
    await until(() => names() !== null);
    now = 150_001;
    assert.equal(names(), null);
    tell(watching, 'BOOKMARK', pod('', '7'));
    await until(() => names() !== null);
  });
});
