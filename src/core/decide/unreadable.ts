import type { Promotion, SlotState } from '../model/state.ts';
import type { Millis } from '../model/time.ts';
import { type Unmet, unmet } from './view.ts';

/**
 * A look that fails and succeeds again within this time is no news: calls are lost, and routes are taken a moment late.
 * A slot where nothing moves is looked at each ten seconds: one look of it may fail.
 */
const forgivenMs = { moving: 5_000, idle: 15_000 };
/** An outside that changes its words is recorded no oftener than this, and less often the longer it is away. */
const betweenMs = { least: 30_000, most: 600_000 };

/**
 * Whether it is to be recorded that the outside could not be looked at, and says `said`. `seen` is when it last could:
 * null for never.
 */
export function isNews(
  { unreadable, moving }: SlotState,
  said: string,
  seen: Millis | null,
  now: Millis,
): boolean {
  if (unreadable === undefined)
    return seen === null || now - seen >= forgivenMs[moving === null ? 'idle' : 'moving'];
  const { message, since, recordedAt } = unreadable;
  const pause = Math.min(betweenMs.most, Math.max(betweenMs.least, recordedAt - since));
  return said !== message && now - recordedAt >= pause;
}

/** What the promotion that moves waits for besides, while nobody can look at what it has moved. */
export const unseen = ({ unreadable, moving }: SlotState, { id }: Promotion): readonly Unmet[] =>
  unreadable === undefined || id !== moving
    ? []
    : [unmet({ code: 'outside-unreadable', message: unreadable.message, since: unreadable.since })];
