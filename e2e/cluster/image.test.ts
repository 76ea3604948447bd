import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chown, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { z } from 'zod';
import { admitServers } from '../../src/store/server-role.ts';
import { createTestDatabase } from '../../src/store/testing/database.ts';
import { eventually } from '../eventually.ts';
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

async function makeRoot(folder: string): Promise<string> {
  const root = join(folder, 'root');
  await run(process.execPath, ['--disable-warning=ExperimentalWarning', inImage('root.ts'), root]);
  return root;
}

test('the server’s image is the same each time, small, and has no shell in it', async (t) => {
  await using work = await folder();
  const digests: string[] = [];
  for (const name of ['first', 'second']) {
    const root = await makeRoot(join(work.path, name));
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

/** Milliseconds on the clock, and of the processor. */
interface Took {
  readonly clock: number;
  readonly processor: number;
}

/** The time of the processor that a process has used, in milliseconds: proc_pid_stat(5), in hundredths of a second. */
async function processorTime(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /s, '').split(' ');
  return 10 * (Number(fields[11]) + Number(fields[12]));
}

/** Starts the server in the root file system alone, as nobody; resolves with what it took to be ready. */
async function startIn(root: string, databaseUrl: string): Promise<Took> {
  const port = await freePort();
  const began = performance.now();
  const server = spawn(
    'chroot',
    ['--userspec=65532:65532', root, '/usr/bin/node', '/app/src/app/server-main.ts'],
    {
      env: {
        PATH: process.env['PATH'] ?? '',
        NODE_ENV: 'production',
        BELAY_DATABASE_URL: databaseUrl,
        BELAY_PORT: String(port),
        BELAY_LOG_KEY_FILE: '/log-key.pem',
        BELAY_CHECKPOINT_CONFIG_MAP: 'no/cluster',
        BELAY_LOG_LEVEL: 'silent',
      },
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  const ended = once(server, 'exit');
  try {
    await eventually('the server is ready', async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => null);
      return answer?.ok === true;
    });
    return { clock: performance.now() - began, processor: await processorTime(server.pid ?? 0) };
  } finally {
    server.kill('SIGTERM');
    await ended;
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test('the server starts from its image alone within two seconds', async (t) => {
  await using work = await folder();
  await using database = await createTestDatabase();
  const root = await makeRoot(work.path);
  const key = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' });
  await writeFile(join(root, 'log-key.pem'), key, { mode: 0o440 });
  await chown(join(root, 'log-key.pem'), 0, 65_532);
  const { host, port, database: name } = database.connection;
  const url = `postgres://belay_server:only-on-loopback@${host}:${port}/${name}`;
  assert.ok((await admitServers(database.pool, url, randomBytes(16))).ok);
  const took: Took[] = [];
  for (let start = 0; start < 3; start += 1) took.push(await startIn(root, url));
  const shown = took.map(({ clock, processor }) => `${clock.toFixed(0)} ms (${processor} ms of processor)`);
  t.diagnostic(`ready after ${shown.join(', ')}`);
  // By the clock alone the test would be one of what else the machine does.
  assert.ok(
    Math.min(...took.map(({ clock, processor }) => Math.min(clock, processor))) < 2_000,
    shown.join(),
  );
});
