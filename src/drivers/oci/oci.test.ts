import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { dockerCredentials } from './docker-credentials.ts';
import { writeManifest } from './image-layout.ts';
import { addArchive, blobFile, writeLayer } from './layer.ts';
import { RemoteRepository } from './push.ts';
import { parseRepository } from './repository.ts';

const { signal } = new AbortController();
let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'belay-oci-'));
});
after(() => rm(folder, { recursive: true }));

const sha256 = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** A registry as the specification has it, in memory; with `token`, it sends for one first. */
async function withRegistry(
  options: { readonly token?: string },
  use: (host: string, kept: Map<string, Buffer>, asked: string[]) => Promise<void>,
): Promise<void> {
  const kept = new Map<string, Buffer>();
  const asked: string[] = [];
  const server = createServer((request, response) => void answer(request, response));
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const url = new URL(request.url ?? '', `http://${request.headers.host}`);
    asked.push(`${request.method} ${url.pathname}`);
    if (url.pathname === '/token') {
      assert.equal(url.searchParams.get('scope'), 'repository:team/demo:pull,push');
      return void response.end(JSON.stringify({ token: options.token }));
    }
    if (options.token !== undefined && request.headers.authorization !== `Bearer ${options.token}`) {
      const challenge = `Bearer realm="http://${request.headers.host}/token",service="here"`;
      return void response.writeHead(401, { 'www-authenticate': challenge }).end('who?');
    }
    if (request.method === 'HEAD')
      return void response.writeHead(kept.has(url.pathname.split('/').at(-1) ?? '') ? 200 : 404).end();
    if (request.method === 'POST') return void response.writeHead(202, { location: '/up?state=1' }).end();
    const digest = url.searchParams.get('digest') ?? url.pathname.split('/').at(-1) ?? '';
    if (request.method === 'DELETE') return void response.writeHead(405).end('no');
    const bytes = Buffer.concat(chunks);
    if (sha256(bytes) !== digest) return void response.writeHead(400).end('another digest');
    kept.set(digest, bytes);
    return void response.writeHead(201).end();
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await use(`127.0.0.1:${(server.address() as AddressInfo).port}`, kept, asked);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

async function image(): Promise<{ layout: string; digest: string; archive: Buffer }> {
  const layout = await mkdtemp(join(folder, 'layout-'));
  const archive = gzipSync('as good as a tar');
  const base = await writeLayer(layout, [
    { path: 'data', content: 'folder' },
    { path: 'data/a', content: Buffer.from('a') },
  ]);
  const layers = [base, await addArchive(layout, archive)];
  const { digest } = await writeManifest(layout, layers, { entrypoint: ['/a'], labels: { a: 'b' } });
  return { layout, digest, archive };
}

describe('an image', () => {
  it('has layers that are the same files, compressed or not', async () => {
    const layout = await mkdtemp(join(folder, 'layout-'));
    const files = [{ path: 'a', content: Buffer.from('a'.repeat(5_000)) }];
    const plain = await writeLayer(layout, files);
    const small = await writeLayer(layout, files, 'gzip');
    assert.equal(plain.descriptor.digest, plain.diffId);
    assert.equal(small.diffId, plain.diffId);
    assert.ok(small.descriptor.size < plain.descriptor.size);
    const unpacked = gunzipSync(await readFile(blobFile(layout, small.descriptor.digest)));
    assert.deepEqual(unpacked, await readFile(blobFile(layout, plain.descriptor.digest)));
  });

  it('is pushed whole, and what is there is not sent again', async () => {
    const { layout, digest, archive } = await image();
    await withRegistry({}, async (host, kept, asked) => {
      const remote = new RemoteRepository({ host, path: 'team/demo', scheme: 'http' }, null);
      assert.deepEqual(await remote.push(layout, digest, signal), { ok: true, value: null });
      assert.deepEqual(kept.get(sha256(archive)), archive);
      assert.equal(kept.size, 4);
      const sent = asked.length;
      assert.ok((await remote.push(layout, digest, signal)).ok);
      assert.deepEqual(
        asked.slice(sent).map((line) => line.split(' ')[0]),
        ['HEAD', 'HEAD', 'HEAD', 'PUT'],
      );
      const removed = await remote.remove(digest, signal);
      assert.match(removed.ok ? '' : removed.error, /did not take a removal: 405 no/);
    });
  });

  it('is pushed with a token where the registry sends for one', async () => {
    const { layout, digest } = await image();
    await withRegistry({ token: 't0' }, async (host, kept, asked) => {
      const remote = new RemoteRepository({ host, path: 'team/demo', scheme: 'http' }, null);
      assert.ok((await remote.push(layout, digest, signal)).ok);
      assert.equal(kept.size, 4);
      assert.equal(asked.filter((line) => line === 'GET /token').length, 1);
    });
  });

  it('is not pushed to where nobody is, and it is said', async () => {
    const { layout, digest } = await image();
    const nobody = new RemoteRepository({ host: '127.0.0.1:1', path: 'a', scheme: 'http' }, null);
    const pushed = await nobody.push(layout, digest, signal);
    assert.match(pushed.ok ? '' : pushed.error, /registry 127\.0\.0\.1:1 cannot be reached/);
    await withRegistry({}, async (host) => {
      const secure = new RemoteRepository({ host, path: 'a', scheme: 'https' }, null);
      const refused = await secure.push(layout, digest, signal);
      assert.match(refused.ok ? '' : refused.error, /without TLS is written http:\/\/HOST\/PATH/);
    });
  });
});

describe('a repository', () => {
  it('is read with its scheme, and what is none is refused', () => {
    assert.deepEqual(parseRepository('localhost:5001/belay'), {
      ok: true,
      value: { host: 'localhost:5001', path: 'belay', scheme: 'https' },
    });
    assert.deepEqual(parseRepository('http://10.0.0.1:5000/a/b-c'), {
      ok: true,
      value: { host: '10.0.0.1:5000', path: 'a/b-c', scheme: 'http' },
    });
    for (const wrong of [
      'belay/demo',
      'ghcr.io',
      'ghcr.io/',
      'ghcr.io/A',
      'ghcr.io/a:1',
      'ghcr.io/a@sha256:0',
    ])
      assert.equal(parseRepository(wrong).ok, false, wrong);
  });
});

describe('credentials of docker login', () => {
  it('are read from the configuration, or asked from its helper', async () => {
    const home = await mkdtemp(join(folder, 'docker-'));
    const environment = { DOCKER_CONFIG: home, PATH: `${home}:${process.env['PATH']}` };
    const of = (host: string) => dockerCredentials(host, environment);
    assert.deepEqual(await of('ghcr.io'), { ok: true, value: null });
    const auth = Buffer.from('ada:p:w').toString('base64');
    const configuration = { auths: { 'ghcr.io': { auth }, 'x.io': {} }, credHelpers: { 'x.io': 'kept' } };
    await writeFile(join(home, 'config.json'), JSON.stringify(configuration));
    assert.deepEqual(await of('ghcr.io'), { ok: true, value: { user: 'ada', password: 'p:w' } });
    assert.match(JSON.stringify(await of('x.io')), /docker-credential-kept did not answer/);
    const helper = join(home, 'docker-credential-kept');
    await writeFile(
      helper,
      '#!/bin/sh\nread host\necho "{\\"Username\\":\\"bob\\",\\"Secret\\":\\"for $host\\"}"\n',
    );
    await chmod(helper, 0o755);
    assert.deepEqual(await of('x.io'), { ok: true, value: { user: 'bob', password: 'for x.io' } });
    await writeFile(join(home, 'config.json'), '{"auths":{"ghcr.io":{"auth":"!"}}}');
    const odd = await of('ghcr.io');
    assert.match(odd.ok ? '' : odd.error, /not as Docker writes it/);
  });
});
