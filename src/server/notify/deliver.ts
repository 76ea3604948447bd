import type { Pool } from 'pg';
import type { Result } from '../../core/model/result.ts';
import type { Millis } from '../../core/model/time.ts';
import {
  claimNotifications,
  type Notification,
  notificationDelivered,
  notificationFailed,
} from '../../store/notifications.ts';

/** Sends one notification. The error is a sentence for the log, without content. */
export type Send = (notification: Notification) => Promise<Result<null, string>>;

/** What became of the notifications that were due. */
export interface Delivered {
  readonly delivered: number;
  readonly failed: readonly { readonly event: string; readonly attempts: number; readonly message: string }[];
}

const atOnce = 20;
/** Longer than any sending takes: a sender that died leaves its notifications to another after this. */
const leaseMs = 60_000;
const longestPauseMs = 3_600_000;
/** With the pauses below this is about a day. */
const mostAttempts = 35;

/** The pause after a failed attempt, in milliseconds: doubling from 1 s to 1 h. */
export const pauseAfterAttempt = (attempts: number): number =>
  Math.min(longestPauseMs, 1_000 * 2 ** Math.min(attempts - 1, 20));

/** Sends what is due at `now` (the database's clock) and puts off what was not taken. Safe to call from any process. */
export async function deliverDue(pool: Pool, send: Send, now: Millis): Promise<Delivered> {
  const due = await claimNotifications(pool, now, atOnce, leaseMs);
  const outcomes = await Promise.all(
    due.map(async (notification) => ({ notification, sent: await send(notification) })),
  );
  const failed: { event: string; attempts: number; message: string }[] = [];
  for (const { notification, sent } of outcomes) {
    if (sent.ok) {
      await notificationDelivered(pool, notification, now);
      continue;
    }
    const attempts = notification.attempts + 1;
    const next = attempts >= mostAttempts ? null : now + pauseAfterAttempt(attempts);
    await notificationFailed(pool, notification, next);
    failed.push({ event: notification.event, attempts, message: sent.error });
  }
  return { delivered: due.length - failed.length, failed };
}
