import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Settings } from './settings.ts';

/** Where everything of a cluster is found. */
export const Description = z.object({
  kubeconfig: z.string(),
  /** NAMESPACE/NAME of the Gateway that routes name as their parent. */
  gateway: z.string(),
  /** Where its traffic comes in. */
  gatewayUrl: z.string(),
  /** Envoy's admin interface, with /stats, /clusters and /config_dump. */
  envoyUrl: z.string(),
  prometheusUrl: z.string(),
  /** HOST:PORT of the registry, for those who push. */
  registry: z.string(),
  /** The same registry as nodes name it. */
  registryFromNodes: z.string(),
});
export type Description = z.infer<typeof Description>;

/** The variable that says each of it to the tests, where the cluster is somebody else's. */
export const variables = {
  kubeconfig: 'KUBECONFIG',
  gateway: 'BELAY_CLUSTER_GATEWAY',
  gatewayUrl: 'BELAY_CLUSTER_GATEWAY_URL',
  envoyUrl: 'BELAY_CLUSTER_ENVOY_URL',
  prometheusUrl: 'BELAY_CLUSTER_PROMETHEUS_URL',
  registry: 'BELAY_CLUSTER_REGISTRY',
  registryFromNodes: 'BELAY_CLUSTER_REGISTRY_FROM_NODES',
} as const satisfies Record<keyof Description, string>;

export function descriptionFile(settings: Settings): string {
  return join(settings.state, 'cluster.json');
}

/** What the cluster brought up here is, or undefined if it is not up, or not whole. */
export async function readDescription(settings: Settings): Promise<Description | undefined> {
  const text = await readFile(descriptionFile(settings), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : Description.parse(JSON.parse(text));
}

/** The cluster that the environment names by KUBECONFIG; undefined if it names none. */
export function describedBy(environment: NodeJS.ProcessEnv): Description | undefined {
  if ((environment['KUBECONFIG'] ?? '') === '') return undefined;
  const registry = environment[variables.registry];
  const values = Object.entries(variables).map(([field, name]) => [field, environment[name]] as const);
  const missing = values.filter(([field, value]) => value === undefined && field !== 'registryFromNodes');
  if (missing.length > 0) {
    const names = missing.map(([field]) => variables[field as keyof Description]);
    throw new Error(
      `KUBECONFIG names a cluster; tests need ${names.join(', ')} too (docs/contributing-cluster.md)`,
    );
  }
  return Description.parse({
    registryFromNodes: registry,
    ...Object.fromEntries(values.filter(([, v]) => v !== undefined)),
  });
}
