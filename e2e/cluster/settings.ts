import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** One cluster: where its files lie, and which addresses it takes. */
export interface Settings {
  /** Several clusters can live beside each other; each has a number from 0 to 9. */
  readonly number: number;
  /** Names the cgroup. */
  readonly name: string;
  /** What was downloaded and built, kept from one cluster to the next. */
  readonly cache: string;
  /** All that belongs to the running cluster; removed when it is taken down. */
  readonly state: string;
  /** The machine's end of the link to the cluster, and its name. */
  readonly hostAddress: string;
  readonly hostLink: string;
  /** The node's address: API server, gateway, registry and Prometheus listen there. */
  readonly nodeAddress: string;
  /** All addresses of the cluster; the machine gets one route to them. */
  readonly network: string;
  readonly podRange: string;
  readonly serviceRange: string;
  /** The address of the API server's own Service, the first of the range. */
  readonly apiService: string;
}

/** Ports on the node's address. They are the cluster's own: nothing outside can have taken them. */
export const ports = {
  api: 6443,
  etcd: 2379,
  registry: 5000,
  prometheus: 9090,
  podTargets: 9091,
  xds: 8001,
  contour: 8000,
  /** Where Contour serves a Gateway listener of port 80: it adds 8000 to a privileged port. */
  gateway: 8080,
  envoyStats: 8002,
  envoyAdmin: 9901,
} as const;

function folder(base: string | undefined, otherwise: string): string {
  return join(base !== undefined && isAbsolute(base) ? base : join(homedir(), otherwise), 'belay');
}

/**
 * The settings that the environment asks for: `BELAY_CLUSTER` is the number (0 unless said otherwise); folders follow
 * XDG_CACHE_HOME and XDG_STATE_HOME.
 */
export function settingsFrom(environment: NodeJS.ProcessEnv): Settings {
  const asked = environment['BELAY_CLUSTER'] ?? '0';
  if (!/^[0-9]$/.test(asked)) {
    throw new Error(`BELAY_CLUSTER is the number of a cluster, 0 to 9, and not "${asked}"`);
  }
  const cache = join(folder(environment['XDG_CACHE_HOME'], '.cache'), 'cluster');
  const state = join(folder(environment['XDG_STATE_HOME'], '.local/state'), `cluster-${asked}`);
  const strange = [cache, state].find((path) => !/^[\w./-]+$/.test(path));
  if (strange !== undefined) {
    throw new Error(
      `${strange}: only letters, digits and . _ - can be mounted; set XDG_CACHE_HOME and XDG_STATE_HOME`,
    );
  }
  const number = Number(asked);
  const network = `10.${213 + number}`;
  return {
    number,
    name: `belay-${number}`,
    cache,
    state,
    hostAddress: `${network}.255.1`,
    hostLink: `belay${number}`,
    nodeAddress: `${network}.255.2`,
    network: `${network}.0.0/16`,
    podRange: `${network}.0.0/20`,
    serviceRange: `${network}.128.0/20`,
    apiService: `${network}.128.1`,
  };
}
