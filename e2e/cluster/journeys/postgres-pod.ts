import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { locateBinaries } from '../../../src/store/embedded/binaries.ts';
import { writeImage } from '../../../src/drivers/oci/image-layout.ts';
import type { ImageFile } from '../../../src/drivers/oci/layer.ts';
import { inPlace, librariesOf } from '../../../src/drivers/oci/node-image.ts';
import { pushImage } from '../image-push.ts';
import type { TestCluster } from './cluster.ts';

const Links = z.array(z.object({ source: z.string(), target: z.string() }));

/** The embedded PostgreSQL's programs; a library lies under the name that programs look for. */
async function postgres(): Promise<readonly ImageFile[]> {
  const found = locateBinaries();
  if (!found.ok || found.value.kind !== 'package') throw new Error('no PostgreSQL is installed beside us');
  const { native } = found.value;
  const links = Links.parse(JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8')));
  const wanted = new Map(
    links
      .filter(({ target }) => /\.so\.\d+$/.test(target))
      .map(({ source, target }) => [basename(source), basename(target)]),
  );
  const entries = await readdir(native, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && !entry.name.endsWith('.a'));
  return files.map(({ parentPath, name }) => {
    const path = join('postgres', parentPath.slice(native.length), wanted.get(name) ?? name);
    return { path, content: { file: join(parentPath, name) }, mode: path.includes('/bin/') ? 0o755 : 0o644 };
  });
}

/** The machine's own libraries that these load, and not those that lie beside them. */
async function systemLibraries(programs: readonly ImageFile[]): Promise<readonly ImageFile[]> {
  const found = new Map<string, ImageFile>();
  for (const { path, content } of programs) {
    if (typeof content === 'string' || Buffer.isBuffer(content) || !/bin\/postgres$|libicui18n/.test(path))
      continue;
    for (const file of inPlace(await librariesOf(content.file)))
      if (/^(usr\/)?lib/.test(file.path)) found.set(file.path, file);
  }
  return [...found.values()];
}

/** Makes a database at every start, which is gone with the pod. initdb calls a shell. */
const start = `set -e
printf %s "$POSTGRES_PASSWORD" > /data/password
/postgres/bin/initdb -D /data/db -U owner --pwfile=/data/password --auth=scram-sha-256 --encoding=UTF8 --locale=C --no-sync
echo 'host all all all scram-sha-256' >> /data/db/pg_hba.conf
exec /postgres/bin/postgres -D /data/db -c listen_addresses='*' -c unix_socket_directories= -c fsync=off \\
  -c full_page_writes=off -c io_method=sync`;

/** Pushes an image of it to the tests' registry; `folder` is for its layout. Returns its reference by digest. */
export async function databaseImage(cluster: TestCluster, folder: string): Promise<string> {
  const layout = join(folder, 'postgresql');
  await writePostgresImage(layout);
  const digest = await pushImage(layout, cluster.registry, 'belay-test/postgresql');
  return `${cluster.registryFromNodes}/belay-test/postgresql@${digest}`;
}

/** Writes an image of the PostgreSQL that is installed beside the project into a new folder. */
async function writePostgresImage(layout: string): Promise<void> {
  const programs = await postgres();
  const passwd = Buffer.from('postgres:x:65532:65532:postgres:/:/bin/sh\n');
  const shell = [...inPlace(['/bin/sh']), ...inPlace(await librariesOf('/bin/sh'))];
  const known = new Set(shell.map(({ path }) => path));
  const libraries = (await systemLibraries(programs)).filter(({ path }) => !known.has(path));
  await writeImage(layout, {
    layers: [[...shell, ...libraries, { path: 'etc/passwd', content: passwd }], programs],
    entrypoint: ['/bin/sh', '-c', start],
  });
}

/** A pod with PostgreSQL and the Service `postgresql` before it; `password` is the owner's. */
export const postgresObjects = (image: string, password: string): readonly [string, object][] => [
  [
    'pods',
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'postgresql', labels: { app: 'postgresql' } },
      spec: {
        automountServiceAccountToken: false,
        securityContext: { runAsNonRoot: true, runAsUser: 65_532, fsGroup: 65_532 },
        containers: [
          {
            name: 'postgresql',
            image,
            env: [{ name: 'POSTGRES_PASSWORD', value: password }],
            readinessProbe: { tcpSocket: { port: 5432 }, periodSeconds: 1 },
            volumeMounts: [{ name: 'data', mountPath: '/data' }],
          },
        ],
        volumes: [{ name: 'data', emptyDir: {} }],
      },
    },
  ],
  [
    'services',
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'postgresql' },
      spec: { selector: { app: 'postgresql' }, ports: [{ port: 5432 }] },
    },
  ],
];
