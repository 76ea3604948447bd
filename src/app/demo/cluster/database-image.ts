import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { createShopDatabase } from '../../../../examples/shop/database.ts';
import { writeManifest } from '../../../drivers/oci/image-layout.ts';
import { type ImageFile, type Layer, writeLayer } from '../../../drivers/oci/layer.ts';
import { inPlace, librariesOf, nodePath } from '../../../drivers/oci/node-image.ts';
import { locateBinaries } from '../../../store/embedded/binaries.ts';
import { startEmbedded } from '../../../store/embedded/start.ts';

/** The database, and the role that owns it. */
export const databaseName = 'shop';

const script = new URL('../../../../examples/shop/database-server.ts', import.meta.url);

/**
 * Writes the image of the shop's database: the embedded PostgreSQL's own programs, data with the shop's schema and seed
 * in it, and a script that sets the password and starts the server. It needs no image of anybody else.
 *
 * @param node the layer with Node
 * @returns the manifest's digest
 */
export async function writeDatabaseImage(
  layout: string,
  node: Layer,
  labels: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'belay-demo-database-'));
  try {
    // PostgreSQL runs as another account where we are root, and has to come through.
    await chmod(folder, 0o711);
    const data = await makeData(join(folder, 'made'), signal);
    const layers = [
      node,
      await writeLayer(
        layout,
        [...(await programs()), ...below(data, 'postgres/data'), ...(await start())],
        'gzip',
      ),
    ];
    return (await writeManifest(layout, layers, { entrypoint: [nodePath, `/${scriptPath}`], labels })).digest;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const scriptPath = 'database-server.mjs';

async function start(): Promise<readonly ImageFile[]> {
  return [
    { path: scriptPath, content: Buffer.from(stripTypeScriptTypes(await readFile(script, 'utf8'))) },
    // A server that sets a password looks up by what name it runs: the superuser's.
    { path: 'etc/passwd', content: Buffer.from('belay:x:65532:65532::/:/bin/false\n') },
  ];
}

/** Data with the shop's tables in it; the folder that holds it. */
async function makeData(folder: string, signal: AbortSignal): Promise<string> {
  const started = await startEmbedded({ data: { kind: 'folder', path: folder }, signal });
  if (!started.ok)
    throw new Error(`the shop’s database was not made: ${started.error.message} (${started.error.fix})`);
  await using server = started.value;
  await createShopDatabase(server.connection, databaseName);
  return join(folder, 'postgres', 'data');
}

/** PostgreSQL's programs and libraries, below `postgres/`, and those of the system, where its loader looks for them. */
async function programs(): Promise<readonly ImageFile[]> {
  const found = locateBinaries();
  if (!found.ok || found.value.kind !== 'package')
    throw new Error('the embedded PostgreSQL’s programs are not those of its npm package');
  const { native } = found.value;
  const server = join(native, 'bin', 'postgres');
  const system = (await librariesOf(server)).filter((file) => !file.startsWith(native));
  // Before glibc 2.34 names of accounts are looked up by a library that no program says that it needs.
  const lookup = system
    .map((file) => join(dirname(file), 'libnss_files.so.2'))
    .find((file) => existsSync(file));
  return [
    { path: 'postgres/bin/postgres', content: { file: server }, mode: 0o755 },
    ...libraries(native),
    ...below(join(native, 'lib', 'postgresql'), 'postgres/lib/postgresql').filter(({ path }) =>
      path.endsWith('.so'),
    ),
    ...below(join(native, 'share', 'postgresql'), 'postgres/share/postgresql'),
    ...inPlace([...system, ...(lookup === undefined ? [] : [lookup])]),
  ];
}

/** The package's libraries by the names that the loader asks for, which its install script would have made. */
function libraries(native: string): readonly ImageFile[] {
  const links = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')) as readonly {
    readonly source: string;
    readonly target: string;
  }[];
  const aliases = new Map(links.map(({ source, target }) => [basename(target), basename(source)]));
  const lib = join(native, 'lib');
  const own = readdirSync(lib).filter(
    (name) => /\.so(\.|$)/.test(name) && ![...aliases.values()].includes(name),
  );
  return [...own.map((name) => [name, name] as const), ...aliases]
    .filter(([name]) => !name.endsWith('.so')) // for compilers
    .map(([name, file]) => ({
      path: `postgres/lib/${name}`,
      content: { file: join(lib, file) },
      mode: 0o755,
    }));
}

/** All that is in a folder, empty folders too, readable by everybody. */
function below(folder: string, path: string): readonly ImageFile[] {
  return readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry): readonly ImageFile[] => {
      const [file, at] = [join(folder, entry.name), `${path}/${entry.name}`];
      return entry.isDirectory()
        ? [{ path: at, content: 'folder' }, ...below(file, at)]
        : [{ path: at, content: { file } }];
    });
}
