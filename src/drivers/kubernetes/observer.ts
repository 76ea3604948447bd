import { Digest } from '../../core/model/digest.ts';
import { Name } from '../../core/model/name.ts';
import type { Observation, RunningWorkload, Weight } from '../../core/model/observation.ts';
import { err, ok, type Result } from '../../core/model/result.ts';
import type { Unreadable } from '../../ports/environment.ts';
import { readConfiguration, sharesIn } from './envoy/configuration.ts';
import { annotationNames, labelNames } from './labels.ts';
import { unreadableOf } from './outcome.ts';
import { acceptanceOf, foreignTo, generationOf, type SlotServices, weightsOf } from './route.ts';
import {
  type DeploymentObject,
  isReady,
  type PodObject,
  readSlot,
  type SlotObjects,
} from './slot-objects.ts';
import type { SlotTarget } from './target.ts';

/**
 * Reads a slot from the API server, or as its watch tells while it rests, and by which weights the gateway routes from
 * the gateway itself where it may be asked. A route that its controller has not taken yet in this form is not readable:
 * nobody can tell how traffic is shared.
 */
export async function observe(
  target: SlotTarget,
  signal: AbortSignal,
): Promise<Result<Omit<Observation, 'at'>, Unreadable>> {
  const resting = target.watch?.resting(target) ?? null;
  const read = resting === null ? await readSlot(target, signal) : ok(resting);
  if (!read.ok) return err(unreadableOf(read.error));
  const { route, deployments, pods } = read.value;
  const foreign = foreignTo(route, target.slot);
  if (foreign !== null) return err({ code: 'invalid-answer', message: foreign });
  const shared = await sharesNow(target, read.value, resting !== null, signal);
  if (!shared.ok) return shared;
  return ok({
    generation: generationOf(route.metadata.annotations),
    workloads: workloadsIn(deployments, pods),
    ...shared.value,
  });
}

/** How traffic is shared now, and by whose word. */
async function sharesNow(
  target: SlotTarget,
  { route, services, selector }: SlotObjects,
  rests: boolean,
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
  const left = leftBehind(target, wanted.value, selector);
  if (left !== null) return err({ code: 'invalid-answer', message: left });
  return routedBy(target, wanted.value, services, rests, signal);
}

/** Where one release has all traffic, the Service that others call has to lead to it as well. */
function leftBehind(
  { service, slot }: SlotTarget,
  weights: readonly Weight[],
  selector: SlotObjects['selector'],
): string | null {
  const all = weights.find(({ weight }) => weight === 100);
  const leads = selector?.[labelNames.release];
  // A selector that is not ours was written by somebody else: that is drift, and not for this reading to hide.
  if (all === undefined || leads === undefined || selector?.[labelNames.service] !== slot.service)
    return null;
  return leads === all.release ? null : `Service ${service} still leads to ${leads}`;
}

/** By the gateways' own configuration where they may be asked; all of them have to say the same. */
async function routedBy(
  target: SlotTarget,
  wanted: readonly Weight[],
  services: SlotServices,
  rests: boolean,
  signal: AbortSignal,
): Promise<Result<Pick<Observation, 'weights' | 'level'>, Unreadable>> {
  const programmed: Pick<Observation, 'weights' | 'level'> = { weights: [...wanted], level: 'programmed' };
  if (target.configuration.length === 0) return ok(programmed);
  const names = [...services.releases.keys(), services.stable];
  const read = await Promise.all(
    target.configuration.map(async (url) => {
      const fetch = () => readConfiguration(url, signal);
      const page = await (rests && target.watch !== null ? target.watch.page(url, fetch) : fetch());
      return page.ok ? sharesIn(page.value, target.namespace, names) : page;
    }),
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
export function workloadsIn(
  deployments: readonly DeploymentObject[],
  pods: readonly PodObject[],
): RunningWorkload[] {
  const names = new Set(
    [...deployments, ...pods].flatMap(({ metadata }) => {
      const release = Name.safeParse(metadata.labels?.[labelNames.release]);
      return release.success ? [release.data] : [];
    }),
  );
  return [...names].sort().flatMap((release) => {
    const isOf = ({ metadata }: DeploymentObject | PodObject): boolean =>
      metadata.labels?.[labelNames.release] === release;
    const workload = workloadOf(release, deployments.find(isOf), pods.filter(isOf));
    return workload === null ? [] : [workload];
  });
}

function workloadOf(
  release: string,
  deployment: DeploymentObject | undefined,
  pods: readonly PodObject[],
): RunningWorkload | null {
  // A pod that has ended runs nothing any more, even while its object is kept.
  const present = pods.filter(({ status }) => status?.phase !== 'Succeeded' && status?.phase !== 'Failed');
  const declared = Digest.safeParse(
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

/** What was declared, unless a ready pod runs something else: the kubelet's word on what it runs is the last. */
function artifactOf(declared: Digest, ready: readonly PodObject[]): Digest {
  for (const { status } of ready) {
    const digests = (status?.containerStatuses ?? []).flatMap(({ imageID = '' }) => {
      const digest = Digest.safeParse(imageID.slice(imageID.lastIndexOf('@') + 1));
      return digest.success ? [digest.data] : [];
    });
    const [other] = digests;
    if (other !== undefined && !digests.includes(declared)) return other;
  }
  return declared;
}
