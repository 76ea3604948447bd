import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { z } from 'zod';
import { chartFolder } from '../../../deploy/chart.ts';
import { Undo } from '../../../src/app/demo/stack.ts';
import { Home, type Ran, runBelay } from '../../../src/cli/testing/run-belay.ts';
import { pathOf, resources } from '../../../src/drivers/kubernetes/client/resources.ts';
import { run } from '../command.ts';
import { helmBinary } from '../helm.ts';
import { pushImage } from '../image-push.ts';
import { buildImage } from '../tools.ts';
import { must, type TestCluster } from './cluster.ts';
import { postgresObjects, writePostgresImage } from './postgres-pod.ts';

const signal = new AbortController().signal;

/** Belay in a cluster as its documentation installs it: image, Secrets, chart. Goes with its namespace. */
export interface InstalledServer extends AsyncDisposable {
  readonly namespace: string;
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
  /** Ends a pod without a word. */
  kill(pod: string): Promise<void>;
  /** What a pod has written. */
  logs(pod: string): Promise<string>;
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
  const namespace = `belay-test-${randomBytes(4).toString('hex')}`;
  const call = <T>(
    method: 'POST' | 'DELETE' | 'GET',
    path: string,
    body: object | null,
    schema: z.ZodType<T>,
  ) =>
    must(
      cluster.api.call(
        { method, path, signal, ...(body === null ? {} : { body: JSON.stringify(body) }) },
        schema,
      ),
    );
  const make = (plural: string, object: object) =>
    call('POST', `/api/v1/namespaces/${namespace}/${plural}`, object, z.unknown());
  await call('POST', '/api/v1/namespaces', named('Namespace', namespace, {}), z.unknown());
  undo.add(async () => {
    await call('DELETE', `/api/v1/namespaces/${namespace}`, null, z.unknown());
  });
  const image = await serverImage(cluster, folder);
  const owner = randomBytes(12).toString('hex');
  for (const [plural, object] of postgresObjects(await databaseImage(cluster, folder), owner))
    await make(plural, object);
  const token = `belay_${randomBytes(32).toString('base64url')}`;
  const certificate = await selfSigned(folder);
  const database = (user: string, password: string) =>
    ({ url: `postgres://${user}:${password}@postgresql.${namespace}.svc:5432/postgres` }) as const;
  for (const [name, stringData] of [
    ['belay-database', database('belay_server', randomBytes(12).toString('hex'))],
    ['belay-database-owner', database('owner', owner)],
    ['belay-log-key', { 'log-key.pem': logKey() }],
    ['belay-first-token', { token }],
    ['belay-tls', { 'tls.crt': certificate.cert, 'tls.key': certificate.key }],
  ] as const)
    await make('secrets', named('Secret', name, { stringData }));
  const values = join(folder, 'values.yaml');
  await writeFile(values, stringify({ image, access: { namespaces } }));
  const chart = async (verb: 'install' | 'upgrade', more: readonly string[] = []): Promise<void> => {
    const options = ['--namespace', namespace, '--values', values, '--wait', '--timeout', '150s', ...more];
    await run(helmBinary(), [verb, 'belay', chartFolder, ...options], {
      env: { ...process.env, KUBECONFIG: cluster.kubeconfig },
    });
  };
  await chart('install');
  const service = z.object({ spec: z.object({ clusterIP: z.string() }) });
  const path = pathOf(resources.services, namespace, 'belay');
  const { spec } = await call('GET', path, null, service);
  const url = `https://localhost:${await forwarded(spec.clusterIP, undo)}`;
  const home = new Home();
  undo.add(async () => home[Symbol.dispose]());
  const env = {
    BELAY_URL: url,
    BELAY_TOKEN: token,
    BELAY_PROJECT: 'demo',
    NODE_EXTRA_CA_CERTS: join(folder, 'tls.crt'),
  };
  return {
    namespace,
    url,
    token,
    authority: certificate.cert,
    folder: home.path,
    belay: (...args) => runBelay(home, args, { env }),
    upgrade: (value) => chart('upgrade', ['--set', value]),
    readyPods: async () => {
      const labels = { 'app.kubernetes.io/component': 'server' };
      const pods = await must(cluster.api.list(resources.pods, namespace, labels, Pod, signal));
      return pods.filter(isReady).map(({ metadata }) => metadata.name);
    },
    kill: async (pod) => {
      const at = `${pathOf(resources.pods, namespace, pod)}?gracePeriodSeconds=0`;
      await call('DELETE', at, null, z.unknown());
    },
    logs: async (pod) => {
      const opened = await cluster.api.transport.open({
        method: 'GET',
        path: `${pathOf(resources.pods, namespace, pod)}/log`,
        signal,
      });
      if (!opened.ok) throw new Error(opened.error.message);
      return text(opened.value);
    },
    [Symbol.asyncDispose]: async () => {
      const problems = await undo.run();
      if (problems.length > 0) throw new AggregateError(problems, 'the server could not be removed');
    },
  };
}

const named = (kind: string, name: string, rest: object): object => ({
  apiVersion: 'v1',
  kind,
  metadata: { name },
  ...rest,
});

const Pod = z.object({
  metadata: z.object({ name: z.string(), deletionTimestamp: z.string().optional() }),
  status: z.object({
    conditions: z.array(z.object({ type: z.string(), status: z.string() })).default([]),
  }),
});

const isReady = ({ metadata, status }: z.infer<typeof Pod>): boolean =>
  metadata.deletionTimestamp === undefined &&
  status.conditions.some((condition) => condition.type === 'Ready' && condition.status === 'True');

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

async function databaseImage(cluster: TestCluster, folder: string): Promise<string> {
  const layout = join(folder, 'postgresql');
  await writePostgresImage(layout);
  const digest = await pushImage(layout, cluster.registry, 'belay-test/postgresql');
  return `${cluster.registryFromNodes}/belay-test/postgresql@${digest}`;
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
