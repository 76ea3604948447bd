import { rollbackCandidates } from '../../core/decide/readiness.ts';
import type { Stage } from '../../core/model/documents.ts';
import type { Digest } from '../../core/model/digest.ts';
import { projectStream, releaseStream, type SlotKey, slotStream } from '../../core/model/name.ts';
import { ok } from '../../core/model/result.ts';
import type { ProjectState, SlotState } from '../../core/model/state.ts';
import type { z } from 'zod';
import { loadSlot } from '../../store/slot-rows.ts';
import { need, type Principal } from '../access.ts';
import type { ServerParts } from '../parts.ts';
import { type Answer, refuse } from '../refusal.ts';
import type { PromotionRequest, PromotionRequested } from '../schemas.ts';
import { record } from './record.ts';
import { unknownRelease } from './releases.ts';

type Request = z.output<typeof PromotionRequest>;

/**
 * Asks for a promotion or a rollback. What the release still lacks is no reason to refuse: the promotion then waits
 * and says for what. Refused is what could never mean anything. `commandId` makes the promotion's id.
 */
export async function requestPromotion(
  parts: ServerParts,
  by: Principal,
  commandId: string,
  request: Request,
): Promise<Answer<PromotionRequested>> {
  const { project, service, release, stage } = request;
  const verb = request.mode === 'rollback' ? 'rollback' : 'promote';
  const allowed = need(by, verb, project, stage);
  if (!allowed.ok) return allowed;
  if (request.liftQuarantine && request.note === '')
    return refuse(422, 'reason-needed', 'lifting a quarantine needs a note that says why');
  // A rollback asks neither people nor the analysis: what was taken back comes back by it only as a waiver.
  const waived =
    request.liftQuarantine && request.mode === 'rollback' ? need(by, 'waive', project, stage) : ok(null);
  if (!waived.ok) return waived;
  const found = findStage(await parts.folds.project(projectStream(project)), request);
  if (!found.ok) return found;
  const key = { project, service, name: release };
  if ((await parts.folds.release(releaseStream(key))) === null) return unknownRelease(key);
  const slot: SlotKey = { project, service, environment: found.value.stage.environment };
  const promotion = `${release}-${stage}-${commandId}`;
  const recorded = await record(parts, slotStream(slot), async (now) => {
    const { slot: state } = await loadSlot(parts.pool, parts.folds, slot);
    const sensible = checkSlot(state, request, promotion);
    if (!sensible.ok) return sensible;
    return ok({
      type: 'requested',
      at: now,
      by: by.subject,
      promotion,
      release,
      stage,
      pipeline: found.value.pipeline,
      mode: request.mode,
      note: request.note,
      liftQuarantine: request.liftQuarantine,
    });
  });
  return recorded.ok ? ok({ promotion, slot }) : recorded;
}

/** The stage, and the digest of the pipeline that has it: the version that this promotion keeps. */
function findStage(
  project: ProjectState,
  request: Request,
): Answer<{ readonly stage: Stage; readonly pipeline: Digest }> {
  const { service, stage: name, pipeline: wanted } = request;
  const pipelines = Object.values(project.pipelines).filter(
    ({ document }) =>
      document.spec.service === service && (wanted === undefined || document.metadata.name === wanted),
  );
  const found = pipelines.flatMap(({ digest, document }) =>
    document.spec.stages
      .filter((stage) => stage.name === name)
      .map((stage) => ({ stage, pipeline: digest, name: document.metadata.name })),
  );
  const [first, second] = found;
  if (first === undefined) {
    const known = pipelines.flatMap((p) => p.document.spec.stages.map((s) => s.name));
    return refuse(
      404,
      'unknown-stage',
      known.length === 0
        ? `${service} has no pipeline${wanted === undefined ? '' : ` ${wanted}`} in project ${request.project}`
        : `${service} has no stage ${name}; there is ${[...new Set(known)].join(', ')}`,
    );
  }
  if (second !== undefined) {
    const names = found.map((f) => f.name).join(', ');
    return refuse(
      409,
      'ambiguous-pipeline',
      `stage ${name} is in several pipelines of ${service}: name one of ${names}`,
    );
  }
  return ok(first);
}

function checkSlot(slot: SlotState, request: Request, promotion: string): Answer<null> {
  const { release, stage, mode } = request;
  const same = slot.promotions.find(
    (p) => p.id === promotion || (p.release === release && p.stage === stage && p.mode === mode),
  );
  if (same !== undefined)
    return refuse(
      409,
      'already-requested',
      `${release} is on its way in stage ${stage} already, as ${same.id}`,
    );
  if (slot.ended.some((end) => end.id === promotion))
    return refuse(409, 'promotion-ended', `promotion ${promotion} has ended`);
  if (slot.stable?.release === release && slot.moving === null)
    return refuse(409, 'already-stable', `${release} is stable in ${slot.key.environment} already`);
  if (mode === 'promote') return ok(null);
  const earlier = rollbackCandidates(slot).map((deployed) => deployed.release);
  if (earlier.includes(release)) return ok(null);
  const why =
    earlier.length === 0
      ? `there is no earlier version in ${slot.key.environment} to go back to`
      : `${release} was not stable in ${slot.key.environment} before; ${earlier.join(', ')} were`;
  return refuse(409, 'rollback-impossible', `${why}${unfinished(slot)}`);
}

/** Whoever wants back from a version that is still on its way has no earlier one in mind, but what is stable. */
function unfinished(slot: SlotState): string {
  const moving = slot.promotions.find((p) => p.id === slot.moving && p.mode === 'promote');
  return moving === undefined || slot.stable === null
    ? ''
    : `; ${moving.release} is on its way: belay abort ${moving.id} returns to ${slot.stable.release}`;
}
