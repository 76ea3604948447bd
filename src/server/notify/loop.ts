import { setTimeout as pause } from 'node:timers/promises';
import type { Pool } from 'pg';
import type { Folds } from '../../store/folds.ts';
import { databaseNow } from '../../store/streams.ts';
import type { ServerLog } from '../parts.ts';
import { deliverDue, type Send } from './deliver.ts';
import { projectNotifications } from './project.ts';

/** What the loop needs; `everyMs` is how long it rests when there was nothing to do. */
export interface NotifyParts {
  readonly pool: Pool;
  readonly folds: Folds;
  readonly send: Send;
  readonly log: ServerLog;
  readonly everyMs?: number;
}

/** Takes in what is new in the log and sends what is due, until stopped. Any number of servers may run it. */
export function startNotifying(parts: NotifyParts): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const ended = run(parts, stopping.signal);
  return {
    stop: async () => {
      stopping.abort();
      await ended;
    },
  };
}

async function run(parts: NotifyParts, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await turn(parts);
    // Ended early by the signal, which is no failure.
    await pause(parts.everyMs ?? 1_000, undefined, { signal }).catch(() => undefined);
  }
}

async function turn({ pool, folds, send, log }: NotifyParts): Promise<void> {
  try {
    await projectNotifications(pool, folds);
    const { failed } = await deliverDue(pool, send, await databaseNow(pool));
    for (const failure of failed) log.warn(failure, 'a notification was not taken; it is tried again');
  } catch (error) {
    const kind = error instanceof Error ? error.name : 'unknown';
    log.error({ kind }, 'notifications could not be looked after; it is tried again');
  }
}
