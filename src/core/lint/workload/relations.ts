import type { Container } from '../../model/manifest/pod.ts';
import type { Labels, LabelSelector } from '../../model/manifest/values.ts';
import type { ManifestSet, ObjectName, Workload } from './objects.ts';
import type { Severity } from './rule.ts';

type Service = ManifestSet['services'][number];

/** A container with its place. `runs` is false for those that end before the pod starts. */
export interface PlacedContainer {
  readonly container: Container;
  readonly path: string;
  readonly runs: boolean;
}

/** All containers of a workload, as they start: those of initialisation first. */
export function containersOf({ pod, podPath }: Workload): readonly PlacedContainer[] {
  const placed = (list: 'initContainers' | 'containers'): readonly PlacedContainer[] =>
    pod[list].map((container, i) => ({
      container,
      path: `${podPath}/${list}/${i}`,
      runs: list === 'containers' || container.restartPolicy === 'Always',
    }));
  return [...placed('initContainers'), ...placed('containers')];
}

/** Whether labels fit a selector; an empty one fits everything, as Kubernetes has it. */
export function selects(selector: LabelSelector, labels: Labels): boolean {
  const own = (key: string): string | undefined => (Object.hasOwn(labels, key) ? labels[key] : undefined);
  return (
    Object.entries(selector.matchLabels).every(([key, value]) => own(key) === value) &&
    selector.matchExpressions.every(({ key, operator, values }) => {
      const value = own(key);
      switch (operator) {
        case 'In':
          return value !== undefined && values.includes(value);
        case 'NotIn':
          return value === undefined || !values.includes(value);
        case 'Exists':
          return value !== undefined;
        case 'DoesNotExist':
          return value === undefined;
        default:
          return operator satisfies never;
      }
    })
  );
}

/** Whether two objects may be in one namespace: one that names none goes where it is applied to. */
export const together = (a: Pick<ObjectName, 'namespace'>, b: Pick<ObjectName, 'namespace'>): boolean =>
  a.namespace === null || b.namespace === null || a.namespace === b.namespace;

/** The kinds that keep pods running, and so may be behind a Service for long. */
const lasting: readonly string[] = ['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet'];
export const isLasting = (workload: Workload): boolean => lasting.includes(workload.kind);

/** The workloads whose number of pods is chosen. */
export const isSized = (workload: Workload): boolean => isLasting(workload) && workload.kind !== 'DaemonSet';

/** Whether a Service leads to a workload's pods; one without a selector leads where others say. */
function leadsTo(service: Service, workload: Workload): boolean {
  const { selector } = service.spec;
  return (
    together(workload, service) &&
    Object.keys(selector).length > 0 &&
    selects({ matchLabels: selector, matchExpressions: [] }, workload.podLabels)
  );
}

export const workloadsBehind = (set: ManifestSet, service: Service): readonly Workload[] =>
  set.workloads.filter((workload) => leadsTo(service, workload));

export const servicesOf = (set: ManifestSet, workload: Workload): readonly Service[] =>
  set.services.filter((service) => leadsTo(service, workload));

/**
 * Whether a workload gets requests: an `error` is due where a Service of these files selects it, a `warning` where it
 * only opens ports, null where it is no server.
 */
export function serving(set: ManifestSet, workload: Workload): Severity | null {
  if (!isLasting(workload)) return null;
  if (servicesOf(set, workload).length > 0) return 'error';
  return containersOf(workload).some(({ container, runs }) => runs && container.ports.length > 0)
    ? 'warning'
    : null;
}

/** The containers of a workload that requests reach: by the Services' ports, else those that open any. */
export function servers(set: ManifestSet, workload: Workload): readonly PlacedContainer[] {
  const running = containersOf(workload).filter(({ runs }) => runs);
  const ports = servicesOf(set, workload).flatMap(({ spec }) =>
    spec.ports.map((port) => port.targetPort ?? port.port),
  );
  const reached = running.filter(({ container }) =>
    container.ports.some(
      ({ name, containerPort }) => ports.includes(containerPort) || ports.includes(name ?? ''),
    ),
  );
  if (reached.length > 0) return reached;
  const open = running.filter(({ container }) => container.ports.length > 0);
  if (open.length > 0) return open;
  return running.filter(({ path }) => path.endsWith('/containers/0'));
}

/** The least number of pods that a workload is kept at. */
export function leastReplicas(set: ManifestSet, workload: Workload): number {
  const autoscaler = autoscalerOf(set, workload);
  return autoscaler?.spec.minReplicas ?? workload.replicas ?? 1;
}

export const autoscalerOf = (
  set: ManifestSet,
  workload: Workload,
): ManifestSet['autoscalers'][number] | undefined =>
  set.autoscalers.find(
    (one) =>
      together(one, workload) &&
      one.spec.scaleTargetRef.kind === workload.kind &&
      one.spec.scaleTargetRef.name === workload.name,
  );

/** Whether every object of these kinds could be read: what is missing may be the one that could not. */
export const allRead = (set: ManifestSet, kinds: readonly string[]): boolean =>
  !set.invalid.some(({ object }) => kinds.includes(object.kind) || object.kind === 'object');

/** The kinds that run pods. */
export const workloadKinds: readonly string[] = [...lasting, 'Pod', 'Job', 'CronJob'];

type Route = ManifestSet['routes'][number];
type Backend = Route['spec']['rules'][number]['backendRefs'][number];

/** Whether a route's backend is this Service; one without a namespace is in the route's. */
export const isBackend = (
  route: Route,
  { name, namespace, group, kind }: Backend,
  service: Service,
): boolean =>
  group === '' &&
  kind === 'Service' &&
  name === service.name &&
  together({ namespace: namespace ?? route.namespace }, service);
