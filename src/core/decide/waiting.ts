import type { Move, PromotionState } from '../model/decision.ts';
import type { Reason } from '../model/reason.ts';
import type { Promotion, SlotState } from '../model/state.ts';
import { freezesOn } from './freeze.ts';
import { isCurrentPlan, planFor } from './plan.ts';
import { entryAnswers, gateConditions, recordAnswers } from './stage-gates.ts';
import { go, type Step, type Unmet, unmet, type View, wait } from './view.ts';

/** Ends a promotion that never had traffic. */
export const endMove = (promotion: Promotion, state: PromotionState, reason: Reason): Move => ({
  type: 'ended',
  promotion: promotion.id,
  state,
  reason,
  proof: 'none',
  warmUntil: null,
});

/** How many are overtaken in one round, so that a decision stays small. */
const mostOvertaken = 20;

/**
 * A promotion at the door: refused, planned, judged, overtaken, held, or started. In this order, and each only
 * when the ones before have nothing to say.
 */
export function advanceWaiting(view: View): Step {
  return end(view) ?? plan(view) ?? judgeEntry(view) ?? enter(view);
}

/** People's no, and what can never become a yes. */
function end(view: View): Step | null {
  const { promotion, slot } = view;
  if (promotion.abort !== null) {
    return go([
      endMove(promotion, 'aborted', {
        code: 'abort-asked',
        by: promotion.abort.by.id,
        note: promotion.abort.note,
      }),
    ]);
  }
  if (promotion.rejected !== null) {
    const { by, note, changesRequested } = promotion.rejected;
    return go([endMove(promotion, 'refused', { code: 'rejected', by: by.id, note, changesRequested })]);
  }
  const artifact = view.release.sealed?.release.artifact.digest;
  if (artifact === undefined) return null;
  const quarantine = slot.quarantine[artifact];
  if (quarantine !== undefined && !promotion.liftQuarantine) {
    return go([
      endMove(promotion, 'refused', {
        code: 'quarantined',
        artifact,
        since: quarantine.since,
        by: quarantine.by,
      }),
    ]);
  }
  if (promotion.mode === 'rollback' && !wasStable(slot, promotion.release)) {
    const why = `${promotion.release} was not stable here before`;
    return go([endMove(promotion, 'refused', { code: 'rollback-impossible', why })]);
  }
  if (slot.stable?.release === promotion.release && slot.moving === null) {
    return go([endMove(promotion, 'refused', { code: 'already-stable' })]);
  }
  return null;
}

/** A rollback skips approvals and analysis: only what has been through them goes by it. */
const wasStable = ({ stable, warm, history }: SlotState, release: string): boolean =>
  [stable, warm?.deployed, ...history].some((deployed) => deployed?.release === release);

function plan(view: View): Step | null {
  if (view.release.sealed === null) return wait(unmet({ code: 'release-open' }));
  if (isCurrentPlan(view)) return null;
  const made = planFor(view);
  return made === null
    ? null
    : go([{ type: 'planned', promotion: view.promotion.id, plan: made.digest, document: made.document }]);
}

/** Records what changed in what the gates say; a clear no ends the promotion. */
const judgeEntry = (view: View): Step | null =>
  recordAnswers(view, entryAnswers(view), (reason) => go([endMove(view.promotion, 'refused', reason)]));

function enter(view: View): Step {
  const { promotion, slot } = view;
  const conditions = [...upstream(view), ...gateConditions(view), ...holds(view)];
  const moving = slot.promotions.find((p) => p.id === slot.moving);
  const ahead = stranded(moving) ? undefined : (moving ?? rollbackAhead(view));
  if (ahead !== undefined)
    conditions.push(unmet({ code: 'behind', promotion: ahead.id, release: ahead.release }));
  if (conditions.length > 0) return wait(...conditions);
  const supersede = (p: Promotion): Move =>
    endMove(p, 'superseded', {
      code: 'superseded-by',
      promotion: promotion.id,
      release: promotion.release,
    });
  const overtaken = slot.promotions.filter(
    (p) =>
      p.state === 'waiting' &&
      p.id !== promotion.id &&
      p.stage === promotion.stage &&
      p.requestedAt <= promotion.requestedAt,
  );
  if (overtaken.length > mostOvertaken) return go(overtaken.slice(0, mostOvertaken).map(supersede));
  return go([
    ...overtaken.map(supersede),
    ...(moving === undefined
      ? []
      : [{ ...supersede(moving), proof: slot.observed?.level ?? 'none' } as Move]),
    { type: 'started', promotion: promotion.id },
  ]);
}

/** A first release that has traffic, is bad, and has nothing to go back to: the way out is forward. */
const stranded = (moving: Promotion | undefined): boolean =>
  moving?.asked?.reason.code === 'rollback-impossible';

/** Nothing new starts while somebody has asked to go back: it would be turned back at once. */
function rollbackAhead(view: View): Promotion | undefined {
  if (view.promotion.mode === 'rollback') return undefined;
  return view.slot.promotions.find((p) => p.mode === 'rollback' && p.state === 'waiting');
}

function upstream(view: View): readonly Unmet[] {
  if (view.promotion.mode === 'rollback') return [];
  return view.stage.after
    .filter((stage) => view.release.stages[stage]?.state !== 'promoted')
    .map((stage) => unmet({ code: 'upstream-missing', stage }));
}

/** Enforced gates at the door that have not passed, or no longer do. */

function holds(view: View): readonly Unmet[] {
  if (view.promotion.mode === 'rollback') return [];
  const paused = view.promotion.paused;
  return [
    ...freezesOn(
      view.slot.key,
      view.environment.document,
      view.input.project,
      view.input.everything,
      view.now,
    ),
    ...(paused === null ? [] : [unmet({ code: 'paused', by: paused.by.id, note: paused.note })]),
  ];
}
