import type { z } from 'zod';
import {
  AutoscalerObject,
  BudgetObject,
  ConfigMapObject,
  CronJobObject,
  GrantObject,
  JobObject,
  ObjectHead,
  PodController,
  PodObject,
  RouteObject,
  SecretObject,
  ServiceObject,
} from '../../model/manifest/kinds.ts';
import type { PodSpec } from '../../model/manifest/pod.ts';
import type { Labels, LabelSelector } from '../../model/manifest/values.ts';
import { ObjectMeta } from '../../model/manifest/values.ts';
import { isMapping, withoutNulls } from './plain.ts';

/** One YAML document as it was read. */
export interface RawManifest {
  readonly value: unknown;
}

/** Which object something is said of, and where it stands. */
export interface ObjectName {
  /** Index of its document in the list that was given. */
  readonly document: number;
  /** JSON pointer of the object in its document: empty, but for an item of a List. */
  readonly base: string;
  /** The API group, empty for the core's. */
  readonly group: string;
  readonly kind: string;
  /** One that the API server completes (`generateName`) ends in `*`. */
  readonly name: string;
  /** Null where the file leaves it to whoever applies it. */
  readonly namespace: string | null;
  readonly labels: Labels;
  readonly annotations: Readonly<Record<string, string>>;
  /** `Deployment shop/web`. */
  readonly title: string;
}

/** Something that runs pods. */
export interface Workload extends ObjectName {
  readonly pod: PodSpec;
  readonly podLabels: Labels;
  /** JSON pointer of the pod's spec. */
  readonly podPath: string;
  readonly selector: LabelSelector | null;
  /** As declared; null where nothing is said, or the kind has none. */
  readonly replicas: number | null;
  readonly progressDeadlineSeconds: number;
  readonly minReadySeconds: number;
}

type Of<S extends z.ZodType> = ObjectName & Omit<z.infer<S>, 'metadata'>;

/** The objects by what they are: everything that the rules read. */
export interface ManifestSet {
  /** How many objects rules read. */
  readonly judged: number;
  /** Every object, whether a rule reads it or not. */
  readonly names: readonly ObjectName[];
  readonly workloads: readonly Workload[];
  readonly services: readonly Of<typeof ServiceObject>[];
  readonly configMaps: readonly Of<typeof ConfigMapObject>[];
  readonly secrets: readonly Of<typeof SecretObject>[];
  readonly budgets: readonly Of<typeof BudgetObject>[];
  readonly autoscalers: readonly Of<typeof AutoscalerObject>[];
  readonly routes: readonly Of<typeof RouteObject>[];
  readonly grants: readonly Of<typeof GrantObject>[];
  /** How many objects of which kinds no rule reads. */
  readonly passedOver: ReadonlyMap<string, number>;
  readonly invalid: readonly InvalidPart[];
}

/** A part of an object that an API server would refuse. */
export interface InvalidPart {
  readonly object: ObjectName;
  readonly path: string;
  readonly message: string;
}

type Mutable<T> = {
  -readonly [K in keyof T]: T[K] extends readonly (infer E)[]
    ? E[]
    : T[K] extends ReadonlyMap<infer A, infer B>
      ? Map<A, B>
      : T[K];
};

/** Sorts documents by kind, each checked as far as rules read it. A `List` counts as its items. */
export function manifestSet(documents: readonly RawManifest[]): ManifestSet {
  const set: Mutable<ManifestSet> = {
    judged: 0,
    names: [],
    workloads: [],
    services: [],
    configMaps: [],
    secrets: [],
    budgets: [],
    autoscalers: [],
    routes: [],
    grants: [],
    passedOver: new Map(),
    invalid: [],
  };
  for (const [index, document] of documents.entries()) add(set, index, '', withoutNulls(document.value));
  return set;
}

function add(set: Mutable<ManifestSet>, document: number, base: string, value: unknown): void {
  const items = isMapping(value) && value['kind'] === 'List' ? value['items'] : undefined;
  if (Array.isArray(items)) {
    for (const [i, item] of items.entries()) add(set, document, `${base}/items/${i}`, item);
    return;
  }
  const object = nameOf(document, base, value);
  const head = ObjectHead.safeParse(value);
  if (!head.success) return void set.invalid.push(...partsOf(object, head.error));
  set.names.push(object);
  const kind = kinds[`${object.group}/${object.kind}`];
  if (kind === undefined) {
    // It may be no object at all but a tool's own file, such as Kustomize's: nothing is asked of it.
    const title = object.group === '' ? object.kind : `${object.kind}.${object.group}`;
    set.passedOver.set(title, (set.passedOver.get(title) ?? 0) + 1);
    return;
  }
  set.judged += 1;
  if (object.name === '')
    set.invalid.push({ object, path: `${base}/metadata/name`, message: 'the object has no name' });
  kind(set, object, value);
}

/** As much of an object's name as can be read, whatever else is wrong with it. */
function nameOf(document: number, base: string, value: unknown): ObjectName {
  const of = (key: string, from: unknown): string => {
    const found = isMapping(from) ? from[key] : undefined;
    return typeof found === 'string' ? found.slice(0, 253) : '';
  };
  const metadata = isMapping(value) ? value['metadata'] : undefined;
  const meta = ObjectMeta.safeParse(metadata ?? {});
  const apiVersion = of('apiVersion', value);
  const kind = of('kind', value) || 'object';
  const generated = of('generateName', metadata);
  const name = of('name', metadata) || (generated === '' ? '' : `${generated}*`);
  const namespace = of('namespace', metadata) || null;
  return {
    document,
    base,
    group: apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '',
    kind,
    name,
    namespace,
    labels: meta.success ? meta.data.labels : {},
    annotations: meta.success ? meta.data.annotations : {},
    title: `${kind} ${namespace === null ? '' : `${namespace}/`}${name}`.trimEnd(),
  };
}

type Adder = (set: Mutable<ManifestSet>, object: ObjectName, value: unknown) => void;

/** Parses an object and takes it in, or notes what is wrong with it. */
const parsed =
  <S extends z.ZodType>(
    schema: S,
    take: (set: Mutable<ManifestSet>, object: ObjectName, data: z.infer<S>) => void,
  ): Adder =>
  (set, object, value) => {
    const result = schema.safeParse(value);
    if (result.success) take(set, object, result.data);
    else set.invalid.push(...partsOf(object, result.error));
  };

const still = { selector: null, replicas: null, progressDeadlineSeconds: 600, minReadySeconds: 0 };

const controller = parsed(PodController, (set, object, { spec }) => {
  const { template, selector, replicas, progressDeadlineSeconds, minReadySeconds } = spec;
  set.workloads.push({
    ...object,
    pod: template.spec,
    podLabels: template.metadata.labels,
    podPath: `${object.base}/spec/template/spec`,
    selector: selector ?? null,
    replicas: replicas ?? null,
    progressDeadlineSeconds,
    minReadySeconds,
  });
});

const kinds: Readonly<Record<string, Adder>> = {
  'apps/Deployment': controller,
  'apps/StatefulSet': controller,
  'apps/DaemonSet': controller,
  'apps/ReplicaSet': controller,
  '/Pod': parsed(PodObject, (set, object, { spec }) =>
    set.workloads.push({
      ...object,
      ...still,
      pod: spec,
      podLabels: object.labels,
      podPath: `${object.base}/spec`,
    }),
  ),
  'batch/Job': parsed(JobObject, (set, object, { spec: { template } }) =>
    set.workloads.push({
      ...object,
      ...still,
      pod: template.spec,
      podLabels: template.metadata.labels,
      podPath: `${object.base}/spec/template/spec`,
    }),
  ),
  'batch/CronJob': parsed(CronJobObject, (set, object, { spec }) => {
    const { template } = spec.jobTemplate.spec;
    set.workloads.push({
      ...object,
      ...still,
      pod: template.spec,
      podLabels: template.metadata.labels,
      podPath: `${object.base}/spec/jobTemplate/spec/template/spec`,
    });
  }),
  '/Service': parsed(ServiceObject, (set, object, { spec }) => set.services.push({ ...object, spec })),
  '/ConfigMap': parsed(ConfigMapObject, (set, object, { data }) => set.configMaps.push({ ...object, data })),
  '/Secret': parsed(SecretObject, (set, object, { type, data, stringData }) =>
    set.secrets.push({ ...object, type, data, stringData }),
  ),
  'policy/PodDisruptionBudget': parsed(BudgetObject, (set, object, { spec }) =>
    set.budgets.push({ ...object, spec }),
  ),
  'autoscaling/HorizontalPodAutoscaler': parsed(AutoscalerObject, (set, object, { spec }) =>
    set.autoscalers.push({ ...object, spec }),
  ),
  'gateway.networking.k8s.io/HTTPRoute': parsed(RouteObject, (set, object, { spec }) =>
    set.routes.push({ ...object, spec }),
  ),
  'gateway.networking.k8s.io/GRPCRoute': parsed(RouteObject, (set, object, { spec }) =>
    set.routes.push({ ...object, spec }),
  ),
  'gateway.networking.k8s.io/ReferenceGrant': parsed(GrantObject, (set, object, { spec }) =>
    set.grants.push({ ...object, spec }),
  ),
};

/** At most this many of one object: the first ones say enough. */
const mostParts = 20;

function partsOf(object: ObjectName, error: z.ZodError): readonly InvalidPart[] {
  return error.issues.slice(0, mostParts).map((issue) => {
    const path = issue.path.map(String);
    const message = issue.message.replace(/^Invalid input: /, '');
    return {
      object,
      path: [object.base, ...path.map((part) => part.replaceAll('~', '~0').replaceAll('/', '~1'))].join('/'),
      message: `${path.at(-1) ?? 'the object'}: ${message.charAt(0).toLowerCase()}${message.slice(1)}`,
    };
  });
}
