import { z } from 'zod';
import type { Digest } from '../../core/model/digest.ts';
import { Digest as DigestSchema } from '../../core/model/digest.ts';
import { Name } from '../../core/model/name.ts';
import type { Observation, RunningWorkload, Weight } from '../../core/model/observation.ts';
import { err, ok, type Result } from '../../core/model/result.ts';
import type { Unreadable } from '../../ports/environment.ts';
import { resources } from './client/resources.ts';
import { readShares } from './envoy/configuration.ts';
import { annotationNames, labelNames, slotLabels } from './labels.ts';
import { unreadableOf } from './outcome.ts';
import { acceptanceOf, foreignTo, generationOf, HttpRoute, type SlotServices, weightsOf } from './route.ts';
import { servicesOf, type SlotTarget } from './target.ts';

const Head = z.looseObject({
  name: z.string(),
  labels: z.record(z.string(), z.string()).optional(),
  annotations: z.record(z.string(), z.string()).optional(),
  deletionTimestamp: z.string().optional(),
});

const Deployment = z.looseObject({
  metadata: Head,
  spec: z.looseObject({ replicas: z.int().min(0).optional() }),
});
type Deployment = z.infer<typeof Deployment>;

const Pod = z.looseObject({
  metadata: Head,
  status: z
    .looseObject({
      phase: z.string().optional(),
      conditions: z.array(z.looseObject({ type: z.string(), status: z.string() })).optional(),
      containerStatuses: z.array(z.looseObject({ imageID: z.string().optional() })).optional(),
    })
    .optional(),
});
type Pod = z.infer<typeof Pod>;

/**
 * Reads a slot fresh from the API server, and by which weights the gateway routes from the gateway itself where it may
 * be asked. A route that its controller has not taken yet in this form is not readable: nobody can tell how traffic
 * is shared.
 */
export async function observe(
  target: SlotTarget,
  signal: AbortSignal,
): Promise<Result<Omit<Observation, 'at'>, Unreadable>> {
  const { api, namespace, slot } = target;
  const labels = slotLabels(slot);
  const [route, services, deployments, pods] = await Promise.all([
    api.get(resources.httpRoutes, namespace, target.route, HttpRoute, signal),
    servicesOf(target, signal),
    api.list(resources.deployments, namespace, labels, Deployment, signal),
    api.list(resources.pods, namespace, labels, Pod, signal),
  ]);
  if (!route.ok) return err(unreadableOf(route.error));
  if (!services.ok) return err(unreadableOf(services.error));
  if (!deployments.ok) return err(unreadableOf(deployments.error));
  if (!pods.ok) return err(unreadableOf(pods.error));
  const foreign = foreignTo(route.value, slot);
  if (foreign !== null) return err({ code: 'invalid-answer', message: foreign });
  const shared = await sharesNow(target, route.value, services.value, signal);
  if (!shared.ok) return shared;
  return ok({
    generation: generationOf(route.value.metadata.annotations),
    workloads: workloadsIn(deployments.value, pods.value),
    ...shared.value,
  });
}

/** How traffic is shared now, and by whose word. */
async function sharesNow(
  target: SlotTarget,
  route: HttpRoute,
  services: SlotServices,
  signal: AbortSignal,
): Promise<Result<Pick<Observation, 'weights' | 'level'>, Unreadable>> {
  const wanted = weightsOf(route, services);
  if (!wanted.ok) return err({ code: 'invalid-answer', message: wanted.error });
  // Where no release has any, nobody has to have taken the route: the Service that it leads to may not be there yet.
  if (wanted.value.every(({ weight }) => weight === 0))
    return ok({ weights: [...wanted.value], level: 'programmed' });
  const acceptance = acceptanceOf(route);
  if (acceptance.state === 'pending')
    return err({
      code: 'invalid-answer',
      message: `HTTPRoute ${target.route} is not taken by its gateway yet`,
    });
  if (acceptance.state === 'rejected') return err({ code: 'invalid-answer', message: acceptance.message });
  const left = await leftBehind(target, wanted.value, signal);
  if (left !== null) return err(left);
  return routedBy(target, wanted.value, services, signal);
}

const StableService = z.looseObject({
  spec: z.looseObject({ selector: z.record(z.string(), z.string()).optional() }),
});

/** Where one release has all traffic, the Service that others call has to lead to it as well. */
async function leftBehind(
  { api, namespace, service, slot }: SlotTarget,
  weights: readonly Weight[],
  signal: AbortSignal,
): Promise<Unreadable | null> {
  const all = weights.find(({ weight }) => weight === 100);
  if (all === undefined) return null;
  const read = await api.get(resources.services, namespace, service, StableService, signal);
  if (!read.ok) return read.error.code === 'not-found' ? null : unreadableOf(read.error);
  const { selector = {} } = read.value.spec;
  const leads = selector[labelNames.release];
  // A selector that is not ours was written by somebody else: that is drift, and not for this reading to hide.
  if (selector[labelNames.service] !== slot.service || leads === undefined || leads === all.release)
    return null;
  return { code: 'invalid-answer', message: `Service ${service} still leads to ${leads}` };
}

/** By the gateways' own configuration where they may be asked; all of them have to say the same. */
async function routedBy(
  target: SlotTarget,
  wanted: readonly Weight[],
  services: SlotServices,
  signal: AbortSignal,
): Promise<Result<Pick<Observation, 'weights' | 'level'>, Unreadable>> {
  const programmed: Pick<Observation, 'weights' | 'level'> = { weights: [...wanted], level: 'programmed' };
  if (target.configuration.length === 0) return ok(programmed);
  const names = [...services.releases.keys(), services.stable];
  const read = await Promise.all(
    target.configuration.map((url) => readShares(url, target.namespace, names, signal)),
  );
  const seen = new Map<string, readonly Weight[]>();
  for (const one of read) {
    // A gateway that cannot be asked, or does not carry this route, confirms nothing.
    if (!one.ok || one.value === null) return ok(programmed);
    const weights = [...services.releases].map(([name, release]) => ({
      release,
      weight: one.value?.get(name) ?? 0,
    }));
    seen.set(JSON.stringify(weights), weights);
  }
  if (seen.size > 1)
    return err({ code: 'invalid-answer', message: 'the gateways share traffic differently just now' });
  const [weights = []] = seen.values();
  return ok({ weights: [...weights], level: 'confirmed' });
}

/** What runs, by release: a release is there until its Deployment and the last of its pods are gone. */
export function workloadsIn(deployments: readonly Deployment[], pods: readonly Pod[]): RunningWorkload[] {
  const names = new Set(
    [...deployments, ...pods].flatMap(({ metadata }) => {
      const release = Name.safeParse(metadata.labels?.[labelNames.release]);
      return release.success ? [release.data] : [];
    }),
  );
  return [...names].sort().flatMap((release) => {
    const isOf = ({ metadata }: Deployment | Pod): boolean =>
      metadata.labels?.[labelNames.release] === release;
    const workload = workloadOf(release, deployments.find(isOf), pods.filter(isOf));
    return workload === null ? [] : [workload];
  });
}

function workloadOf(
  release: string,
  deployment: Deployment | undefined,
  pods: readonly Pod[],
): RunningWorkload | null {
  // A pod that has ended runs nothing any more, even while its object is kept.
  const present = pods.filter(({ status }) => status?.phase !== 'Succeeded' && status?.phase !== 'Failed');
  const declared = DigestSchema.safeParse(
    (deployment ?? pods[0])?.metadata.annotations?.[annotationNames.artifact],
  );
  if (!declared.success || (deployment === undefined && present.length === 0)) return null;
  const ending = deployment === undefined || deployment.metadata.deletionTimestamp !== undefined;
  const ready = ending ? [] : present.filter(isReady);
  return {
    release,
    artifact: artifactOf(declared.data, ready),
    desired: ending ? 0 : (deployment.spec.replicas ?? 1),
    ready: ready.length,
    open: null,
  };
}

const isReady = ({ metadata, status }: Pod): boolean =>
  metadata.deletionTimestamp === undefined &&
  status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;

/** What was declared, unless a ready pod runs something else: the kubelet's word on what it runs is the last. */
function artifactOf(declared: Digest, ready: readonly Pod[]): Digest {
  for (const { status } of ready) {
    const digests = (status?.containerStatuses ?? []).flatMap(({ imageID = '' }) => {
      const digest = DigestSchema.safeParse(imageID.slice(imageID.lastIndexOf('@') + 1));
      return digest.success ? [digest.data] : [];
    });
    const [other] = digests;
    if (other !== undefined && !digests.includes(declared)) return other;
  }
  return declared;
}
