import { z } from 'zod';
import { ok, type Result } from '../../core/model/result.ts';
import type { ApiError } from './client/api-error.ts';
import { resources } from './client/resources.ts';
import { labelNames, slotLabels } from './labels.ts';
import { HttpRoute, type SlotServices } from './route.ts';
import type { SlotTarget } from './target.ts';

/** What is read of objects; the rest is not kept. */
const Head = z.object({
  name: z.string(),
  labels: z.record(z.string(), z.string()).optional(),
  annotations: z.record(z.string(), z.string()).optional(),
  deletionTimestamp: z.string().optional(),
});

export const DeploymentObject = z.object({
  metadata: Head,
  spec: z.object({ replicas: z.int().min(0).optional() }),
});
export type DeploymentObject = z.infer<typeof DeploymentObject>;

export const PodObject = z.object({
  metadata: Head,
  status: z
    .object({
      phase: z.string().optional(),
      conditions: z.array(z.object({ type: z.string(), status: z.string() })).optional(),
      containerStatuses: z.array(z.object({ imageID: z.string().optional() })).optional(),
    })
    .optional(),
});
export type PodObject = z.infer<typeof PodObject>;

export const ServiceObject = z.object({
  metadata: Head,
  spec: z.object({ selector: z.record(z.string(), z.string()).optional() }).optional(),
});
export type ServiceObject = z.infer<typeof ServiceObject>;

/** All of a slot that is in the cluster, at one moment. */
export interface SlotObjects {
  readonly route: HttpRoute;
  readonly services: SlotServices;
  /** What the Service that others call selects; null where there is no such Service. */
  readonly selector: Readonly<Record<string, string>> | null;
  readonly deployments: readonly DeploymentObject[];
  readonly pods: readonly PodObject[];
}

/** A pod that may get requests: ready, and not told to end. */
export const isReady = ({ metadata, status }: PodObject): boolean =>
  metadata.deletionTimestamp === undefined &&
  status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') === true;

/** The releases' Services among those of a slot. */
export const servicesIn = (services: readonly ServiceObject[], stable: string): SlotServices => ({
  stable,
  releases: new Map(
    services.flatMap(({ metadata }) => {
      const release = metadata.labels?.[labelNames.release];
      return release === undefined || metadata.name === stable ? [] : [[metadata.name, release] as const];
    }),
  ),
});

/** The Services of a slot's releases, as they are now. */
export async function servicesOf(
  { api, namespace, slot, service }: SlotTarget,
  signal: AbortSignal,
): Promise<Result<SlotServices, ApiError>> {
  const listed = await api.list(resources.services, namespace, slotLabels(slot), ServiceObject, signal);
  return listed.ok ? ok(servicesIn(listed.value, service)) : listed;
}

/** Reads a slot as it is now, not as a cache has it. */
export async function readSlot(
  target: SlotTarget,
  signal: AbortSignal,
): Promise<Result<SlotObjects, ApiError>> {
  const { api, namespace, slot } = target;
  const labels = slotLabels(slot);
  const [route, services, stable, deployments, pods] = await Promise.all([
    api.get(resources.httpRoutes, namespace, target.route, HttpRoute, signal),
    servicesOf(target, signal),
    api.get(resources.services, namespace, target.service, ServiceObject, signal),
    api.list(resources.deployments, namespace, labels, DeploymentObject, signal),
    api.list(resources.pods, namespace, labels, PodObject, signal),
  ]);
  if (!route.ok) return route;
  if (!services.ok) return services;
  if (!stable.ok && stable.error.code !== 'not-found') return stable;
  if (!deployments.ok) return deployments;
  if (!pods.ok) return pods;
  return ok({
    route: route.value,
    services: services.value,
    selector: stable.ok ? (stable.value.spec?.selector ?? {}) : null,
    deployments: deployments.value,
    pods: pods.value,
  });
}
