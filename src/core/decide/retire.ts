import type { Action } from '../model/decision.ts';
import type { SlotState } from '../model/state.ts';
import type { Millis } from '../model/time.ts';
import { isGone, openEffect, weightOf } from './capacity.ts';
import { go, type Step, wait } from './view.ts';

/** Ends the version before, once its warm time is over, it has no traffic, and nothing is on its way back to it. */
export function retireWarm(slot: SlotState, now: Millis): Step {
  const warm = slot.warm;
  if (warm === null || now < warm.until) return wait();
  const { release } = warm.deployed;
  const inUse = slot.promotions.some((p) => p.release === release) || slot.stable?.release === release;
  if (inUse || slot.moving !== null || weightOf(slot, release) !== 0) return wait();
  if (openEffect(slot, 'remove-workload', release) !== undefined) return wait();
  if (isGone(slot, release)) return go([{ type: 'retired', promotion: warm.deployed.promotion, release }]);
  const action: Action = { type: 'remove-workload', generation: slot.generation + 1, release };
  return go([], [action]);
}
