import type { Pool, PoolClient } from 'pg';
import type { Millis } from '../core/model/time.ts';
import { inTransaction } from './transaction.ts';

/** A notification that is to be sent: `body` is JSON as it goes out. */
export interface Notification {
  readonly id: number;
  /** What it is about: one row an event, kept up to date. */
  readonly event: string;
  readonly body: string;
  /** How often this body was tried before. */
  readonly attempts: number;
}

/** One event as it stands now. */
export interface NotificationUpsert {
  readonly event: string;
  readonly project: string;
  readonly body: string;
  /** Changes what was told before, and tells nothing where nothing was. */
  readonly onlyUpdate: boolean;
}

/** The row that holds how far the log was read; it is never due. No event is called so. */
const positionEvent = '.position';

/**
 * Reads on in the log: `step` gets the index of the last entry that was taken in (null when none ever was) and
 * returns what it found and how far it read. Position and notifications are written together, so that an entry is
 * taken in once; a second process that comes meanwhile returns null at once.
 */
export async function advanceNotifications(
  pool: Pool,
  step: (
    position: number | null,
  ) => Promise<{ readonly position: number; readonly upserts: readonly NotificationUpsert[] }>,
): Promise<number | null> {
  await pool.query({
    name: 'notification-position',
    text: `insert into notification (event, project, body) values ('${positionEvent}', '', 'null') on conflict do nothing`,
  });
  return inTransaction(pool, async (client) => {
    const { rows } = await client.query<{ body: string }>(
      `select body from notification where event = '${positionEvent}' for update skip locked`,
    );
    const held = rows[0];
    if (held === undefined) return null;
    const { position, upserts } = await step(JSON.parse(held.body) as number | null);
    for (const upsert of upserts) await write(client, upsert);
    await client.query(`update notification set body = $1 where event = '${positionEvent}'`, [
      String(position),
    ]);
    return upserts.length;
  });
}

async function write(
  client: PoolClient,
  { event, project, body, onlyUpdate }: NotificationUpsert,
): Promise<void> {
  const fresh = 'body = $2, due_at = now_ms(), attempts = 0, delivered_at = null';
  if (onlyUpdate) {
    await client.query(`update notification set ${fresh} where event = $1 and body <> $2`, [event, body]);
    return;
  }
  await client.query(
    `insert into notification (event, body, project, due_at) values ($1, $2, $3, now_ms())
     on conflict (event) do update set ${fresh} where notification.body <> $2`,
    [event, body, project],
  );
}

/** Takes notifications that are due, and puts them off by `leaseMs`, so that nobody else sends them meanwhile. */
export async function claimNotifications(
  pool: Pool,
  now: Millis,
  limit: number,
  leaseMs: number,
): Promise<readonly Notification[]> {
  const { rows } = await pool.query<{ id: string; event: string; body: string; attempts: number }>({
    name: 'claim-notifications',
    // SKIP LOCKED: two senders never wait for each other, they take different rows.
    text: `update notification as n set due_at = $1::bigint + $3, attempts = n.attempts + 1
             from (select id from notification where due_at <= $1 order by due_at limit $2 for update skip locked) as due
            where n.id = due.id returning n.id, n.event, n.body, n.attempts - 1 as attempts`,
    values: [now, limit, leaseMs],
  });
  return rows.map((row) => ({ ...row, id: Number(row.id) }));
}

/** Records that exactly this body was taken; a newer one stays due. */
export async function notificationDelivered(pool: Pool, sent: Notification, now: Millis): Promise<void> {
  await pool.query({
    name: 'notification-delivered',
    text: 'update notification set delivered_at = $3, due_at = null where id = $1 and body = $2',
    values: [sent.id, sent.body, now],
  });
}

/** Puts a notification off that was not taken; null gives it up. A newer body stays due at once. */
export async function notificationFailed(
  pool: Pool,
  sent: Notification,
  dueAt: Millis | null,
): Promise<void> {
  await pool.query({
    name: 'notification-failed',
    text: 'update notification set due_at = $3 where id = $1 and body = $2',
    values: [sent.id, sent.body, dueAt],
  });
}
