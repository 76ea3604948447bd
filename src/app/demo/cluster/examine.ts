import { z } from 'zod';
import { type Examined, failed, passed } from '../../../core/report/examined.ts';
import type { KubernetesApi } from '../../../drivers/kubernetes/client/api.ts';
import { readConfiguration } from '../../../drivers/kubernetes/envoy/configuration.ts';
import type { Permission } from '../../../drivers/kubernetes/permissions.ts';
import { examineCluster, examineGateways, examineRights } from '../../../drivers/kubernetes/preflight.ts';
import { imageArchitecture } from '../../../drivers/oci/image-layout.ts';
import { chooseEntrance, type Entrance, readGateways } from './gateway.ts';
import type { ClusterOptions } from './options.ts';
import { findImagePlace, type ImagePlace } from './registry.ts';

/** All that was found of a cluster, with nothing made in it. */
export interface Ground {
  readonly entrance: Entrance;
  /** Where its traffic comes in, as seen from here. */
  readonly gatewayUrl: string;
  readonly statistics: readonly string[];
  readonly configuration: readonly string[];
  readonly images: ImagePlace;
}

/** Beyond what a server needs in a namespace that it is given: the demo makes namespaces, and what a team keeps in them. */
const clusterRights: readonly Permission[] = [
  { group: '', resource: 'namespaces', verbs: ['create', 'get', 'delete'] },
];
const namespaceRights: readonly Permission[] = [
  { group: '', resource: 'secrets', verbs: ['create'] },
  { group: '', resource: 'serviceaccounts', verbs: ['create'] },
  { group: 'gateway.networking.k8s.io', resource: 'httproutes', verbs: ['create'] },
];

const rightsFix = 'play it as somebody who may make namespaces and administrate them';

/**
 * Looks at everything that the demo needs of a cluster, before anything is made: the lines of `belay doctor --pre`, and
 * then gateway, counters and registry. Without a failed line there is a ground to play on.
 */
export async function examineGround(
  api: KubernetesApi,
  namespace: string,
  options: ClusterOptions,
  signal: AbortSignal,
): Promise<{ readonly lines: readonly Examined[]; readonly ground: Ground | null }> {
  const lines = [...(await examineCluster(api, namespace, signal))];
  if (lines.some(({ name, status }) => name === 'cluster' && status === 'failed'))
    return { lines, ground: null };
  lines.push(...(await examineRights(api, null, clusterRights, rightsFix, signal)));
  lines.push(...(await examineRights(api, namespace, namespaceRights, rightsFix, signal)));
  lines.push(await examineNodes(api, signal));
  const hasGatewayApi = !lines.some(({ name, status }) => name === 'gateway' && status === 'failed');
  const entrance = hasGatewayApi ? await findEntrance(api, options, signal) : null;
  if (entrance !== null) lines.push(entrance.line);
  const addresses = await findCounters(namespace, options, signal);
  lines.push(...addresses.lines);
  const images = await findImagePlace(api, options.registry, signal);
  lines.push(
    images.ok
      ? passed('registry', `images go to ${images.value.repository.host}/${images.value.repository.path}`)
      : failed(
          'registry',
          images.error,
          'name one that you may push to and nodes may pull from: --registry HOST/PATH',
        ),
  );
  const isWell = !lines.some(({ status }) => status === 'failed');
  if (!isWell || !images.ok || entrance?.found === undefined) return { lines, ground: null };
  const { statistics, configuration } = addresses;
  return { lines, ground: { ...entrance.found, statistics, configuration, images: images.value } };
}

const Nodes = z.object({
  items: z.array(
    z.looseObject({ status: z.looseObject({ nodeInfo: z.looseObject({ architecture: z.string() }) }) }),
  ),
});

/** Images are made of this machine's programs: at least one node has to be able to run them. */
async function examineNodes(api: KubernetesApi, signal: AbortSignal): Promise<Examined> {
  if (process.platform !== 'linux')
    return failed(
      'nodes',
      `images are made of this machine's own programs, and ${process.platform} has none that run on nodes`,
      'play it from a Linux machine',
    );
  const read = await api.call({ method: 'GET', path: '/api/v1/nodes?limit=500', signal }, Nodes);
  // Who may not look at nodes is told by the pods themselves, which ask for this architecture.
  if (!read.ok) return passed('nodes', `pods ask for nodes of ${imageArchitecture}, as this machine is`);
  const architectures = [...new Set(read.value.items.map(({ status }) => status.nodeInfo.architecture))];
  return architectures.includes(imageArchitecture)
    ? passed('nodes', `there are nodes of ${imageArchitecture}, as this machine is`)
    : failed(
        'nodes',
        `nodes are of ${architectures.join(', ') || 'no architecture'}, and images are made of this machine's programs, for ${imageArchitecture}`,
        'play it from a machine of the nodes’ architecture',
      );
}

/** Which Gateway, and where its traffic comes in. Whether it does is seen with the first route: before, it need not listen. */
async function findEntrance(
  api: KubernetesApi,
  options: ClusterOptions,
  signal: AbortSignal,
): Promise<{ readonly line: Examined; readonly found?: Pick<Ground, 'entrance' | 'gatewayUrl'> }> {
  const read = await readGateways(api, options.gateway, signal);
  if (!read.ok) return { line: failed('gateway', read.error, 'name one with --gateway NAMESPACE/NAME') };
  const chosen = chooseEntrance(read.value, options.gateway);
  if (!chosen.ok) return { line: failed('gateway', chosen.error.found, chosen.error.fix) };
  const entrance = chosen.value;
  const name = `Gateway ${entrance.namespace}/${entrance.name}`;
  const gatewayUrl = options.gatewayUrl ?? entrance.url;
  const fix =
    'say where its traffic comes in, as seen from here: --gateway-url URL, for example of a kubectl port-forward';
  if (gatewayUrl === null) return { line: failed('gateway', `${name} names no address`, fix) };
  return { line: passed('gateway', `${name}, reached at ${gatewayUrl}`), found: { entrance, gatewayUrl } };
}

const envoyFix =
  'name Envoy’s admin interface or statistics, one for each Envoy: --envoy URL (docs/kubernetes.md, "The demo")';

/** Of each address of Envoy, what it is good for: all of them count, and the admin interface shows weights too. */
async function findCounters(
  namespace: string,
  { envoy }: ClusterOptions,
  signal: AbortSignal,
): Promise<Pick<Ground, 'statistics' | 'configuration'> & { readonly lines: readonly Examined[] }> {
  if (envoy.length === 0) {
    const found = 'where the gateway counts requests is not said, and nothing can be judged without';
    return { lines: [failed('counters', found, envoyFix)], statistics: [], configuration: [] };
  }
  const shown = await Promise.all(envoy.map((url) => readConfiguration(url, signal)));
  const configuration = envoy.filter((_, index) => shown[index]?.ok);
  const place = { statistics: envoy, configuration, namespace, service: 'shop' };
  const lines = await examineGateways(place, signal);
  return {
    lines: lines.map((line) => (line.status === 'failed' ? { ...line, fix: envoyFix } : line)),
    statistics: envoy,
    configuration,
  };
}
