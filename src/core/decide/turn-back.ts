import type { TurnBackEnd } from '../model/decision.ts';
import type { Reason } from '../model/reason.ts';
import { weightOf } from './capacity.ts';
import { entryAnswers } from './waiting.ts';
import { go, type Step, unmet, type View, wait } from './view.ts';

/**
 * Turns a promotion back. Always allowed while stable still carries traffic or can; where there is no stable
 * and the new release already has traffic, there is nothing to go back to, and a person is asked instead.
 */
export function turnBack(view: View, endsAs: TurnBackEnd, reason: Reason): Step {
  const { slot, promotion } = view;
  const nothingToReturnTo =
    slot.stable === null && (promotion.step >= 0 || (weightOf(slot, promotion.release) ?? 0) > 0);
  if (nothingToReturnTo) {
    if (promotion.asked !== null) return wait(unmet(promotion.asked.reason), unmet(reason));
    return go([
      {
        type: 'asked',
        promotion: promotion.id,
        reason: { code: 'rollback-impossible', why: 'no version was stable before' },
      },
    ]);
  }
  return go([{ type: 'turned-back', promotion: promotion.id, endsAs, reason }]);
}

/** What turns a moving promotion back whatever its step: people, a rollback in the queue, trust taken away. */
export function turnBackAsked(view: View): Step | null {
  const { promotion, slot } = view;
  if (promotion.abort !== null) {
    return turnBack(view, 'aborted', {
      code: 'abort-asked',
      by: promotion.abort.by.id,
      note: promotion.abort.note,
    });
  }
  if (promotion.rejected !== null) {
    const { by, note, changesRequested } = promotion.rejected;
    return turnBack(view, 'aborted', { code: 'rejected', by: by.id, note, changesRequested });
  }
  const rollback = slot.promotions.find((p) => p.mode === 'rollback' && p.state === 'waiting');
  if (rollback !== undefined && promotion.mode === 'promote') {
    return turnBack(view, 'aborted', { code: 'rollback-asked', by: rollback.by.id, note: rollback.note });
  }
  for (const [gate, answer] of entryAnswers(view)) {
    // Trust is never pinned. Other entry gates were passed at the door; their later loss holds, it does not turn back.
    if (gate.kind === 'signature' && gate.mode === 'enforce' && answer.verdict !== 'pass') {
      return turnBack(view, 'rolled-back', answer.reason);
    }
  }
  return null;
}
