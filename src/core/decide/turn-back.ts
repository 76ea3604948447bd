import type { TurnBackEnd } from '../model/decision.ts';
import type { Reason } from '../model/reason.ts';
import { weightOf } from './capacity.ts';
import type { GateAnswer } from './gates/context.ts';
import { judge } from './gates/judge.ts';
import { gateContext } from './stage-gates.ts';
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
  const lost = lostTrust(view);
  return lost === null ? null : turnBack(view, 'rolled-back', lost.reason);
}

/**
 * What is ready of a release that moves is another artifact than its plan has: nobody approved it, and what was
 * measured is not the release's. A way back is never stopped by that.
 */
export function artifactChanged(view: View): Step | null {
  const { promotion, slot } = view;
  const { release, plan } = promotion;
  const runs = slot.observed?.workloads.find((one) => one.release === release && one.ready > 0);
  if (promotion.mode === 'rollback' || plan === null || runs === undefined) return null;
  const approved = plan.document.artifact;
  if (runs.artifact === approved) return null;
  return turnBack(view, 'aborted', { code: 'artifact-changed', release, approved, running: runs.artifact });
}

/**
 * What a signature gate says that no longer passes. Trust is never pinned; other entry gates were passed at the
 * door, and their later loss holds the rollout where it is, it does not turn it back.
 */
export function lostTrust(view: View): GateAnswer | null {
  const context = gateContext(view);
  for (const gate of view.stage.gates) {
    if (gate.kind !== 'signature' || gate.mode !== 'enforce') continue;
    const answer = judge(gate, context);
    if (answer.verdict !== 'pass') return answer;
  }
  return null;
}
