import type { ProjectEntry } from '../../core/model/entries.ts';
import { everythingStream, projectStream } from '../../core/model/name.ts';
import { ok } from '../../core/model/result.ts';
import type { SlotState } from '../../core/model/state.ts';
import { loadSlot } from '../../store/slot-rows.ts';
import { listSlots } from '../../store/slots-listing.ts';
import { need, needEverywhere, type Principal } from '../access.ts';
import type { ServerParts } from '../parts.ts';
import { type Answer, refuse } from '../refusal.ts';
import type { Recorded } from '../schemas.ts';
import type { FreezeAnswer, FreezeRequest } from '../schemas-freezes.ts';
import { record } from './record.ts';

/** What a freeze holds. */
export type FreezeScope =
  | { readonly scope: 'everything' }
  | { readonly scope: 'project'; readonly project: string }
  | { readonly scope: 'environment'; readonly project: string; readonly environment: string };

/** Reads the scope out of a request, or says what it lacks. */
export function readScope(request: {
  readonly scope: 'everything' | 'project' | 'environment';
  readonly project?: string | undefined;
  readonly environment?: string | undefined;
}): Answer<FreezeScope> {
  const { scope, project, environment } = request;
  if (scope === 'everything') return ok({ scope });
  if (project === undefined)
    return refuse(422, 'invalid-request', `a freeze of a ${scope} names its project`);
  if (scope === 'project') return ok({ scope, project });
  return environment === undefined
    ? refuse(422, 'invalid-request', 'a freeze of an environment names it')
    : ok({ scope, project, environment });
}

const allowedOn = (by: Principal, scope: FreezeScope): Answer<null> =>
  scope.scope === 'everything' ? needEverywhere(by, 'freeze') : need(by, 'freeze', scope.project, '*');

const streamOf = (scope: FreezeScope): string =>
  scope.scope === 'everything' ? everythingStream : projectStream(scope.project);

/** Holds everything in a scope from now on, and names the effects that had been decided before. */
export async function freeze(
  parts: ServerParts,
  by: Principal,
  commandId: string,
  request: FreezeRequest,
): Promise<Answer<FreezeAnswer>> {
  const scope = readScope(request);
  if (!scope.ok) return scope;
  const allowed = allowedOn(by, scope.value);
  if (!allowed.ok) return allowed;
  const known = await checkScope(parts, scope.value);
  if (!known.ok) return known;
  const id = `freeze-${commandId}`;
  const recorded = await record(parts, streamOf(scope.value), async (now) => {
    const until = request.until ?? null;
    if (until !== null && until <= now)
      return refuse(422, 'freeze-over', 'a freeze cannot end before it begins');
    const environment = scope.value.scope === 'environment' ? scope.value.environment : null;
    const entry: ProjectEntry = {
      type: 'frozen',
      at: now,
      by: by.subject,
      freeze: { id, environment, reason: request.reason, until },
    };
    return ok(entry);
  });
  return recorded.ok ? ok({ id, inFlight: await inFlight(parts, scope.value) }) : recorded;
}

async function checkScope(parts: ServerParts, scope: FreezeScope): Promise<Answer<null>> {
  if (scope.scope === 'everything') return ok(null);
  const state = await parts.folds.project(projectStream(scope.project));
  if (state.seq === 0) return refuse(404, 'unknown-project', `there is no project ${scope.project}`);
  if (scope.scope === 'environment' && !Object.hasOwn(state.environments, scope.environment))
    return refuse(
      404,
      'unknown-environment',
      `project ${scope.project} has no environment ${scope.environment}`,
    );
  return ok(null);
}

async function inFlight(parts: ServerParts, scope: FreezeScope): Promise<FreezeAnswer['inFlight']> {
  const slots = await listSlots(parts.pool, {
    projects: scope.scope === 'everything' ? null : [scope.project],
    service: null,
    environment: scope.scope === 'environment' ? scope.environment : null,
    withOpenEffects: true,
  });
  const found: FreezeAnswer['inFlight'] = [];
  for (const { key } of slots) {
    const { slot } = await loadSlot(parts.pool, parts.folds, key);
    for (const { action } of slot.effects)
      if (growsExposure(slot, action)) found.push({ slot: key, promotion: slot.moving, effect: action.type });
  }
  return found;
}

/** Whether an effect gives a release other than stable more traffic than it is seen to have. A rollback is not held. */
function growsExposure(slot: SlotState, action: SlotState['effects'][number]['action']): boolean {
  if (action.type !== 'shift-traffic') return false;
  if (slot.promotions.find((p) => p.id === slot.moving)?.mode === 'rollback') return false;
  const seen = (release: string): number =>
    slot.observed?.weights.find((w) => w.release === release)?.weight ?? 0;
  return action.weights.some((w) => w.release !== slot.stable?.release && w.weight > seen(w.release));
}

/** Lifts a freeze. */
export async function liftFreeze(
  parts: ServerParts,
  by: Principal,
  id: string,
  request: {
    readonly scope: 'everything' | 'project' | 'environment';
    readonly project?: string | undefined;
    readonly note: string;
  },
): Promise<Answer<Recorded>> {
  // An environment's freeze lies in its project's stream and is found there by its id.
  const scope = readScope({ ...request, scope: request.scope === 'everything' ? 'everything' : 'project' });
  if (!scope.ok) return scope;
  const allowed = allowedOn(by, scope.value);
  if (!allowed.ok) return allowed;
  const stream = streamOf(scope.value);
  const recorded = await record(parts, stream, async (now) => {
    const state = await parts.folds.project(stream);
    return state.freezes.some((f) => f.id === id)
      ? ok({ type: 'unfrozen', at: now, by: by.subject, id, note: request.note })
      : refuse(404, 'unknown-freeze', `there is no freeze ${id} in this scope`);
  });
  return recorded.ok ? ok({ recorded: recorded.value }) : recorded;
}
