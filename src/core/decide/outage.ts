import type { Promotion, SourceOutages } from '../model/state.ts';
import type { Millis } from '../model/time.ts';

/** A source that comes and goes, or changes its words, is recorded no oftener than this. */
const leastBetweenMs = 30_000;

/** How the source of metrics stands now, as it is recorded. */
export type SourceNews =
  | { readonly type: 'scrape-failed'; readonly promotion: string; readonly message: string }
  | { readonly type: 'scrape-resumed'; readonly promotion: string };

/**
 * What is to be recorded of a scrape: that the source of metrics went away (`said` is what it says), says something
 * else, or is back (`said` is null). Null where all is as recorded before.
 */
export function sourceNews(
  { id, outages }: Pick<Promotion, 'id' | 'outages'>,
  said: string | null,
  now: Millis,
): SourceNews | null {
  const known = outages?.open?.message ?? null;
  if (said === known) return null;
  if (said === null) return { type: 'scrape-resumed', promotion: id };
  if (outages !== undefined && now - outages.recordedAt < leastBetweenMs) return null;
  return { type: 'scrape-failed', promotion: id, message: said };
}

/** For how long (ms) the source of metrics has been away since the weight was reached: in vain for a hold. */
export function awayMs({ outages, stepReachedAt }: Promotion, now: Millis): number {
  if (outages === undefined || stepReachedAt === null) return 0;
  const open = outages.open === null ? 0 : Math.max(0, now - Math.max(outages.open.since, stepReachedAt));
  return outages.overMs + open;
}

/** The outages of a promotion whose source said this. */
export const failedAt = ({ outages }: Promotion, message: string, at: Millis): SourceOutages => ({
  open: { message, since: outages?.open?.since ?? at },
  recordedAt: at,
  overMs: outages?.overMs ?? 0,
});

/** The same once it can be read again. */
export const resumedAt = (promotion: Promotion, at: Millis): Pick<Promotion, 'outages'> =>
  promotion.outages === undefined
    ? {}
    : { outages: { open: null, recordedAt: at, overMs: awayMs(promotion, at) } };

/** The same once a weight is reached, or the gates get their time again: what was away before counts no more. */
export const forgotten = ({ outages }: Promotion): Pick<Promotion, 'outages'> =>
  outages === undefined ? {} : { outages: { ...outages, overMs: 0 } };
