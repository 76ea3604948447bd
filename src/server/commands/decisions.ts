import { barredApprovers } from '../../core/decide/gates/approval.ts';
import type { SlotEntry } from '../../core/model/entries.ts';
import { type SlotKey, slotStream } from '../../core/model/name.ts';
import { ok } from '../../core/model/result.ts';
import type { Promotion } from '../../core/model/state.ts';
import type { Millis } from '../../core/model/time.ts';
import type { TurnRecord } from '../../ports/store.ts';
import { loadSlot } from '../../store/slot-rows.ts';
import { may, need, type Principal } from '../access.ts';
import type { ServerParts } from '../parts.ts';
import { type Answer, refuse } from '../refusal.ts';
import type { Recorded } from '../schemas.ts';
import { record } from './record.ts';
import { waiverEntry } from './waivers.ts';

/** What a person may say to a promotion. */
export type PersonsDecision =
  | { readonly action: 'approve'; readonly plan: string; readonly note: string }
  | { readonly action: 'reject'; readonly note: string; readonly changesRequested: boolean }
  | {
      readonly action: 'waive';
      readonly gate: string;
      readonly note: string;
      readonly forMs: number;
    }
  | { readonly action: 'pause' | 'resume' | 'abort'; readonly note: string };

/** The verbs of which one is needed. Aborting moves towards stable: whoever may roll back may do it too. */
const verbsFor = {
  approve: ['approve'],
  reject: ['approve'],
  waive: ['waive'],
  pause: ['promote'],
  resume: ['promote'],
  abort: ['promote', 'rollback'],
} as const;

/** Records what a person says to an open promotion, if it can mean anything as things stand. */
export async function decideOn(
  parts: ServerParts,
  by: Principal,
  slot: SlotKey,
  id: string,
  decision: PersonsDecision,
): Promise<Answer<Recorded>> {
  const [verb] = verbsFor[decision.action];
  if (!verbsFor[decision.action].some((v) => may(by, v, slot.project)))
    return need(by, verb, slot.project) as never;
  const recorded = await record(parts, slotStream(slot), async (now) => {
    const turn = await loadSlot(parts.pool, parts.folds, slot);
    const promotion = findOpen(turn, id);
    if (!promotion.ok) return promotion;
    const { stage } = promotion.value;
    if (!verbsFor[decision.action].some((v) => may(by, v, slot.project, stage))) {
      const refused = need(by, verb, slot.project, stage);
      if (!refused.ok) return refused;
    }
    return entryFor(turn, promotion.value, by, decision, now);
  });
  return recorded.ok ? ok({ recorded: recorded.value }) : recorded;
}

function findOpen(turn: TurnRecord, id: string): Answer<Promotion> {
  const open = turn.slot.promotions.find((p) => p.id === id);
  if (open !== undefined) return ok(open);
  const ended = turn.slot.ended.find((p) => p.id === id);
  return ended === undefined
    ? refuse(404, 'unknown-promotion', `there is no promotion ${id} in this slot`)
    : refuse(409, 'promotion-ended', `promotion ${id} has ended: ${ended.state}`);
}

function entryFor(
  turn: TurnRecord,
  promotion: Promotion,
  by: Principal,
  decision: PersonsDecision,
  at: Millis,
): Answer<SlotEntry> {
  const common = { at, by: by.subject, promotion: promotion.id, note: decision.note };
  switch (decision.action) {
    case 'approve': {
      const allowed = checkApproval(turn, promotion, by, decision.plan);
      return allowed.ok ? ok({ type: 'approved', ...common, plan: allowed.value }) : allowed;
    }
    case 'reject':
      return promotion.rejected === null
        ? ok({ type: 'rejected', ...common, changesRequested: decision.changesRequested })
        : refuse(
            409,
            'already-rejected',
            `promotion ${promotion.id} was rejected by ${promotion.rejected.by.id}`,
          );
    case 'waive':
      return waiverEntry(turn, promotion, by, decision, at);
    case 'pause':
      if (promotion.state === 'rolling-back') return goingBack(promotion);
      return promotion.paused === null
        ? ok({ type: 'paused', ...common })
        : refuse(409, 'already-paused', `promotion ${promotion.id} was paused by ${promotion.paused.by.id}`);
    case 'resume':
      return promotion.paused === null && promotion.asked === null
        ? refuse(409, 'not-paused', `promotion ${promotion.id} is not paused`)
        : ok({ type: 'resumed', ...common });
    case 'abort':
      return promotion.state === 'rolling-back' || promotion.abort !== null
        ? goingBack(promotion)
        : ok({ type: 'abort-asked', ...common });
    default:
      return decision satisfies never;
  }
}

const goingBack = (promotion: Promotion) =>
  refuse(409, 'already-going-back', `promotion ${promotion.id} is on its way back already`);

/**
 * The same rules as the gate's, told at once instead of an approval that silently counts for nothing. The gate judges
 * again, by what is recorded then.
 */
function checkApproval(turn: TurnRecord, promotion: Promotion, by: Principal, plan: string): Answer<string> {
  if (by.subject.kind !== 'person') return refuse(403, 'person-needed', 'only a person can approve');
  const pipeline = turn.project.pinned[promotion.pipeline];
  const stage = pipeline?.document.spec.stages.find((s) => s.name === promotion.stage);
  if (promotion.mode === 'rollback' || stage?.gates.some((gate) => gate.kind === 'approval') !== true)
    return refuse(409, 'no-approval-asked', `promotion ${promotion.id} needs no approval`);
  const current = promotion.plan?.digest;
  if (current === undefined)
    return refuse(
      409,
      'plan-missing',
      `promotion ${promotion.id} has no plan yet, so there is nothing to approve`,
    );
  if (current !== plan)
    return refuse(
      409,
      'plan-changed',
      `you approve plan ${plan}, but the plan is ${current} now; look at it again`,
    );
  const release = Object.hasOwn(turn.releases, promotion.release)
    ? turn.releases[promotion.release]
    : undefined;
  if (release === undefined)
    return refuse(404, 'unknown-release', `release ${promotion.release} of this promotion is not known`);
  const editors = pipeline?.editors ?? [];
  if (barredApprovers({ release, promotion, editors }).includes(by.subject.id)) {
    return refuse(
      403,
      'barred-approver',
      `${by.subject.id} contributed to, opened, sealed or requested this, or edited its gates, and cannot approve it`,
    );
  }
  const counts = Math.min(...stage.gates.flatMap((gate) => (gate.kind === 'approval' ? [gate.expires] : [])));
  if (
    promotion.approvals.some((a) => a.by.id === by.subject.id && a.plan === plan && turn.now < a.at + counts)
  )
    return refuse(409, 'already-approved', `${by.subject.id} has approved this plan already`);
  return ok(plan);
}
