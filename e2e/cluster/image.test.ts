import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { z } from 'zod';
import { run } from './command.ts';
import { buildImage, lintDockerfile } from './tools.ts';

const inImage = (name: string): string =>
  fileURLToPath(new URL(`../../deploy/image/${name}`, import.meta.url));
const dockerfile = inImage('Dockerfile');

async function folder(): Promise<{ readonly path: string; [Symbol.asyncDispose](): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'belay-image-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

const Descriptor = z.object({ digest: z.string(), size: z.int() });
const Manifest = z.object({ config: Descriptor, layers: z.array(Descriptor) });
const Config = z.object({ config: z.object({ User: z.string(), Entrypoint: z.array(z.string()) }) });

async function blob<T>(layout: string, digest: string, schema: z.ZodType<T>): Promise<T> {
  return schema.parse(JSON.parse(await readFile(join(layout, 'blobs', digest.replace(':', '/')), 'utf8')));
}

test('the Dockerfile passes its linter', async () => {
  await lintDockerfile(dockerfile);
});

test('the server’s image is the same each time, small, and has no shell in it', async (t) => {
  await using work = await folder();
  const digests: string[] = [];
  for (const name of ['first', 'second']) {
    const root = join(work.path, name, 'root');
    await run(process.execPath, ['--disable-warning=ExperimentalWarning', inImage('root.ts'), root]);
    const layout = await buildImage(join(work.path, name), dockerfile, root);
    const index = z
      .object({ manifests: z.array(Descriptor).length(1) })
      .parse(JSON.parse(await readFile(join(layout, 'index.json'), 'utf8')));
    digests.push(index.manifests[0]?.digest ?? '');
  }
  assert.equal(digests[0], digests[1]);
  const layout = join(work.path, 'second/layout');
  const manifest = await blob(layout, digests[1] ?? '', Manifest);
  const { config } = await blob(layout, manifest.config.digest, Config);
  assert.equal(config.User, '65532:65532');
  const bytes = manifest.layers.reduce((sum, { size }) => sum + size, 0);
  t.diagnostic(`${(bytes / 1e6).toFixed(1)} MB compressed, ${digests[1]}`);
  assert.ok(bytes <= 100e6);
  const root = join(work.path, 'second/root');
  const files = await readdir(root, { recursive: true });
  const programs: string[] = [];
  for (const path of files) {
    const { mode } = await stat(join(root, path));
    if ((mode & 0o111) !== 0 && /(^|\/)s?bin\//.test(path) && !path.startsWith('app/')) programs.push(path);
  }
  assert.deepEqual(programs, ['usr/bin/node']);
  assert.deepEqual(
    files.filter((path) => /(^|\/)(sh|bash|dash|busybox|apt|dpkg|npm|npx|curl|wget)$/.test(path)),
    [],
  );
  const bill = z
    .object({ bomFormat: z.literal('CycloneDX'), components: z.array(z.object({ name: z.string() })) })
    .parse(JSON.parse(await readFile(join(root, 'usr/share/sbom/belay.cdx.json'), 'utf8')));
  const installed = files.flatMap(
    (path) => /^app\/(?:.*\/)?node_modules\/((?:@[^/]+\/)?[^/@.]+)$/.exec(path)?.[1] ?? [],
  );
  const named = bill.components.map(({ name }) => name);
  assert.ok(installed.includes('zod') && installed.includes('@hono/node-server'));
  assert.deepEqual(
    installed.filter((name) => !named.includes(name)),
    [],
  );
  for (const name of ['node', 'libc6', 'libstdc++6']) assert.ok(named.includes(name), name);
});
