import type { Action, Move } from '../model/decision.ts';
import type { Weight } from '../model/observation.ts';
import type { Promotion, SlotState } from '../model/state.ts';
import { isGone, isOvertaken, openEffect, weightOf } from './capacity.ts';
import { sameWeights } from './fold/seen.ts';
import { failing } from './rollout.ts';
import { go, type Step, unmet, wait } from './view.ts';

/**
 * The way back: traffic to stable first, read back; then the canary's processes; then it is said. Reads nothing
 * but the slot, so that no missing document, gate or freeze can keep traffic on a bad release.
 */
export function advanceBack(slot: SlotState, promotion: Promotion): Step {
  return toZero(slot, promotion) ?? remove(slot, promotion) ?? finish(slot, promotion);
}

function toZero(slot: SlotState, promotion: Promotion): Step | null {
  if (promotion.atZeroAt !== null) return null;
  if (slot.stable !== null && promotion.step >= 0) {
    const weights: Weight[] = [{ release: slot.stable.release, weight: 100 }];
    const open = openEffect(slot, 'shift-traffic');
    const overtaken = open !== undefined && isOvertaken(slot, open);
    if (overtaken || !sameWeights(slot.weights, weights)) {
      const action: Action = { type: 'shift-traffic', generation: slot.generation + 1, weights };
      return go([], [action]);
    }
  }
  const seen = weightOf(slot, promotion.release);
  if (
    openEffect(slot, 'shift-traffic') === undefined &&
    (seen === 0 || (seen === null && promotion.step < 0))
  ) {
    return go([{ type: 'at-zero', promotion: promotion.id }]);
  }
  return wait(
    unmet({ code: 'weight-unconfirmed', wanted: 0, seen, deadline: promotion.since }),
    ...failing(slot),
  );
}

function remove(slot: SlotState, promotion: Promotion): Step | null {
  if (!slot.wanted.includes(promotion.release)) return null;
  // The very version that is stable, or is kept warm to go back to, stays up.
  if (slot.stable?.release === promotion.release || slot.warm?.deployed.release === promotion.release)
    return null;
  const removing = openEffect(slot, 'remove-workload', promotion.release);
  if (removing !== undefined && !isOvertaken(slot, removing)) {
    return wait(unmet({ code: 'not-retired', release: promotion.release }), ...failing(slot));
  }
  // The latest look may be a stale one: what it shows with traffic is not removed.
  const seen = weightOf(slot, promotion.release) ?? 0;
  if (seen > 0)
    return wait(unmet({ code: 'weight-unconfirmed', wanted: 0, seen, deadline: promotion.since }));
  // An apply that is still open may yet bring it up: only a removal of a higher generation rules that out.
  const applying = openEffect(slot, 'apply-workload', promotion.release) !== undefined;
  if (!applying && isGone(slot, promotion.release)) {
    return go([{ type: 'retired', promotion: promotion.id, release: promotion.release }]);
  }
  return go([], [{ type: 'remove-workload', generation: slot.generation + 1, release: promotion.release }]);
}

function finish(slot: SlotState, promotion: Promotion): Step {
  const turned = promotion.turnedBack;
  if (turned === null)
    throw new Error(`promotion ${promotion.id} is rolling back without having turned back`);
  const artifact = promotion.plan?.document.artifact;
  const moves: Move[] = [];
  if (turned.endsAs === 'rolled-back' && artifact !== undefined) {
    moves.push({ type: 'quarantined', promotion: promotion.id, artifact, reason: turned.reason });
  }
  moves.push({
    type: 'ended',
    promotion: promotion.id,
    state: turned.endsAs,
    reason: turned.reason,
    proof: slot.observed?.level ?? 'none',
    warmUntil: null,
  });
  return go(moves);
}
