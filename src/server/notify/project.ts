import type { Pool } from 'pg';
import type { Folds } from '../../store/folds.ts';
import { lastIndex, readAfter } from '../../store/history.ts';
import { advanceNotifications, type NotificationUpsert } from '../../store/notifications.ts';
import { loadSlot } from '../../store/slot-rows.ts';
import { noticesOf } from './notices.ts';

const everything = { projects: null, service: null, environment: null };
const pageSize = 200;

/**
 * Takes sequenced entries into notifications, from where it was left, at most a page of them. Where it never ran it
 * begins at the log's end, since nobody wants to be told of the past; `fromStart` begins at its start. Returns how
 * many notifications changed, or null when another process is at it.
 */
export const projectNotifications = (
  pool: Pool,
  folds: Folds,
  options: { readonly fromStart?: boolean } = {},
): Promise<number | null> =>
  advanceNotifications(pool, async (position) => {
    const last = await lastIndex(pool);
    const after = position ?? (options.fromStart === true ? -1 : last);
    const page = last > after ? await readAfter(pool, after, last, everything, pageSize) : [];
    const upserts: NotificationUpsert[] = [];
    for (const placed of page)
      upserts.push(...(await noticesOf(placed, async (key) => (await loadSlot(pool, folds, key)).slot)));
    return {
      position: page.length < pageSize ? Math.max(after, last) : (page.at(-1)?.index ?? last),
      upserts,
    };
  });
