import type { Promotion, SlotState } from '../model/state.ts';
import type { Millis } from '../model/time.ts';
import { type Unmet, unmet } from './view.ts';

/** A look that fails and succeeds again within this time is no news: calls are lost, and routes are taken a moment late. */
const forgivenMs = 5_000;
/** An outside that changes its words is recorded no oftener than this. */
const leastBetweenMs = 30_000;

/**
 * Whether it is to be recorded that the outside could not be looked at, and says `said`. `seen` is when it last could:
 * null for never.
 */
export function isNews({ unreadable }: SlotState, said: string, seen: Millis | null, now: Millis): boolean {
  if (unreadable === undefined) return seen === null || now - seen >= forgivenMs;
  return said !== unreadable.message && now - unreadable.recordedAt >= leastBetweenMs;
}

/** What the promotion that moves waits for besides, while nobody can look at what it has moved. */
export const unseen = ({ unreadable, moving }: SlotState, { id }: Promotion): readonly Unmet[] =>
  unreadable === undefined || id !== moving
    ? []
    : [unmet({ code: 'outside-unreadable', message: unreadable.message, since: unreadable.since })];
