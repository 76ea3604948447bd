import type { Move } from '../model/decision.ts';
import { openEffect, readyOf, weightOf } from './capacity.ts';
import { holdsOn } from './holds.ts';
import { confirmWeight, keepWeight } from './rollout.ts';
import { ask, recordAnswers, unmetBy } from './stage-gates.ts';
import { artifactChanged, turnBack, turnBackAsked } from './turn-back.ts';
import { go, type Step, unmet, type View, wait } from './view.ts';

/** Full traffic, not yet promoted: verified, soaked, and read back once more before it counts. */
export function advanceObserving(view: View): Step {
  return (
    turnBackAsked(view) ??
    artifactChanged(view) ??
    gone(view) ??
    confirmWeight(view) ??
    keepWeight(view) ??
    verify(view) ??
    promote(view)
  );
}

function gone(view: View): Step | null {
  const { slot, promotion } = view;
  if (slot.observed === null || readyOf(slot, promotion.release) > 0) return null;
  return turnBack(view, 'rolled-back', { code: 'canary-gone', release: promotion.release });
}

function verify(view: View): Step | null {
  const answers = ask(view, view.promotion.mode === 'rollback' ? [] : view.stage.verification);
  const recorded = recordAnswers(view, answers, (reason) => turnBack(view, 'rolled-back', reason));
  if (recorded !== null) return recorded;
  const all = [...unmetBy(answers), ...holdsOn(view)];
  return all.length > 0 ? wait(...all) : null;
}

/** What runs is read back: all traffic on this release, and nothing asked for that is not seen. */
function promote(view: View): Step {
  const { slot, promotion, now } = view;
  const seen = weightOf(slot, promotion.release);
  if (slot.observed === null || seen !== 100 || openEffect(slot, 'shift-traffic') !== undefined) {
    return wait(
      unmet({
        code: 'weight-unconfirmed',
        wanted: 100,
        seen,
        deadline: promotion.since + view.stage.rollout.progressDeadline,
      }),
    );
  }
  const moves: Move[] = [];
  const before = slot.stable;
  if (promotion.mode === 'rollback' && before !== null) {
    const reason = { code: 'rollback-asked', by: promotion.by.id, note: promotion.note } as const;
    moves.push({ type: 'quarantined', promotion: promotion.id, artifact: before.artifact, reason });
  }
  moves.push({
    type: 'ended',
    promotion: promotion.id,
    state: 'promoted',
    reason: { code: 'done' },
    proof: slot.observed.level,
    warmUntil: before === null ? null : now + view.environment.document.spec.warm,
  });
  return go(moves);
}
