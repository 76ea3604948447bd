import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import type { Digest } from '../../../core/model/digest.ts';
import { err, ok, type Result } from '../../../core/model/result.ts';
import { ConfigMapManifest, DeploymentManifest, ServiceManifest } from './manifests.ts';

/** A release's manifests: what runs, how it is reached, and what it is configured with. */
export interface Bundle {
  readonly deployment: DeploymentManifest;
  readonly service: ServiceManifest;
  readonly configMaps: readonly ConfigMapManifest[];
}

export const mostBundleBytes = 1_000_000;
const mostObjects = 30;

const onlyThese = 'a bundle holds one Deployment, one Service and ConfigMaps';
const workloadKinds = `${onlyThese}; this kind of workload is not supported`;
const routeKinds =
  'the route belongs to the environment; Belay writes only its weights. Leave it out of the bundle';
const rightsKinds = 'a release gives itself no rights and no space; apply it beside the environment';

/** Why a kind is refused, where more can be said than that it is not on the list. */
const refusedKinds: Readonly<Record<string, string>> = {
  Secret:
    'a bundle holds no secret, not even encoded: name it by reference (secretKeyRef, or the environment’s `secrets`)',
  StatefulSet: workloadKinds,
  DaemonSet: workloadKinds,
  ReplicaSet: workloadKinds,
  Pod: workloadKinds,
  Job: workloadKinds,
  CronJob: workloadKinds,
  HTTPRoute: routeKinds,
  GRPCRoute: routeKinds,
  Ingress: routeKinds,
  Gateway: routeKinds,
  HorizontalPodAutoscaler:
    'autoscaling of a canary is not supported: the environment’s `replicas` is its size',
  PodDisruptionBudget:
    'it outlives a release: apply it beside the environment, selecting by the labels belay.dev/project, …/environment and …/service',
  Namespace: rightsKinds,
  ServiceAccount: rightsKinds,
  Role: rightsKinds,
  RoleBinding: rightsKinds,
  ClusterRole: rightsKinds,
  ClusterRoleBinding: rightsKinds,
};

const AnyObject = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string() }),
});

/**
 * Reads a bundle: a YAML stream as `kubectl apply -f` takes it (YAML 1.1, as Kubernetes reads it). All that is wrong
 * with it is told at once, each with its object. `artifact` is the image that the release was sealed with: a container
 * of the Deployment has to run exactly that.
 */
export function readBundle(text: string, artifact: Digest): Result<Bundle, readonly string[]> {
  if (Buffer.byteLength(text) > mostBundleBytes)
    return err([`a bundle of more than ${mostBundleBytes} bytes is refused`]);
  const objects = readObjects(text);
  if (!objects.ok) return objects;
  const problems: string[] = [];
  const deployments: DeploymentManifest[] = [];
  const services: ServiceManifest[] = [];
  const configMaps: ConfigMapManifest[] = [];
  for (const object of objects.value) {
    const { apiVersion, kind } = object;
    if (kind === 'Deployment' && apiVersion === 'apps/v1')
      take(object, DeploymentManifest, deployments, problems);
    else if (kind === 'Service' && apiVersion === 'v1') take(object, ServiceManifest, services, problems);
    else if (kind === 'ConfigMap' && apiVersion === 'v1')
      take(object, ConfigMapManifest, configMaps, problems);
    else
      problems.push(
        `${nameOf(object)} (${apiVersion}): ${refusedKinds[kind] ?? `${onlyThese}, nothing else`}`,
      );
  }
  if (problems.length > 0) return err(problems);
  const [deployment, ...moreDeployments] = deployments;
  const [service, ...moreServices] = services;
  if (deployment === undefined || service === undefined || moreDeployments.length + moreServices.length > 0)
    return err([
      `${onlyThese}; this one has ${deployments.length} Deployments and ${services.length} Services`,
    ]);
  if (!runs(deployment, artifact))
    return err([
      `${nameOf(deployment)}: no container runs the release’s artifact ${artifact}; it runs ${imagesOf(deployment).join(', ')}`,
    ]);
  return ok({ deployment, service, configMaps });
}

type AnyObject = z.infer<typeof AnyObject>;

function readObjects(text: string): Result<readonly AnyObject[], readonly string[]> {
  const documents = parseAllDocuments(text, { version: '1.1', merge: true });
  if (!Array.isArray(documents)) return err(['the bundle is empty']);
  const objects: AnyObject[] = [];
  for (const [index, document] of documents.entries()) {
    const [error] = document.errors;
    if (error !== undefined)
      return err([`document ${index + 1} is no YAML: ${error.message.split('\n')[0]}`]);
    let value: unknown;
    try {
      value = document.toJS({ maxAliasCount: 50 });
    } catch (problem) {
      return err([`document ${index + 1}: ${(problem as Error).message}`]);
    }
    if (value === null || value === undefined) continue;
    const parsed = AnyObject.safeParse(value);
    if (!parsed.success)
      return err([`document ${index + 1} is no Kubernetes object with apiVersion, kind and metadata.name`]);
    objects.push(parsed.data);
  }
  if (objects.length === 0) return err(['the bundle is empty']);
  if (objects.length > mostObjects) return err([`a bundle of more than ${mostObjects} objects is refused`]);
  return ok(objects);
}

function take<T>(object: AnyObject, schema: z.ZodType<T>, into: T[], problems: string[]): void {
  const parsed = schema.safeParse(object);
  if (parsed.success) into.push(parsed.data);
  else
    for (const { path, message } of parsed.error.issues)
      problems.push(`${nameOf(object)}: ${path.join('.')}: ${message}`);
}

const nameOf = (object: { readonly kind: string; readonly metadata: { readonly name: string } }): string =>
  `${object.kind} ${object.metadata.name}`;

const imagesOf = ({ spec }: DeploymentManifest): readonly string[] =>
  spec.template.spec.containers.map(({ image }) => image);

const runs = (deployment: DeploymentManifest, artifact: Digest): boolean =>
  imagesOf(deployment).some((image) => image.endsWith(`@${artifact}`));
