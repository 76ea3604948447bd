import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { err, ok, type Result } from '../../core/model/result.ts';
import type { Outcome, WorkloadSpec } from '../../ports/environment.ts';
import { readBundle } from './bundle/bundle.ts';
import { render, type Rendered } from './bundle/render.ts';
import type { Manifest } from './client/api.ts';
import type { ApiError } from './client/api-error.ts';
import { type Resource, resources } from './client/resources.ts';
import { activeRequests } from './envoy/statistics.ts';
import { admit, readRoute } from './fence.ts';
import { annotationNames, labelNames, releaseLabels, slotName, workloadName } from './labels.ts';
import { failed, outcomeOf } from './outcome.ts';
import { generationOf, portOf, rulesWith, type SlotServices, weightsOf } from './route.ts';
import { servicesOf } from './slot-objects.ts';
import type { ReadBundle, SlotTarget } from './target.ts';

const done: Outcome = { outcome: 'done' };

const ExistingObject = z.looseObject({
  metadata: z.looseObject({
    name: z.string(),
    uid: z.string(),
    resourceVersion: z.string(),
    deletionTimestamp: z.string().optional(),
    labels: z.record(z.string(), z.string()).optional(),
    annotations: z.record(z.string(), z.string()).optional(),
  }),
});
type ExistingObject = z.infer<typeof ExistingObject>;

/**
 * Makes a release run: its ConfigMaps and Service, then its place in the route at weight 0, which carries the
 * generation and so shuts out whoever is late, then its Deployment.
 */
export async function applyWorkload(
  target: SlotTarget,
  spec: WorkloadSpec,
  bundles: ReadBundle,
  signal: AbortSignal,
): Promise<Outcome> {
  const rendered = await renderSpec(target, spec, bundles);
  if (!rendered.ok) return failed(rendered.error);
  const route = await readRoute(target, spec.generation, signal);
  if (!route.ok) return route.error;
  const services = await servicesOf(target, signal);
  if (!services.ok) return outcomeOf(services.error);
  const port = portOf(route.value, services.value);
  if (!port.ok) return failed(port.error);
  if (!rendered.value.ports.includes(port.value))
    return failed(
      `the bundle’s Service has port ${rendered.value.ports.join(', ')}, and HTTPRoute ${target.route} sends to ${port.value}`,
    );
  const existing = await existingDeployment(target, spec, signal);
  if (!existing.ok) return existing.error;
  for (const manifest of rendered.value.configMaps) {
    const applied = await applyObject(target, resources.configMaps, manifest, signal);
    if (applied !== null) return applied;
  }
  const service = await applyObject(target, resources.services, rendered.value.service, signal);
  if (service !== null) return service;
  const name = workloadName(target.slot, spec.release);
  const admitted = await admit(
    target,
    spec.generation,
    (read) => rulesWith(read, withRelease(services.value, name, spec.release), { known: name }),
    signal,
  );
  if (!admitted.ok) return admitted.error;
  return applyDeployment(target, spec, rendered.value.deployment, signal);
}

/** Controllers write an object's status all the time: a conflict is read again, and only its generation decides. */
const mostTries = 10;

async function applyDeployment(
  target: SlotTarget,
  spec: WorkloadSpec,
  manifest: Manifest,
  signal: AbortSignal,
): Promise<Outcome> {
  const { api, namespace } = target;
  let last: Outcome = failed('the Deployment was not read');
  for (let tries = 0; tries < mostTries; tries += 1) {
    const existing = await existingDeployment(target, spec, signal);
    if (!existing.ok) return existing.error;
    const guard = guarded(manifest, existing.value);
    const applied = await api.apply(resources.deployments, namespace, guard, ExistingObject, signal);
    if (applied.ok)
      return existing.value === null ? whereStillWanted(target, spec, applied.value, signal) : done;
    last = failureOf(manifest, applied.error);
    if (applied.error.code !== 'conflict') return last;
  }
  return last;
}

/**
 * A new object has no version to hold it to. Whoever came with a later generation while this one was on its way may
 * have removed the release already: then what was just made is taken back, unless that other has made it his own.
 */
async function whereStillWanted(
  target: SlotTarget,
  { generation }: WorkloadSpec,
  made: ExistingObject,
  signal: AbortSignal,
): Promise<Outcome> {
  const { api, namespace } = target;
  const { name, uid } = made.metadata;
  const fence = await readRoute(target, generation, signal);
  if (fence.ok || fence.error.outcome !== 'stale') return done;
  for (let tries = 0; tries < mostTries; tries += 1) {
    const read = await api.get(resources.deployments, namespace, name, ExistingObject, signal);
    if (!read.ok) break;
    const { annotations, resourceVersion } = read.value.metadata;
    if (read.value.metadata.uid !== uid || generationOf(annotations) !== generation) break;
    const only = { uid, resourceVersion };
    const options = { propagation: 'background', only } as const;
    const deleted = await api.delete(resources.deployments, namespace, name, options, signal);
    if (deleted.ok || deleted.error.code !== 'conflict') break;
  }
  return fence.error;
}

async function renderSpec(
  { slot }: SlotTarget,
  spec: WorkloadSpec,
  bundles: ReadBundle,
): Promise<Result<Rendered, string>> {
  const { bundle: digest } = spec.configuration;
  if (digest === null)
    return err(`release ${spec.release} was sealed without a bundle: seal it with --bundle FILE`);
  const text = await bundles(digest);
  if (!text.ok) return text;
  const bundle = readBundle(text.value, spec.artifact);
  if (!bundle.ok) return err(`the bundle of ${spec.release} is refused: ${bundle.error.join('; ')}`);
  return render(bundle.value, slot, spec);
}

const withRelease = (services: SlotServices, name: string, release: string): SlotServices => ({
  ...services,
  releases: new Map([...services.releases, [name, release]]),
});

/** The release's Deployment, if it is there: ours, of the same artifact, and not on its way out. */
async function existingDeployment(
  { api, namespace, slot }: SlotTarget,
  spec: WorkloadSpec,
  signal: AbortSignal,
): Promise<Result<ExistingObject | null, Outcome>> {
  const name = workloadName(slot, spec.release);
  const read = await api.get(resources.deployments, namespace, name, ExistingObject, signal);
  if (!read.ok) return read.error.code === 'not-found' ? ok(null) : err(outcomeOf(read.error));
  const { labels = {}, annotations = {}, deletionTimestamp } = read.value.metadata;
  if (labels[labelNames.release] !== spec.release || labels[labelNames.service] !== slot.service)
    return err(failed(`Deployment ${name} is there and does not belong to ${slotName(slot)}`));
  if (deletionTimestamp !== undefined) return err(failed(`${spec.release} is still being removed`));
  const seen = generationOf(annotations);
  if (seen > spec.generation) return err({ outcome: 'stale', generation: seen });
  const artifact = annotations[annotationNames.artifact];
  if (artifact !== spec.artifact)
    return err(
      failed(`${spec.release} runs as ${artifact ?? 'an unknown artifact'} and is never made into another`),
    );
  return ok(read.value);
}

/** Only the version that was read is written; a Deployment that was not there is made anew. */
const guarded = (manifest: Manifest, existing: ExistingObject | null): Manifest =>
  existing === null
    ? manifest
    : { ...manifest, metadata: { ...manifest.metadata, resourceVersion: existing.metadata.resourceVersion } };

async function applyObject(
  { api, namespace }: SlotTarget,
  resource: Resource,
  manifest: Manifest,
  signal: AbortSignal,
): Promise<Outcome | null> {
  const applied = await api.apply(resource, namespace, manifest, z.unknown(), signal);
  return applied.ok ? null : failureOf(manifest, applied.error);
}

/** What an apply has come to, with the object that it was of. */
function failureOf({ kind, metadata }: Manifest, error: ApiError): Outcome {
  return outcomeOf({ ...error, message: `${kind} ${metadata.name}: ${error.message}` });
}

/**
 * How long open requests are waited for before pods are told to end; they have their own grace after that. A third of
 * what an effect's call may take: the rest is for the removal itself, which a request that never ends would hold back for
 * ever.
 */
const drainLimitMs = 1_000;
const drainLookEveryMs = 100;

/**
 * Ends a release that has no traffic: out of the route under the generation, its open requests waited for where the
 * gateway tells of them, then its Deployment, which stays until the last pod has ended, its Service and ConfigMaps.
 */
export async function removeWorkload(
  target: SlotTarget,
  { generation, release }: { readonly generation: number; readonly release: string },
  signal: AbortSignal,
): Promise<Outcome> {
  const route = await readRoute(target, generation, signal);
  if (!route.ok) return route.error;
  const services = await servicesOf(target, signal);
  if (!services.ok) return outcomeOf(services.error);
  const name = workloadName(target.slot, release);
  const known = withRelease(services.value, name, release);
  if (weightIn(route.value, known, release) === 0) await drained(target, release, signal);
  const admitted = await admit(
    target,
    generation,
    (read) => {
      const weight = weightIn(read, known, release);
      if (weight > 0) return err(`${release} still has ${weight} % of traffic`);
      return rulesWith(read, known, { without: name });
    },
    signal,
  );
  if (!admitted.ok) return admitted.error;
  return deleteRelease(target, release, name, signal);
}

/** A route that cannot be read as shares is taken to have it: nothing is removed that may have traffic. */
function weightIn(route: Parameters<typeof weightsOf>[0], services: SlotServices, release: string): number {
  const weights = weightsOf(route, services);
  return weights.ok ? (weights.value.find((one) => one.release === release)?.weight ?? 0) : 100;
}

async function drained(target: SlotTarget, release: string, signal: AbortSignal): Promise<void> {
  const until = performance.now() + drainLimitMs;
  while (!signal.aborted && performance.now() < until) {
    const open = await activeRequests(target, release, signal);
    if (open === null || open === 0) return;
    await delay(drainLookEveryMs);
  }
}

async function deleteRelease(
  { api, namespace, slot }: SlotTarget,
  release: string,
  name: string,
  signal: AbortSignal,
): Promise<Outcome> {
  const labels = releaseLabels(slot, release);
  const maps = await api.list(resources.configMaps, namespace, labels, ExistingObject, signal);
  if (!maps.ok) return outcomeOf(maps.error);
  const deletions: (readonly [Resource, string, 'foreground' | 'background'])[] = [
    [resources.deployments, name, 'foreground'],
    [resources.services, name, 'background'],
    ...maps.value.map(({ metadata }) => [resources.configMaps, metadata.name, 'background'] as const),
  ];
  for (const [resource, object, propagation] of deletions) {
    const deleted = await api.delete(resource, namespace, object, { propagation }, signal);
    if (!deleted.ok) return outcomeOf(deleted.error);
  }
  return done;
}
