import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAllDocuments, stringify } from 'yaml';
import { z } from 'zod';
import { eventually } from '../eventually.ts';
import { inside } from './boundary.ts';
import { run } from './command.ts';
import { type KubernetesApi, type KubernetesObject, pathOf } from './kubernetes-api.ts';
import type { Processes } from './processes.ts';
import { ports, type Settings } from './settings.ts';

/** The Gateway that routes of tests name as their parent. */
const gateway = { namespace: 'belay-gateway', name: 'gateway' } as const;

const objects: readonly KubernetesObject[] = [
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: gateway.namespace } },
  {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'GatewayClass',
    metadata: { name: 'contour' },
    spec: { controllerName: 'projectcontour.io/gateway-controller' },
  },
  {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: gateway,
    spec: {
      gatewayClassName: 'contour',
      listeners: [
        { name: 'http', port: 80, protocol: 'HTTP', allowedRoutes: { namespaces: { from: 'All' } } },
      ],
    },
  },
];

const Conditions = z.object({
  status: z.object({ conditions: z.array(z.object({ type: z.string(), status: z.string() })).default([]) }),
});

function isTrue(type: string, seen: z.infer<typeof Conditions> | undefined): boolean {
  return seen?.status.conditions.some((one) => one.type === type && one.status === 'True') ?? false;
}

/** Of Contour's own definitions, those that it watches as it is started here. */
const watched = new Set(['httpproxies.projectcontour.io', 'tlscertificatedelegations.projectcontour.io']);

/** Kinds of Gateway API's experimental channel, which is not installed. */
const notServed = ['extensionservices', 'tlsroutes', 'tcproutes', 'backendtlspolicies'];

async function createDefinitions(folder: string, api: KubernetesApi): Promise<void> {
  const files = await readdir(folder);
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')));
  const definitions = texts
    .flatMap((text) => parseAllDocuments(text))
    .map((document) => document.toJS() as KubernetesObject | null)
    .filter((object) => object !== null)
    .filter(({ metadata: { name } }) => !name.endsWith('.projectcontour.io') || watched.has(name));
  await Promise.all(definitions.map((object) => api.create(object)));
  await eventually('the Gateway API is served', async () => {
    const seen = await Promise.all(
      definitions.map((object) => api.get(pathOf(object), Conditions).catch(() => undefined)),
    );
    return seen.every((one) => isTrue('Established', one));
  });
}

/** Envoy's bootstrap as Contour writes it, but for the admin interface: on a port, which tests can read. */
async function writeBootstrap(settings: Settings, go: string): Promise<void> {
  const file = join(settings.state, 'envoy.json');
  const xds = ['--xds-address=127.0.0.1', `--xds-port=${ports.xds}`];
  await run(join(go, 'contour'), ['bootstrap', file, ...xds]);
  const admin = { socket_address: { address: settings.nodeAddress, port_value: ports.envoyAdmin } };
  const text = JSON.stringify(JSON.parse(await readFile(file, 'utf8')), (key, value: unknown) =>
    key === 'address' && typeof value === 'object' && value !== null && 'pipe' in value ? admin : value,
  );
  await writeFile(file, text);
}

/** What tests are told of the gateway. */
export interface GatewayAddresses {
  /** NAMESPACE/NAME of the Gateway. */
  readonly gateway: string;
  readonly gatewayUrl: string;
  /** Envoy's admin interface: /stats, /clusters, /config_dump. */
  readonly envoyUrl: string;
}

/** Starts Contour and Envoy, and waits until the Gateway is programmed. */
export async function startGateway(
  settings: Settings,
  processes: Processes,
  api: KubernetesApi,
  go: string,
): Promise<GatewayAddresses> {
  const { nodeAddress, state } = settings;
  await Promise.all([createDefinitions(join(go, 'crds'), api), writeBootstrap(settings, go)]);
  await writeFile(join(state, 'contour.yaml'), stringify({ gateway: { gatewayRef: gateway } }));
  await processes.start('contour', [
    `${inside.go}/contour`,
    'serve',
    `--kubeconfig=${inside.state}/kubeconfig`,
    `--config-path=${inside.state}/contour.yaml`,
    ...notServed.map((name) => `--disable-feature=${name}`),
    '--insecure',
    '--disable-leader-election',
    '--xds-address=127.0.0.1',
    `--xds-port=${ports.xds}`,
    `--http-address=${nodeAddress}`,
    `--http-port=${ports.contour}`,
    '--health-address=127.0.0.1',
    '--health-port=8003',
    '--stats-address=0.0.0.0',
    `--stats-port=${ports.envoyStats}`,
    `--ingress-status-address=${nodeAddress}`,
  ]);
  await processes.start('envoy', [
    inside.envoy,
    '--config-path',
    `${inside.state}/envoy.json`,
    '--service-cluster',
    'gateway',
    '--service-node',
    'envoy-1',
    '--log-level',
    'warn',
    '--disable-hot-restart',
    '--concurrency',
    '2',
  ]);
  for (const object of objects) await api.apply(object);
  await processes.until('contour', 'the Gateway is programmed', async () => {
    const path = `/apis/gateway.networking.k8s.io/v1/namespaces/${gateway.namespace}/gateways/${gateway.name}`;
    return isTrue('Programmed', await api.get(path, Conditions));
  });
  const envoyUrl = `http://${nodeAddress}:${ports.envoyAdmin}`;
  await processes.untilAnswers('envoy', `${envoyUrl}/ready`);
  return {
    gateway: `${gateway.namespace}/${gateway.name}`,
    gatewayUrl: `http://${nodeAddress}:${ports.gateway}`,
    envoyUrl,
  };
}
