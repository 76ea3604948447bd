import { stepsOf } from '../../core/decide/capacity.ts';
import { rollbackCandidates, rollbackReadiness } from '../../core/decide/readiness.ts';
import type { Wait } from '../../core/model/decision.ts';
import type { Stage } from '../../core/model/documents.ts';
import { releaseStream } from '../../core/model/name.ts';
import type { Promotion, ReleaseState, SlotState } from '../../core/model/state.ts';
import { sentenceOf } from '../../core/report/sentences.ts';
import type { TurnRecord } from '../../ports/store.ts';
import { loadSlot } from '../../store/slot-rows.ts';
import type { ListedSlot } from '../../store/slots-listing.ts';
import type { ServerParts } from '../parts.ts';
import type { GateView, PromotionView, RollbackView, SlotView, WaitView } from '../schemas.ts';
import { freezeViews, isOn, plannedFreezes } from './freeze-view.ts';

/** A slot as it is shown: folded up to now, with what its last turn said it waits for. */
export async function slotView(parts: ServerParts, listed: ListedSlot): Promise<SlotView> {
  const turn = await loadSlot(parts.pool, parts.folds, listed.key);
  const { slot } = turn;
  return {
    ...listed.key,
    stable: slot.stable,
    warm: slot.warm === null ? null : { ...slot.warm.deployed, until: slot.warm.until },
    weights: [...(slot.observed?.weights ?? [])],
    observedAt: turn.pending.seenUntil ?? slot.seenUntil,
    generation: slot.generation,
    moving: slot.moving,
    frozen: frozenOn(turn),
    promotions: slot.promotions.map((promotion) => promotionView(turn, promotion, listed.waits)),
    ended: slot.ended.map((end) => ({ ...end, sentence: sentenceOf(end.reason) })),
    quarantine: Object.entries(slot.quarantine).map(([artifact, held]) => ({
      artifact,
      ...held,
      sentence: sentenceOf(held.reason),
    })),
    rollback: await rollbackView(parts, turn),
  };
}

function frozenOn(turn: TurnRecord): SlotView['frozen'] {
  const { key } = turn.slot;
  const environment = turn.project.environments[key.environment]?.document;
  const held = [
    ...freezeViews(turn.everything, null),
    ...freezeViews(turn.project, key.project),
    ...(environment === undefined ? [] : plannedFreezes(environment, turn.now)),
  ];
  return held.filter((view) => isOn(view, key.environment, turn.now));
}

async function rollbackView(parts: ServerParts, turn: TurnRecord): Promise<RollbackView> {
  const { slot, project, now } = turn;
  const { project: name, service } = slot.key;
  const releases: Record<string, ReleaseState> = {};
  for (const { release } of rollbackCandidates(slot)) {
    const state = await parts.folds.release(releaseStream({ project: name, service, name: release }));
    if (state !== null) releases[release] = state;
  }
  return rollbackReadiness({ slot, releases, project, now, crypto: parts.crypto });
}

const waitView = (wait: Wait): WaitView => ({ ...wait, sentence: sentenceOf(wait.reason) });

function promotionView(turn: TurnRecord, promotion: Promotion, waits: readonly Wait[]): PromotionView {
  const { slot } = turn;
  const pipeline = turn.project.pinned[promotion.pipeline]?.document;
  const stage = pipeline?.spec.stages.find((s) => s.name === promotion.stage);
  const { asked, turnedBack } = promotion;
  return {
    id: promotion.id,
    release: promotion.release,
    stage: promotion.stage,
    mode: promotion.mode,
    state: promotion.state,
    since: promotion.since,
    requestedBy: promotion.by,
    requestedAt: promotion.requestedAt,
    note: promotion.note,
    plan: promotion.plan,
    approvals: [...promotion.approvals],
    step: promotion.step,
    weight: weightSeen(slot, promotion.release),
    steps: [
      ...(promotion.plan?.document.steps ?? (stage === undefined ? [] : stepsOf({ promotion, stage, slot }))),
    ],
    gates: stage === undefined ? [] : gateViews(promotion, stage),
    waits: waits.filter((wait) => wait.promotion === promotion.id).map(waitView),
    paused: promotion.paused,
    asked: asked === null ? null : { ...asked, sentence: sentenceOf(asked.reason) },
    turnedBack:
      turnedBack === null
        ? null
        : { reason: turnedBack.reason, sentence: sentenceOf(turnedBack.reason), at: turnedBack.at },
  };
}

const weightSeen = (slot: SlotState, release: string): number | null =>
  slot.observed === null ? null : (slot.observed.weights.find((w) => w.release === release)?.weight ?? 0);

/** Every gate of the stage, in its order, with what it said last. */
function gateViews(promotion: Promotion, stage: Stage): GateView[] {
  return (['gates', 'analysis', 'verification'] as const).flatMap((part) =>
    stage[part].map(({ name, kind, mode }) => {
      // A gate may be called like something that every object has.
      const result = Object.hasOwn(promotion.gates, name) ? promotion.gates[name] : undefined;
      return {
        name,
        kind,
        mode,
        part,
        verdict: result?.verdict ?? ('pending' as const),
        reason: result?.reason ?? null,
        sentence: result === undefined ? null : sentenceOf(result.reason),
        at: result?.at ?? null,
      };
    }),
  );
}
