import { z } from 'zod';
import type { Weight } from '../../core/model/observation.ts';
import type { Outcome } from '../../ports/environment.ts';
import { resources } from './client/resources.ts';
import { healthyEndpoints } from './envoy/statistics.ts';
import { admit, readRoute } from './fence.ts';
import { annotationNames, releaseLabels, workloadName } from './labels.ts';
import { failed, outcomeOf } from './outcome.ts';
import {
  acceptanceOf,
  generationOf,
  type HttpRoute,
  rulesWith,
  type SlotServices,
  weightsOf,
} from './route.ts';
import { isReady, PodObject, servicesOf } from './slot-objects.ts';
import type { SlotTarget } from './target.ts';

const done: Outcome = { outcome: 'done' };

/**
 * Shares traffic between releases. Up: the gateway knows endpoints of whatever gets its first traffic. To one release
 * alone: the Service that others call leads to it first, so that nobody is left on what is about to lose its traffic.
 */
export async function shift(
  target: SlotTarget,
  { generation, weights }: { readonly generation: number; readonly weights: readonly Weight[] },
  signal: AbortSignal,
): Promise<Outcome> {
  const route = await readRoute(target, generation, signal);
  if (!route.ok) return route.error;
  const services = await servicesOf(target, signal);
  if (!services.ok) return outcomeOf(services.error);
  const missing = weights.find(
    ({ release, weight }) => weight > 0 && ![...services.value.releases.values()].includes(release),
  );
  if (missing !== undefined) return failed(`nothing of ${missing.release} runs here`);
  const cold = await firstTraffic(target, route.value, services.value, weights, signal);
  if (cold !== null) return cold;
  const positive = weights.filter(({ weight }) => weight > 0);
  const [only] = positive;
  if (positive.length === 1 && only !== undefined) {
    const led = await leadService(target, generation, only.release, signal);
    if (led !== null) return led;
  }
  const byService = new Map(
    weights.map(({ release, weight }) => [workloadName(target.slot, release), weight]),
  );
  const admitted = await admit(
    target,
    generation,
    (read) => rulesWith(read, services.value, { weights: byService }),
    signal,
  );
  if (!admitted.ok) return admitted.error;
  const acceptance = acceptanceOf(admitted.value);
  return acceptance.state === 'rejected' ? failed(acceptance.message) : done;
}

/** Why a release may not get its first traffic yet: read fresh, whatever the decision has seen; null where it may. */
async function firstTraffic(
  target: SlotTarget,
  route: HttpRoute,
  services: SlotServices,
  weights: readonly Weight[],
  signal: AbortSignal,
): Promise<Outcome | null> {
  const { api, namespace, slot } = target;
  const now = weightsOf(route, services);
  for (const { release, weight } of weights) {
    const before = now.ok ? (now.value.find((one) => one.release === release)?.weight ?? 0) : 0;
    if (weight === 0 || before > 0) continue;
    const pods = await api.list(resources.pods, namespace, releaseLabels(slot, release), PodObject, signal);
    if (!pods.ok) return outcomeOf(pods.error);
    if (!pods.value.some(isReady)) return failed(`no pod of ${release} is ready`);
    const healthy = await healthyEndpoints(target, release, signal);
    if (healthy === 0) return failed(`the gateway has no healthy endpoint of ${release} yet`);
  }
  return null;
}

const StableService = z.looseObject({
  metadata: z.looseObject({
    resourceVersion: z.string(),
    annotations: z.record(z.string(), z.string()).optional(),
  }),
  spec: z.looseObject({ selector: z.record(z.string(), z.string()).optional() }),
});

const ServicePorts = z.looseObject({ spec: z.looseObject({ ports: z.array(z.looseObject({})) }) });

/** Leads the Service that others call to a release, fenced as the route is; null when it leads there. */
async function leadService(
  target: SlotTarget,
  generation: number,
  release: string,
  signal: AbortSignal,
): Promise<Outcome | null> {
  const { api, namespace, service, slot } = target;
  const wanted = releaseLabels(slot, release);
  const read = await api.get(resources.services, namespace, service, StableService, signal);
  if (!read.ok)
    return read.error.code === 'not-found'
      ? makeService(target, generation, release, signal)
      : outcomeOf(read.error);
  const { metadata, spec } = read.value;
  const seen = generationOf(metadata.annotations);
  if (seen > generation) return { outcome: 'stale', generation: seen };
  const selector: Record<string, string | null> = { ...wanted };
  for (const key of Object.keys(spec.selector ?? {})) selector[key] ??= null;
  const same = Object.entries(selector).every(
    ([key, value]) => value !== null && spec.selector?.[key] === value,
  );
  if (same && seen === generation) return null;
  const patch = {
    metadata: {
      resourceVersion: metadata.resourceVersion,
      annotations: { [annotationNames.generation]: String(generation) },
    },
    spec: { selector },
  };
  const patched = await api.patch(resources.services, namespace, service, patch, z.unknown(), signal);
  return patched.ok ? null : outcomeOf(patched.error);
}

/** There was no such Service before the first release: it gets the ports of that release's own. */
async function makeService(
  { api, namespace, service, slot }: SlotTarget,
  generation: number,
  release: string,
  signal: AbortSignal,
): Promise<Outcome | null> {
  const own = await api.get(resources.services, namespace, workloadName(slot, release), ServicePorts, signal);
  if (!own.ok) return outcomeOf(own.error);
  const manifest = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: service, annotations: { [annotationNames.generation]: String(generation) } },
    spec: { selector: releaseLabels(slot, release), ports: own.value.spec.ports },
  };
  const made = await api.create(resources.services, namespace, manifest, z.unknown(), signal);
  return made.ok ? null : outcomeOf(made.error);
}
