import { z } from 'zod';
import { canonicalJson } from '../../core/model/canonical.ts';
import type { SlotKey } from '../../core/model/name.ts';
import { err, ok, type Result } from '../../core/model/result.ts';
import { annotationNames, slotName } from './labels.ts';

const BackendRef = z.looseObject({
  name: z.string(),
  kind: z.string().optional(),
  group: z.string().optional(),
  namespace: z.string().optional(),
  port: z.int().optional(),
  weight: z.int().min(0).optional(),
});
type BackendRef = z.infer<typeof BackendRef>;

const Rule = z.looseObject({ backendRefs: z.array(BackendRef).optional() });
export type Rule = z.infer<typeof Rule>;

const Condition = z.looseObject({
  type: z.string(),
  status: z.string(),
  reason: z.string().optional(),
  message: z.string().optional(),
  observedGeneration: z.int().optional(),
});

/** What Belay reads of an HTTPRoute; all else is carried through as it stands. */
export const HttpRoute = z.looseObject({
  metadata: z.looseObject({
    name: z.string(),
    resourceVersion: z.string(),
    generation: z.int(),
    annotations: z.record(z.string(), z.string()).optional(),
  }),
  spec: z.looseObject({ rules: z.array(Rule).optional() }),
  status: z
    .looseObject({
      parents: z
        .array(z.looseObject({ controllerName: z.string(), conditions: z.array(Condition).optional() }))
        .optional(),
    })
    .optional(),
});
export type HttpRoute = z.infer<typeof HttpRoute>;

/** How the objects of a slot are called by a route: the Service that others call, and one for each release. */
export interface SlotServices {
  /** The name that was there before Belay and stays. */
  readonly stable: string;
  /** The release behind each Service of a release, by the Service's name. */
  readonly releases: ReadonlyMap<string, string>;
}

/** The highest generation that a route was written with: 0 where Belay never wrote it. */
export function generationOf(annotations: Readonly<Record<string, string>> | undefined): number {
  const text = annotations?.[annotationNames.generation] ?? '0';
  return /^\d{1,15}$/.test(text) ? Number(text) : 0;
}

/** Why a route is not this slot's to write; null where it is. */
export function foreignTo(route: HttpRoute, slot: SlotKey): string | null {
  const owner = route.metadata.annotations?.[annotationNames.slot];
  if (owner === undefined || owner === slotName(slot)) return null;
  return `HTTPRoute ${route.metadata.name} belongs to ${owner}; each service needs a route of its own`;
}

const isService = (ref: BackendRef): boolean =>
  (ref.kind ?? 'Service') === 'Service' && (ref.group ?? '') === '' && ref.namespace === undefined;

const isOwn = (ref: BackendRef, services: SlotServices): boolean =>
  isService(ref) && (ref.name === services.stable || services.releases.has(ref.name));

/** The rules that send to this slot; the error says why none does, or why one cannot be written. */
function ownRules(route: HttpRoute, services: SlotServices): Result<readonly number[], string> {
  const own: number[] = [];
  for (const [index, { backendRefs = [] }] of (route.spec.rules ?? []).entries()) {
    const ours = backendRefs.filter((ref) => isOwn(ref, services)).length;
    if (ours === 0) continue;
    if (ours < backendRefs.length)
      return err(
        `rule ${index + 1} of HTTPRoute ${route.metadata.name} sends to other backends besides; give the service rules of its own`,
      );
    own.push(index);
  }
  if (own.length === 0)
    return err(`no rule of HTTPRoute ${route.metadata.name} sends to Service ${services.stable}`);
  return ok(own);
}

/**
 * The share of each release in percent, as the route has it: what goes to the Service that was there before is no
 * release's. All rules of the slot have to say the same.
 */
export function weightsOf(
  route: HttpRoute,
  services: SlotServices,
): Result<readonly { readonly release: string; readonly weight: number }[], string> {
  const own = ownRules(route, services);
  if (!own.ok) return own;
  const shares = own.value.map((index) => sharesOf(route.spec.rules?.[index]?.backendRefs ?? [], services));
  const [first = new Map<string, number>(), ...others] = shares;
  for (const other of others)
    if (canonicalJson(Object.fromEntries(other)) !== canonicalJson(Object.fromEntries(first)))
      return err(`the rules of HTTPRoute ${route.metadata.name} share traffic differently`);
  return ok([...first].map(([release, weight]) => ({ release, weight })));
}

function sharesOf(refs: readonly BackendRef[], services: SlotServices): Map<string, number> {
  const total = refs.reduce((sum, { weight = 1 }) => sum + weight, 0);
  const shares = new Map<string, number>();
  for (const { name, weight = 1 } of refs) {
    const release = services.releases.get(name);
    if (release === undefined) continue;
    shares.set(release, (shares.get(release) ?? 0) + (total === 0 ? 0 : Math.round((100 * weight) / total)));
  }
  return shares;
}

/** The port that the route sends to; the error says where rules differ or name none. */
export function portOf(route: HttpRoute, services: SlotServices): Result<number, string> {
  const own = ownRules(route, services);
  if (!own.ok) return own;
  const ports = new Set(
    own.value.flatMap((index) => (route.spec.rules?.[index]?.backendRefs ?? []).map(({ port }) => port)),
  );
  const [port] = ports;
  if (port === undefined || ports.size > 1)
    return err(
      `HTTPRoute ${route.metadata.name} has to send to one port of the service, and says ${[...ports].join(', ') || 'none'}`,
    );
  return ok(port);
}

/**
 * The rules with other weights, by the names of the releases' Services. A backend of the slot that gets none stays in
 * the route with weight 0: the gateway keeps its endpoints and its counters, and going back is one change of weights.
 * `without` takes one out.
 */
export function rulesWith(
  route: HttpRoute,
  services: SlotServices,
  change: {
    readonly weights?: ReadonlyMap<string, number>;
    readonly known?: string;
    readonly without?: string;
  },
): Result<readonly Rule[], string> {
  const own = ownRules(route, services);
  if (!own.ok) return own;
  const port = portOf(route, services);
  if (!port.ok) return port;
  return ok(
    (route.spec.rules ?? []).map((rule, index) =>
      own.value.includes(index)
        ? { ...rule, backendRefs: refsWith(rule.backendRefs ?? [], port.value, change) }
        : rule,
    ),
  );
}

function refsWith(
  refs: readonly BackendRef[],
  port: number,
  change: Parameters<typeof rulesWith>[2],
): BackendRef[] {
  const { weights, known, without } = change;
  const names = [...new Set([...(weights?.keys() ?? []), ...(known === undefined ? [] : [known])])];
  const kept = refs
    .filter(({ name }) => name !== without)
    .map((ref) => (weights === undefined ? ref : { ...ref, weight: weights.get(ref.name) ?? 0 }));
  const added = names
    .filter((name) => !kept.some((ref) => ref.name === name))
    .map((name) => ({ group: '', kind: 'Service', name, port, weight: weights?.get(name) ?? 0 }));
  return [...kept, ...added];
}

/** What the gateways' controllers have said about a route as it stands now. */
export type Acceptance =
  | { readonly state: 'accepted' }
  | { readonly state: 'pending' }
  | { readonly state: 'rejected'; readonly message: string };

/** Gateway API v1: `Accepted` and `ResolvedRefs` of every parent, at the route's own generation. */
export function acceptanceOf(route: HttpRoute): Acceptance {
  const parents = route.status?.parents ?? [];
  if (parents.length === 0) return { state: 'pending' };
  for (const { controllerName, conditions = [] } of parents) {
    for (const type of ['Accepted', 'ResolvedRefs']) {
      const condition = conditions.find((one) => one.type === type);
      if (condition === undefined || (condition.observedGeneration ?? 0) < route.metadata.generation)
        return { state: 'pending' };
      if (condition.status === 'True') continue;
      const { reason = 'no reason', message = '' } = condition;
      return {
        state: 'rejected',
        message: `${controllerName} does not take HTTPRoute ${route.metadata.name}: ${type} is ${condition.status}, ${reason}: ${message}`,
      };
    }
  }
  return { state: 'accepted' };
}
