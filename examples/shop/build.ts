import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire, stripTypeScriptTypes } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Digest } from '../../src/core/model/digest.ts';
import { packArchive } from '../../src/drivers/local/archive.ts';

/**
 * What each version consists of: the service, and over it the files of these folders in this order. v2 is good, and
 * what came after it was built on it. v3 fails on baskets with a voucher, v4 is slow for customers with a long
 * history, v6 never becomes ready; their unit tests pass, as such tests do. v5 is good.
 */
const OVERLAYS = {
  v1: [],
  v2: ['v2'],
  v3: ['v2', 'v3'],
  v4: ['v2', 'v4'],
  v5: ['v2', 'v5'],
  v6: ['v2', 'v6'],
} as const satisfies Record<string, readonly string[]>;

export type ShopVersion = keyof typeof OVERLAYS;
export const shopVersions = Object.keys(OVERLAYS) as readonly ShopVersion[];

export interface ShopArtifact {
  readonly version: ShopVersion;
  readonly digest: Digest;
  /** The archive's file, `shop-VERSION.tar.gz` in the folder asked for. */
  readonly file: string;
  readonly bytes: Uint8Array;
}

const here = fileURLToPath(new URL('.', import.meta.url));

/** Puts the sources of a version together in an empty folder; with its unit tests, or without. */
export async function assembleSources(
  version: ShopVersion,
  folder: string,
  tests: 'tests' | 'no-tests',
): Promise<void> {
  const wanted = (path: string): boolean => tests === 'tests' || !path.endsWith('.test.ts');
  for (const source of ['service', ...OVERLAYS[version].map((overlay) => join('versions', overlay))]) {
    await cp(join(here, source), folder, { recursive: true, filter: wanted });
  }
  const number = version.slice(1);
  const description = { name: 'shop', version: `${number}.0.0`, private: true, type: 'module' };
  await writeFile(join(folder, 'package.json'), `${JSON.stringify(description, null, 2)}\n`);
}

/**
 * Builds the artifact of a version: sources and the packages they need, nothing else, so that it runs wherever its
 * Node is. Building twice gives the same bytes.
 */
export async function buildShop(version: ShopVersion, outFolder: string): Promise<ShopArtifact> {
  const folder = await mkdtemp(join(tmpdir(), 'belay-shop-build-'));
  try {
    await assembleSources(version, folder, 'no-tests');
    await compile(folder);
    await copyPackages('pg', folder);
    const { bytes, digest } = await packArchive(folder);
    await mkdir(outFolder, { recursive: true });
    const file = join(outFolder, `shop-${version}.tar.gz`);
    await writeFile(file, bytes);
    return { version, digest, file, bytes };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Brings an installed package and all that it depends on into a folder's `node_modules`; nothing but what runs. */
export async function copyPackages(root: string, folder: string): Promise<void> {
  for (const [name, source] of packagesOf(root))
    await copyPackage(source, join(folder, 'node_modules', name));
}

/** Takes the types out, once and here: a process that does so itself needs some 17 MB more. */
async function compile(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.endsWith('.ts')) continue;
    const source = stripTypeScriptTypes(await readFile(join(folder, name), 'utf8'));
    const script = source.replaceAll(/(from '\.\/[a-z-]+)\.ts'/g, "$1.js'");
    await writeFile(join(folder, name.replace(/\.ts$/, '.js')), script);
    await rm(join(folder, name));
  }
}

/** A package and all that it depends on, by name with their folders. Throws where two versions of one are needed. */
function packagesOf(root: string): Map<string, string> {
  const found = new Map<string, string>();
  const visit = (name: string, from: string): void => {
    const folder = (createRequire(from).resolve.paths(name) ?? [])
      .map((path) => join(path, name))
      .find((path) => existsSync(join(path, 'package.json')));
    if (folder === undefined) throw new Error(`the package ${name} is not installed`);
    const known = found.get(name);
    if (known === folder) return;
    if (known !== undefined) throw new Error(`two versions of ${name} are installed: ${known} and ${folder}`);
    found.set(name, folder);
    const { dependencies = {} } = createRequire(from)(join(folder, 'package.json')) as {
      dependencies?: Record<string, string>;
    };
    for (const dependency of Object.keys(dependencies)) visit(dependency, join(folder, 'package.json'));
  };
  visit(root, import.meta.filename);
  return found;
}

/** Copies what runs, and the licence; no types, sources or documents. */
async function copyPackage(source: string, target: string): Promise<void> {
  for (const entry of await readdir(source, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name).slice(source.length + 1);
    if (path.split('/').includes('node_modules')) continue;
    const runs =
      /\.(?:js|cjs|mjs)$/.test(path) && !/(?:^|\/)(?:tests?|bench|example)[./]|\.test\./.test(path);
    const kept = runs || path === 'package.json' || /^licen[cs]e/i.test(basename(path));
    if (!kept) continue;
    await mkdir(join(target, path, '..'), { recursive: true });
    await writeFile(join(target, path), await readFile(join(source, path)));
  }
}
