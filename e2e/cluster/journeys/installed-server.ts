import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { z } from 'zod';
import { chartFolder } from '../../../deploy/chart.ts';
import { Undo } from '../../../src/app/demo/stack.ts';
import { Home, type Ran, runBelay } from '../../../src/cli/testing/run-belay.ts';
import { resources } from '../../../src/drivers/kubernetes/client/resources.ts';
import { run } from '../command.ts';
import { helmBinary } from '../helm.ts';
import { pushImage } from '../image-push.ts';
import { buildImage } from '../tools.ts';
import type { TestCluster } from './cluster.ts';
import { databaseImage, postgresObjects } from './postgres-pod.ts';
import { TestNamespace } from './test-namespace.ts';

/** Belay in a cluster as its documentation installs it: image, Secrets, chart. Goes with its namespace. */
export interface InstalledServer extends AsyncDisposable {
  readonly namespace: TestNamespace;
  readonly url: string;
  readonly token: string;
  /** The authority of the server's certificate, in PEM. */
  readonly authority: string;
  /** The command line's folder. */
  readonly folder: string;
  /** Runs the command line against it with the first token. */
  belay(...args: readonly string[]): Promise<Ran>;
  /** `helm upgrade` with a further value; resolves when all pods are new. */
  upgrade(value: string): Promise<void>;
  readyPods(): Promise<readonly string[]>;
}

/** Builds the image, makes a namespace with a database and Secrets, and installs the chart there. */
export async function installServer(
  cluster: TestCluster,
  namespaces: readonly string[],
): Promise<InstalledServer> {
  const undo = new Undo();
  try {
    return await install(cluster, namespaces, undo);
  } catch (error) {
    await undo.run();
    throw error;
  }
}

async function install(
  cluster: TestCluster,
  namespaces: readonly string[],
  undo: Undo,
): Promise<InstalledServer> {
  const folder = await mkdtemp(join(tmpdir(), 'belay-installed-'));
  undo.add(() => rm(folder, { recursive: true, force: true }));
  const namespace = await TestNamespace.make(cluster, undo);
  const image = await serverImage(cluster, folder);
  const token = `belay_${randomBytes(32).toString('base64url')}`;
  const authority = await prepare(cluster, namespace, folder, token);
  const values = join(folder, 'values.yaml');
  await writeFile(values, stringify({ image, access: { namespaces } }));
  const chart = async (verb: 'install' | 'upgrade', more: readonly string[] = []): Promise<void> => {
    const options = ['--namespace', namespace.name, '--values', values, '--wait', '--timeout', '150s'];
    const env = { ...process.env, KUBECONFIG: cluster.kubeconfig };
    await run(helmBinary(), [verb, 'belay', chartFolder, ...options, ...more], { env }).catch(
      async (error: Error) => {
        throw new Error(`${error.message}\n${await namespace.lastWords()}`);
      },
    );
  };
  await chart('install');
  const { spec } = await namespace.get(resources.services, 'belay', Service);
  const url = `https://localhost:${await forwarded(spec.clusterIP, undo)}`;
  const home = new Home();
  undo.add(async () => home[Symbol.dispose]());
  const settings = { BELAY_URL: url, BELAY_TOKEN: token, BELAY_PROJECT: 'demo' };
  const env = { ...settings, NODE_EXTRA_CA_CERTS: join(folder, 'tls.crt') };
  return {
    namespace,
    url,
    token,
    authority,
    folder: home.path,
    belay: (...args) => runBelay(home, args, { env }),
    upgrade: (value) => chart('upgrade', ['--set', value]),
    readyPods: () => namespace.readyPods({ 'app.kubernetes.io/component': 'server' }),
    [Symbol.asyncDispose]: async () => {
      const problems = await undo.run();
      if (problems.length > 0) throw new AggregateError(problems, 'the server could not be removed');
    },
  };
}

const Service = z.object({ spec: z.object({ clusterIP: z.string() }) });

/** A database and the Secrets of an installation; returns the authority of its certificate. */
async function prepare(
  cluster: TestCluster,
  namespace: TestNamespace,
  folder: string,
  token: string,
): Promise<string> {
  const owner = randomBytes(12).toString('hex');
  for (const [plural, object] of postgresObjects(await databaseImage(cluster, folder), owner))
    await namespace.create(plural, object);
  const certificate = await selfSigned(folder);
  const url = (user: string, password: string): string =>
    `postgres://${user}:${password}@postgresql.${namespace.name}.svc:5432/postgres`;
  for (const [name, stringData] of [
    ['belay-database', { url: url('belay_server', randomBytes(12).toString('hex')) }],
    ['belay-database-owner', { url: url('owner', owner) }],
    ['belay-log-key', { 'log-key.pem': logKey() }],
    ['belay-first-token', { token }],
    ['belay-tls', { 'tls.crt': certificate.cert, 'tls.key': certificate.key }],
  ] as const)
    await namespace.create('secrets', { apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData });
  return certificate.cert;
}

const inImage = (name: string): string =>
  fileURLToPath(new URL(`../../../deploy/image/${name}`, import.meta.url));

async function serverImage(
  cluster: TestCluster,
  folder: string,
): Promise<{ readonly repository: string; readonly digest: string }> {
  const work = join(folder, 'server');
  await mkdir(work);
  const root = join(work, 'root');
  await run(process.execPath, ['--disable-warning=ExperimentalWarning', inImage('root.ts'), root]);
  const layout = await buildImage(work, inImage('Dockerfile'), root);
  const digest = await pushImage(layout, cluster.registry, 'belay-test/server');
  return { repository: `${cluster.registryFromNodes}/belay-test/server`, digest };
}

const logKey = (): string =>
  generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();

/** A certificate for localhost, through which it is reached, and its key; they lie in the folder too. */
async function selfSigned(folder: string): Promise<{ readonly cert: string; readonly key: string }> {
  const [cert, key] = [join(folder, 'tls.crt'), join(folder, 'tls.key')];
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-days', '2'];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  await run('openssl', ['req', ...kind, ...subject, '-out', cert, '-keyout', key]);
  return { cert: await readFile(cert, 'utf8'), key: await readFile(key, 'utf8') };
}

/** Forwards a port of this machine to the Service, as `kubectl port-forward` does; returns the port. */
async function forwarded(address: string, undo: Undo): Promise<number> {
  const open = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(443, address);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(one);
      one.pipe(other);
      one.on('error', () => other.destroy());
      one.on('close', () => open.delete(one));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  undo.add(async () => {
    for (const socket of open) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}
