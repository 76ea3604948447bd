import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { z } from 'zod';
import { bill } from './bill-of-materials.ts';

/**
 * Makes the root file system of the server's image in a new folder: the same bytes each time, of nothing that is not
 * pinned. Node and the libraries of npm come by package-lock.json, which has their digests; the C and C++ libraries that
 * Node loads are Debian's, by base.lock.json. Needs apt-get and npm. `--pin` writes the versions that Debian offers now
 * into base.lock.json instead.
 */

const project = fileURLToPath(new URL('../..', import.meta.url));
const lockFile = fileURLToPath(new URL('base.lock.json', import.meta.url));

const BasePackage = z.strictObject({
  name: z.string(),
  version: z.string(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
const Lock = z.strictObject({ debian: z.string(), architecture: z.string(), packages: z.array(BasePackage) });
type Lock = z.infer<typeof Lock>;

const basePackages = ['gcc-12-base', 'libc6', 'libgcc-s1', 'libstdc++6'];

/** What Node loads, and what glibc loads by itself to look names up. */
const libraries =
  /\/(ld-linux-x86-64\.so\.2|lib(c|m|dl|pthread|rt|resolv|gcc_s|stdc\+\+|nss_dns|nss_files)\.so\.[0-9.]+)$/;

/** Files that glibc and programs expect, where a distribution would have them. */
const systemFiles: Readonly<Record<string, string>> = {
  'etc/passwd': 'root:x:0:0:root:/:/nologin\nbelay:x:65532:65532:belay:/:/nologin\n',
  'etc/group': 'root:x:0:\nbelay:x:65532:\n',
  'etc/nsswitch.conf': 'hosts: files dns\n',
};

const execute = promisify(execFile);

/** Runs a program to its end and returns what it printed; throws with what it complained of. */
const run = async (program: string, args: readonly string[], cwd = project): Promise<string> =>
  (await execute(program, args, { cwd, maxBuffer: 64_000_000 })).stdout;

/** Downloads a package of Debian as its signed index has it, and returns the file. */
async function download(folder: string, name: string, version: string | null): Promise<string> {
  const wanted = version === null ? name : `${name}=${version}`;
  const fetch = () => run('apt-get', ['download', '-o', 'APT::Sandbox::User=root', wanted], folder);
  await fetch()
    .catch(async () => {
      await run('apt-get', ['update']);
      return fetch();
    })
    .catch((error: Error) => {
      throw new Error(
        `${wanted} cannot be had: ${error.message.trim()}\nif Debian has replaced it since, pin anew with --pin`,
      );
    });
  const file = (await readdir(folder)).find((entry) => entry.startsWith(`${name}_`));
  if (file === undefined) throw new Error(`apt-get has left no file of ${name}`);
  return join(folder, file);
}

const sha256Of = async (file: string): Promise<string> =>
  createHash('sha256')
    .update(await readFile(file))
    .digest('hex');

async function pin(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'belay-base-'));
  try {
    const packages: Lock['packages'] = [];
    for (const name of basePackages) {
      const file = await download(folder, name, null);
      const version = (await run('dpkg-deb', ['--field', file, 'Version'])).trim();
      packages.push({ name, version, sha256: await sha256Of(file) });
    }
    const architecture = (await run('dpkg', ['--print-architecture'])).trim();
    const lock: Lock = { debian: '12', architecture, packages };
    await writeFile(lockFile, `${JSON.stringify(lock, null, 2)}\n`);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Debian's libraries and the licences of their packages. */
async function addBase(root: string, lock: Lock): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'belay-base-'));
  try {
    for (const { name, version, sha256 } of lock.packages) {
      const file = await download(folder, name, version);
      const found = await sha256Of(file);
      if (found !== sha256)
        throw new Error(`${basename(file)} has digest ${found}, and ${sha256} is pinned in base.lock.json`);
      const unpacked = join(folder, name);
      await run('dpkg-deb', ['--extract', file, unpacked]);
      const paths = await readdir(unpacked, { recursive: true });
      for (const path of paths.filter((one) => libraries.test(`/${one}`) || one.endsWith('/copyright')))
        await cp(join(unpacked, path), join(root, path), { verbatimSymlinks: true });
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function addServer(root: string): Promise<void> {
  const app = join(root, 'app');
  await mkdir(join(app, 'scripts'), { recursive: true });
  for (const file of ['package.json', 'package-lock.json', 'LICENSE', 'scripts/migrate.ts'])
    await cp(join(project, file), join(app, file));
  const isTest = /\.test\.ts$|\/testing(\/|$)/;
  await cp(join(project, 'src'), join(app, 'src'), { recursive: true, filter: (path) => !isTest.test(path) });
  const npm = ['ci', '--omit=dev', '--omit=optional', '--ignore-scripts', '--no-audit', '--no-fund'];
  await run('npm', npm, app);
  await rm(join(app, 'node_modules/.package-lock.json'));
  await mkdir(join(root, 'usr/bin'), { recursive: true });
  await cp(process.execPath, join(root, 'usr/bin/node'));
}

async function make(root: string): Promise<void> {
  // Modes are content too, and not to depend on whose shell this is.
  process.umask(0o022);
  const lock = Lock.parse(JSON.parse(await readFile(lockFile, 'utf8')));
  if (lock.architecture !== (await run('dpkg', ['--print-architecture'])).trim())
    throw new Error(`base.lock.json pins packages for ${lock.architecture} only`);
  if (!process.execPath.startsWith(project))
    throw new Error('Node is not the one that package-lock.json pins: run npm ci first');
  if (existsSync(root)) throw new Error(`${root} is there already; name a new folder`);
  for (const [path, text] of Object.entries(systemFiles)) {
    await mkdir(join(root, path, '..'), { recursive: true });
    await writeFile(join(root, path), text);
  }
  await addBase(root, lock);
  await addServer(root);
  const text = await bill(join(root, 'app'), lock.packages);
  await mkdir(join(root, 'usr/share/sbom'), { recursive: true });
  await writeFile(join(root, 'usr/share/sbom/belay.cdx.json'), text);
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { pin: { type: 'boolean', default: false } },
});

async function main([folder, ...more]: readonly string[]): Promise<void> {
  if (values.pin) return pin();
  if (folder === undefined || more.length > 0)
    throw new Error('usage: ./scripts/run deploy/image/root.ts FOLDER | --pin');
  return make(resolve(folder));
}

await main(positionals).catch((error: Error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
