import type { Move } from '../model/decision.ts';
import type { SlotState } from '../model/state.ts';
import { endMove } from './waiting.ts';

/** A turn names the release of every open promotion among what it read, and has to fit into one entry. */
export const mostWaiting = 100;
/** How many leave in one round, so that a decision stays small. */
const mostLeaving = 20;

/** Whatever waits for too long behind too many is overtaken by the newest, and said to be. */
export function crowdedOut(slot: SlotState): readonly Move[] {
  const waiting = slot.promotions.filter((p) => p.state === 'waiting' && p.mode === 'promote');
  const newest = waiting.at(-1);
  const excess = waiting.length - mostWaiting;
  if (newest === undefined || excess <= 0) return [];
  return waiting.slice(0, Math.min(excess, mostLeaving)).map((promotion) =>
    endMove(promotion, 'superseded', {
      code: 'superseded-by',
      promotion: newest.id,
      release: newest.release,
    }),
  );
}
