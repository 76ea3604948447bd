import { createHash } from 'node:crypto';
import type { SlotKey } from '../../core/model/name.ts';

/** What our objects are known by. Names of labels are part of the interface: people select by them. */
export const labelNames = {
  managedBy: 'app.kubernetes.io/managed-by',
  project: 'belay.dev/project',
  environment: 'belay.dev/environment',
  service: 'belay.dev/service',
  release: 'belay.dev/release',
} as const;

export const annotationNames = {
  /** The slot's generation: on the route the highest that was accepted, elsewhere the one that wrote the object. */
  generation: 'belay.dev/generation',
  /** On the route: PROJECT/ENVIRONMENT/SERVICE. One route belongs to one slot. */
  slot: 'belay.dev/slot',
  artifact: 'belay.dev/artifact',
  configuration: 'belay.dev/configuration',
} as const;

/** The labels of everything that belongs to a slot; they select its pods too. */
export const slotLabels = (slot: SlotKey): Readonly<Record<string, string>> => ({
  [labelNames.project]: slot.project,
  [labelNames.environment]: slot.environment,
  [labelNames.service]: slot.service,
});

export const releaseLabels = (slot: SlotKey, release: string): Readonly<Record<string, string>> => ({
  ...slotLabels(slot),
  [labelNames.release]: release,
});

export const slotName = (slot: SlotKey): string => `${slot.project}/${slot.environment}/${slot.service}`;

/**
 * The name of a release's Deployment and Service, a DNS label that begins with a letter (RFC 1035). It ends in a digest
 * of the whole identity, so that `a-b` + `c` and `a` + `b-c` are two, and so are two projects in one namespace.
 */
export function workloadName(slot: SlotKey, release: string): string {
  const identity = createHash('sha256')
    .update(`${slotName(slot)}/${release}`)
    .digest('hex')
    .slice(0, 8);
  const spoken = `${slot.service}-${release}`.slice(0, 40).replace(/-+$/, '');
  return `${/^[a-z]/.test(spoken) ? '' : 'r-'}${spoken}-${identity}`;
}
