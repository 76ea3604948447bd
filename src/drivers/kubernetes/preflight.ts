import { z } from 'zod';
import { type Examined, failed, passed, skipped } from '../../core/report/examined.ts';
import type { KubernetesApi } from './client/api.ts';
import type { ApiError } from './client/api-error.ts';
import { pathOf, resources, selectorOf } from './client/resources.ts';
import { readConfiguration, sharesIn } from './envoy/configuration.ts';
import { readStatistics } from './envoy/statistics.ts';
import { type Permission, permissions } from './permissions.ts';
import { foreignTo, HttpRoute, portOf } from './route.ts';
import { servicesOf } from './slot-objects.ts';
import type { SlotTarget } from './target.ts';

/** The oldest minor version of Kubernetes 1 on which everything that is used is stable. */
const oldestMinor = 29;

/** Looks at a cluster and a namespace before anything is asked of them. Changes nothing. */
export async function examineCluster(
  api: KubernetesApi,
  namespace: string,
  signal: AbortSignal,
): Promise<readonly Examined[]> {
  const version = await examineVersion(api, signal);
  if (version.status === 'failed') return [version];
  return [
    version,
    await examineGatewayApi(api, signal),
    ...(await examineRights(api, namespace, permissions, 'give it the Role in docs/kubernetes.md', signal)),
  ];
}

/** Looks for rights in a namespace, which need not be there yet; of the whole cluster where it is null. */
export async function examineRights(
  api: KubernetesApi,
  namespace: string | null,
  wanted: readonly Permission[],
  fix: string,
  signal: AbortSignal,
): Promise<readonly Examined[]> {
  const answers = await Promise.all(
    wanted
      .flatMap(({ group, resource, verbs }) => verbs.map((verb) => ({ group, resource, verb })))
      .map((asked) => mayI(api, namespace, asked, signal)),
  );
  return permissionLines(namespace, answers, fix);
}

async function examineVersion(api: KubernetesApi, signal: AbortSignal): Promise<Examined> {
  const version = z.object({ major: z.string(), minor: z.string(), gitVersion: z.string() });
  const read = await api.call({ method: 'GET', path: '/version', signal }, version);
  if (!read.ok)
    return failed('cluster', read.error.message, 'look at the context, the network and the credentials');
  const minor = Number.parseInt(read.value.minor, 10);
  const found = `Kubernetes ${read.value.gitVersion} at ${api.transport.server}`;
  return read.value.major === '1' && minor >= oldestMinor
    ? passed('cluster', found)
    : failed('cluster', found, `Kubernetes 1.${oldestMinor} or newer`);
}

async function examineGatewayApi(api: KubernetesApi, signal: AbortSignal): Promise<Examined> {
  const served = z.object({ resources: z.array(z.object({ name: z.string() })) });
  const path = `/apis/${resources.httpRoutes.apiVersion}`;
  const read = await api.call({ method: 'GET', path, signal }, served);
  return read.ok && read.value.resources.some(({ name }) => name === 'httproutes')
    ? passed('gateway', `${resources.httpRoutes.apiVersion} is served`)
    : failed(
        'gateway',
        read.ok ? 'the Gateway API has no HTTPRoute here' : wordsOf(read.error),
        'install the Gateway API (v1 of HTTPRoute) and a controller of it, such as Contour',
      );
}

interface Asked {
  readonly group: string;
  readonly resource: string;
  readonly verb: string;
}

type Allowed = Asked & { readonly allowed: boolean | string };

/** Asks the API server itself whether we may (SelfSubjectAccessReview); a text where it did not say. */
async function mayI(
  api: KubernetesApi,
  namespace: string | null,
  asked: Asked,
  signal: AbortSignal,
): Promise<Allowed> {
  const [resource, subresource = ''] = asked.resource.split('/');
  const body = JSON.stringify({
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: { resourceAttributes: { namespace: namespace ?? '', ...asked, resource, subresource } },
  });
  const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
  const answer = z.object({ status: z.object({ allowed: z.boolean() }) });
  const read = await api.call({ method: 'POST', path, body, signal }, answer);
  return { ...asked, allowed: read.ok ? read.value.status.allowed : read.error.message };
}

function permissionLines(
  namespace: string | null,
  answers: readonly Allowed[],
  fix: string,
): readonly Examined[] {
  const where = namespace === null ? 'of the cluster' : `in namespace ${namespace}`;
  const missing = answers.filter(({ allowed }) => allowed !== true);
  if (missing.length === 0) return [passed('rights', `all ${answers.length} rights ${where} are there`)];
  return missing.map(({ group, resource, verb, allowed }) => {
    const what = `${verb} ${resource}${group === '' ? '' : `.${group}`} ${where}`;
    return failed(
      'rights',
      allowed === false ? `may not ${what}` : `cannot tell whether it may ${what}: ${String(allowed)}`,
      fix,
    );
  });
}

/** Looks at the objects of one slot that have to be there before its first release. Changes nothing. */
export async function examineSlot(target: SlotTarget, signal: AbortSignal): Promise<readonly Examined[]> {
  return [
    await examineRoute(target, signal),
    await examineService(target, signal),
    ...(await examineGateways(target, signal)),
  ];
}

async function examineRoute(target: SlotTarget, signal: AbortSignal): Promise<Examined> {
  const { api, namespace, route, service } = target;
  const name = `HTTPRoute ${namespace}/${route}`;
  const read = await api.get(resources.httpRoutes, namespace, route, HttpRoute, signal);
  if (!read.ok)
    return failed(
      'route',
      read.error.code === 'not-found' ? `there is no ${name}` : wordsOf(read.error),
      `make one whose rules send to Service ${service}; Belay writes only its weights`,
    );
  const foreign = foreignTo(read.value, target.slot);
  if (foreign !== null) return failed('route', foreign, 'name another route in spec.kubernetes.services');
  const services = await servicesOf(target, signal);
  if (!services.ok) return failed('route', wordsOf(services.error), 'see the lines about rights');
  const port = portOf(read.value, services.value);
  if (!port.ok) return failed('route', port.error, `let its rules send to one port of Service ${service}`);
  const accepted = (read.value.status?.parents ?? []).filter(({ conditions = [] }) =>
    conditions.some(({ type, status }) => type === 'Accepted' && status === 'True'),
  );
  return accepted.length > 0
    ? passed(
        'route',
        `${name} sends to port ${port.value}, taken by ${accepted.map(({ controllerName }) => controllerName).join(', ')}`,
      )
    : failed('route', `no gateway has taken ${name}`, 'look at its parentRefs, and at the Gateway they name');
}

/** What is looked at of a slot's gateway. */
type GatewayAddresses = Pick<SlotTarget, 'statistics' | 'configuration' | 'namespace' | 'service'>;

const StableService = z.looseObject({
  spec: z.looseObject({ selector: z.record(z.string(), z.string()).optional() }),
});
const Pods = z.object({
  items: z.array(
    z.looseObject({
      status: z
        .looseObject({
          conditions: z.array(z.looseObject({ type: z.string(), status: z.string() })).optional(),
        })
        .optional(),
    }),
  ),
});

/** What runs behind the Service now is what the first release takes over from. */
async function examineService(target: SlotTarget, signal: AbortSignal): Promise<Examined> {
  const { api, namespace, service } = target;
  const read = await api.get(resources.services, namespace, service, StableService, signal);
  if (!read.ok)
    return read.error.code === 'not-found'
      ? passed('service', `Service ${namespace}/${service} is not there yet; the first release makes it`)
      : failed('service', wordsOf(read.error), 'see the lines about rights');
  const { selector = {} } = read.value.spec;
  if (Object.keys(selector).length === 0)
    return failed(
      'service',
      `Service ${namespace}/${service} selects no pods by itself`,
      'give it a selector, or leave it to the first release: its selector is what Belay moves',
    );
  const query = new URLSearchParams({ labelSelector: selectorOf(selector) }).toString();
  const pods = await api.call(
    { method: 'GET', path: `${pathOf(resources.pods, namespace)}?${query}`, signal },
    Pods,
  );
  if (!pods.ok) return failed('service', wordsOf(pods.error), 'see the lines about rights');
  const ready = pods.value.items.filter(({ status }) =>
    status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True'),
  ).length;
  return passed(
    'service',
    `Service ${namespace}/${service} leads to ${ready} ready pods: the environment’s replicas have to carry the same`,
  );
}

/** Looks at the addresses of the gateway itself. Changes nothing. */
export async function examineGateways(
  { statistics, configuration, namespace, service }: GatewayAddresses,
  signal: AbortSignal,
): Promise<readonly Examined[]> {
  const counted = statistics.map(async (url) => {
    const read = await readStatistics(url, namespace, [service], signal);
    return read.ok
      ? passed('counters', `${url} answers as Envoy does`)
      : failed(
          'counters',
          read.error,
          'name Envoy’s statistics in gateway.statistics, and let the server reach them',
        );
  });
  const confirmed = configuration.map(async (url) => {
    const page = await readConfiguration(url, signal);
    const read = page.ok ? sharesIn(page.value, namespace, [service]) : page;
    return read.ok
      ? passed('weights', `${url} shows by which weights it routes`)
      : failed(
          'weights',
          read.error,
          'name Envoy’s admin interface in gateway.configuration, or leave it out',
        );
  });
  const none = [
    ...(statistics.length === 0
      ? [skipped('counters', 'no gateway.statistics: nothing counts at the gateway')]
      : []),
    ...(configuration.length === 0
      ? [skipped('weights', 'no gateway.configuration: weights are not confirmed')]
      : []),
  ];
  return [...(await Promise.all([...counted, ...confirmed])), ...none];
}

const wordsOf = ({ message }: ApiError): string => message;
