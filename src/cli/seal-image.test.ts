import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ReleaseList, SealReleaseRequest } from '../server/schemas.ts';
import { release } from './testing/recorded.ts';
import { Home, runBelay } from './testing/run-belay.ts';
import { answering, StubServer } from './testing/stub-server.ts';

const connected = (stub: StubServer): Readonly<Record<string, string>> => ({
  BELAY_URL: stub.url,
  BELAY_TOKEN: 'secret-token',
  BELAY_PROJECT: 'shop',
});

const image = `registry.example/shop@sha256:${'a'.repeat(64)}`;
const bundle = (of: string): string => `
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec: {template: {spec: {containers: [{name: shop, image: ${of}}]}}}
---
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {ports: [{port: 80}]}
`;

test('seal names an image by its digest, and uploads its bundle', async () => {
  using home = new Home();
  const text = bundle(image);
  writeFileSync(join(home.path, 'shop.yaml'), text);
  const digest = `sha256:${createHash('sha256').update(text).digest('hex')}`;
  await using stub = await StubServer.start({
    'GET /v1/releases': answering(ReleaseList, { releases: [release({ sealed: null })] }),
    [`PUT /v1/artifacts/${encodeURIComponent(digest)}`]: () => ({
      status: 201,
      body: { digest, bytes: text.length },
    }),
    'POST /v1/releases/shop/shop/shop-v2/seal': () => ({ body: release() }),
  });
  const command = ['release', 'seal', 'shop-v2', '--image', image, '--bundle', 'shop.yaml'];
  const ran = await runBelay(home, command, { env: connected(stub) });
  assert.equal(ran.stdout, 'release/shop/shop/shop-v2 sealed\n', ran.stderr);
  const sealed = SealReleaseRequest.parse(JSON.parse(stub.asked.at(-1)?.body ?? ''));
  assert.deepEqual(sealed.artifact, {
    name: 'registry.example/shop',
    digest: `sha256:${'a'.repeat(64)}`,
    kind: 'image',
  });
  assert.equal(sealed.bundle, digest);
  assert.equal(stub.asked.find((asked) => asked.method === 'PUT')?.body, text);
});

test('seal refuses a tag, two artifacts and a bundle of something else, before it asks the server', async () => {
  using home = new Home();
  writeFileSync(join(home.path, 'shop.yaml'), bundle('registry.example/shop:latest'));
  await using stub = await StubServer.start({});
  const seal = (...more: readonly string[]) =>
    runBelay(home, ['release', 'seal', 'shop-v2', ...more], { env: connected(stub) });
  const tag = await seal('--image', 'registry.example/shop:latest');
  assert.deepEqual([tag.code, /a tag is no identity/.test(tag.stderr)], [2, true], tag.stderr);
  const neither = await seal();
  assert.deepEqual(
    [neither.code, /--artifact FILE, or --image/.test(neither.stderr)],
    [2, true],
    neither.stderr,
  );
  const both = await seal('--image', image, '--artifact', 'shop.yaml');
  assert.deepEqual([both.code, /either --artifact or --image/.test(both.stderr)], [2, true], both.stderr);
  const other = await seal('--image', image, '--bundle', 'shop.yaml');
  assert.deepEqual([other.code, /expected an image by digest/.test(other.stderr)], [1, true], other.stderr);
  assert.deepEqual(stub.asked, []);
});
