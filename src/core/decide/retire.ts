import type { Action } from '../model/decision.ts';
import type { SlotState } from '../model/state.ts';
import type { Millis } from '../model/time.ts';
import { isGone, openEffect, weightOf } from './capacity.ts';
import { go, type Step, wait } from './view.ts';

/**
 * Ends what nothing needs any more: the version before, once its warm time is over, and whatever an earlier
 * promotion has left. One at a time and only while nothing moves, so that the newest generation is its removal's.
 */
export function retire(slot: SlotState, now: Millis): Step {
  if (slot.moving !== null) return wait();
  const release = slot.wanted.find((name) => !isNeeded(slot, name, now) && weightOf(slot, name) === 0);
  if (release === undefined) return wait();
  const removing = openEffect(slot, 'remove-workload', release);
  if (removing === undefined && isGone(slot, release)) {
    return go([{ type: 'retired', promotion: promotionOf(slot, release), release }]);
  }
  // A removal that was overtaken by a later generation is refused outside as stale: it is asked for again.
  if (removing !== undefined && removing.action.generation === slot.generation) return wait();
  const action: Action = { type: 'remove-workload', generation: slot.generation + 1, release };
  return go([], [action]);
}

/** Whether a release is stable, kept warm, or on its way into the slot. */
function isNeeded(slot: SlotState, release: string, now: Millis): boolean {
  const warm = slot.warm?.deployed.release === release && now < slot.warm.until;
  return warm || slot.stable?.release === release || slot.promotions.some((p) => p.release === release);
}

/** The promotion that brought a release here last, as far as it is remembered. */
function promotionOf(slot: SlotState, release: string): string {
  const deployed = [...(slot.warm === null ? [] : [slot.warm.deployed]), ...slot.history];
  return (
    deployed.find((d) => d.release === release)?.promotion ??
    slot.ended.find((end) => end.release === release)?.id ??
    release
  );
}
