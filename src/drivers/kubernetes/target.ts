import type { Digest } from '../../core/model/digest.ts';
import type { SlotKey } from '../../core/model/name.ts';
import { ok, type Result } from '../../core/model/result.ts';
import { z } from 'zod';
import type { KubernetesApi } from './client/api.ts';
import type { ApiError } from './client/api-error.ts';
import { resources } from './client/resources.ts';
import { labelNames, slotLabels } from './labels.ts';
import type { SlotServices } from './route.ts';

/** Where one slot lives in a cluster, and how it is reached. */
export interface SlotTarget {
  readonly api: KubernetesApi;
  readonly slot: SlotKey;
  readonly namespace: string;
  /** The HTTPRoute whose weights are ours. */
  readonly route: string;
  /** The Service that others call; its selector follows what gets all traffic. */
  readonly service: string;
  /** Envoy’s statistics, one address a gateway process: counters for the analysis. */
  readonly statistics: readonly string[];
  /** Envoy’s admin interface, one address a gateway process: shows by which weights it routes. */
  readonly configuration: readonly string[];
}

/** Reads a release's bundle by its digest; the error says why it cannot. */
export type ReadBundle = (digest: Digest) => Promise<Result<string, string>>;

const ServiceHead = z.looseObject({
  metadata: z.looseObject({ name: z.string(), labels: z.record(z.string(), z.string()).optional() }),
});

/** The Services of a slot's releases, as they are now. */
export async function servicesOf(
  target: SlotTarget,
  signal: AbortSignal,
): Promise<Result<SlotServices, ApiError>> {
  const { api, namespace, slot } = target;
  const listed = await api.list(resources.services, namespace, slotLabels(slot), ServiceHead, signal);
  if (!listed.ok) return listed;
  const releases = new Map(
    listed.value.flatMap(({ metadata }) => {
      const release = metadata.labels?.[labelNames.release];
      return release === undefined || metadata.name === target.service
        ? []
        : [[metadata.name, release] as const];
    }),
  );
  return ok({ stable: target.service, releases });
}
