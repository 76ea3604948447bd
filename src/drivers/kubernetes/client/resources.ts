/** A kind of object as the API has it: where it lies, and how it is called in an object's head. */
export interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
}

export const resources = {
  deployments: { apiVersion: 'apps/v1', kind: 'Deployment', plural: 'deployments' },
  services: { apiVersion: 'v1', kind: 'Service', plural: 'services' },
  configMaps: { apiVersion: 'v1', kind: 'ConfigMap', plural: 'configmaps' },
  pods: { apiVersion: 'v1', kind: 'Pod', plural: 'pods' },
  events: { apiVersion: 'v1', kind: 'Event', plural: 'events' },
  httpRoutes: { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute', plural: 'httproutes' },
  gateways: { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway', plural: 'gateways' },
} as const satisfies Record<string, Resource>;

/** The path of a kind's objects in a namespace, or of one of them. Names are DNS labels or subdomains: nothing to escape. */
export function pathOf(resource: Resource, namespace: string, name?: string): string {
  const root = resource.apiVersion.includes('/')
    ? `/apis/${resource.apiVersion}`
    : `/api/${resource.apiVersion}`;
  const path = `${root}/namespaces/${encodeURIComponent(namespace)}/${resource.plural}`;
  return name === undefined ? path : `${path}/${encodeURIComponent(name)}`;
}

/** A label selector that asks for all of these values. */
export const selectorOf = (labels: Readonly<Record<string, string>>): string =>
  Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
