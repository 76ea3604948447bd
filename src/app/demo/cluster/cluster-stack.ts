import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import { CliFailure } from '../../../cli/failure.ts';
import { Clusters } from '../../../drivers/kubernetes/clusters.ts';
import { kubeconfigFiles } from '../../../drivers/kubernetes/client/kubeconfig.ts';
import type { KubernetesApi } from '../../../drivers/kubernetes/client/api.ts';
import type { EnvironmentSetting } from '../documents.ts';
import type { Narrator } from '../narrator.ts';
import {
  type DemoEnvironment,
  demoEnvironments,
  makeFolder,
  type Stack,
  startDatabase,
  startServer,
  type Undo,
} from '../stack.ts';
import { databaseSetting, untilDatabaseReady } from './database.ts';
import { untilGatewayKnows } from './door.ts';
import { examineGround, type Ground } from './examine.ts';
import { demoLabel, DemoNamespace } from './namespace.ts';
import type { ClusterOptions } from './options.ts';
import { ShopImages } from './shop-images.ts';

/**
 * A node that has none of an image's layers yet has to fetch them first. Envoy adds times to its histogram every five
 * seconds: a step has to be long enough that most requests in it have been timed.
 */
const pace = { progressDeadline: '60s', stepAtLeast: '10s' } as const;

/** With what, and for how long, everything is made. */
interface Making {
  /** In the name of everything of this demo. */
  readonly id: string;
  readonly undo: Undo;
  readonly narrator: Narrator;
  readonly keep: boolean;
  readonly signal: AbortSignal;
}

/**
 * Starts a server on this machine that takes the shop to two namespaces of a cluster. Nothing is made in the cluster
 * before all that is needed was looked at; what was made is in `undo` even if a later part fails, and stays there where
 * it is to be kept.
 */
export async function startClusterStack(
  options: ClusterOptions,
  undo: Undo,
  narrator: Narrator,
  keep: boolean,
  signal: AbortSignal,
): Promise<Stack> {
  const making: Making = { id: randomBytes(4).toString('hex'), undo, narrator, keep, signal };
  const api = await connect(options.context, undo);
  const ground = await lookAround(api, options, making);
  const folder = await makeFolder(undo, keep);
  const database = await startDatabase(undo, narrator, signal);
  const images = await prepareImages(folder, ground, making);
  const hosts = await furnish(api, ground, await images.database(), making);
  const server = await startServer(undo, narrator, folder, database.serverUrl, serverEnvironment());
  return {
    ...server,
    folder,
    environments: both((environment) => settingOf(options.context, namespaceOf(making, environment), ground)),
    pace,
    edges: both((environment) => ({ url: ground.gatewayUrl, host: hosts[environment] })),
    pids: [process.pid, ...server.pids],
    deliver: (built) => images.deliver(built),
  };
}

const both = <T>(make: (environment: DemoEnvironment) => T): Readonly<Record<DemoEnvironment, T>> => ({
  staging: make('staging'),
  production: make('production'),
});

const namespaceOf = ({ id }: Making, environment: DemoEnvironment): string =>
  `belay-demo-${id}-${environment}`;

async function connect(context: string, undo: Undo): Promise<KubernetesApi> {
  const clusters = new Clusters(process.env, () => Date.now());
  undo.add(() => clusters.close());
  const connected = await clusters.api(context);
  if (connected.ok) return connected.value;
  throw new CliFailure('usage', connected.error, ['kubectl config get-contexts   lists what there is']);
}

/** Says what was looked at; throws where anything is not well. */
async function lookAround(api: KubernetesApi, options: ClusterOptions, making: Making): Promise<Ground> {
  const { narrator, signal } = making;
  const { lines, ground } = await examineGround(api, namespaceOf(making, 'production'), options, signal);
  signal.throwIfAborted();
  for (const { status, name, found, fix } of lines) {
    const line = `${name.padEnd(12)} ${found}`;
    if (status === 'failed') narrator.turned(`${line}; next: ${fix ?? ''}`);
    else if (status === 'skipped') narrator.note(line);
    else narrator.done(line);
  }
  if (ground !== null) return ground;
  const failed = lines.filter(({ status }) => status === 'failed').length;
  throw new CliFailure('error', `${failed} of ${lines.length} looks failed; nothing was made in the cluster`);
}

async function prepareImages(folder: string, ground: Ground, making: Making): Promise<ShopImages> {
  const { id, undo, narrator, keep, signal } = making;
  const { repository } = ground.images;
  narrator.note(`images are made and pushed to ${repository.host}/${repository.path}`);
  const images = await ShopImages.prepare(folder, ground.images, id, signal);
  if (keep) return images;
  undo.add(async () => {
    const kept = await images.removeAll();
    if (kept !== null) narrator.note(`images stay in the registry: ${kept}`);
  });
  return images;
}

/** Makes the namespaces and what is in them before the first release; the names that customers ask for. */
async function furnish(
  api: KubernetesApi,
  ground: Ground,
  databaseImage: string,
  making: Making,
): Promise<Readonly<Record<DemoEnvironment, string>>> {
  const { id, narrator, signal } = making;
  const hosts = both((environment) => `${environment}-${id}.${ground.entrance.domain}`);
  const spaces = both((environment) => new DemoNamespace(api, namespaceOf(making, environment), signal));
  removeAtTheEnd(Object.values(spaces), making);
  for (const environment of demoEnvironments) {
    await spaces[environment].make(id);
    await spaces[environment].furnish(ground.entrance, hosts[environment], databaseImage);
  }
  for (const environment of demoEnvironments)
    await untilGatewayKnows({ url: ground.gatewayUrl, host: hosts[environment] }, signal);
  await Promise.all(Object.values(spaces).map(({ name }) => untilDatabaseReady(api, name, signal)));
  const names = Object.values(spaces).map(({ name }) => name);
  narrator.done(`namespaces   ${names.join(', ')}, a database in each`);
  return hosts;
}

/** Before they are made: whatever happens from then on, they go, or it is said how. */
function removeAtTheEnd(spaces: readonly DemoNamespace[], { id, undo, narrator, keep }: Making): void {
  const byHand = `kubectl delete namespace -l ${demoLabel}=${id}`;
  narrator.note(`if this is killed, nobody removes its namespaces: ${byHand}`);
  undo.add(async () => {
    if (keep) return narrator.note(`the namespaces are kept; remove them by: ${byHand}`);
    narrator.note('the namespaces are being removed');
    const removed = await Promise.allSettled(spaces.map((one) => one.remove()));
    const problems = removed.flatMap((one) => (one.status === 'rejected' ? [String(one.reason)] : []));
    if (problems.length > 0) throw new Error(problems.join('; '));
    return narrator.done('the namespaces and all that was in them are gone');
  });
}

const settingOf = (context: string, namespace: string, ground: Ground): EnvironmentSetting => ({
  driver: 'kubernetes',
  kubernetes: {
    context,
    namespace,
    gateway: { statistics: [...ground.statistics], configuration: [...ground.configuration] },
  },
  ...databaseSetting,
});

/**
 * The server reaches the cluster as we do: by the same kubeconfig, whose programs for credentials may need anything of
 * the user's shell. What is said to another server of his is not for this one.
 */
function serverEnvironment(): Readonly<Record<string, string>> {
  const inherited = Object.entries(process.env).flatMap(([name, value]) =>
    value === undefined || name.startsWith('BELAY_') ? [] : [[name, value] as const],
  );
  const files = kubeconfigFiles(process.env).map((file) => resolve(file));
  return { ...Object.fromEntries(inherited), KUBECONFIG: files.join(':') };
}
