import { err, ok } from '../../core/model/result.ts';
import type { Entry } from '../../core/model/entries.ts';
import type { Millis } from '../../core/model/time.ts';
import { appendTogether, type StreamFacts } from '../../store/append-together.ts';
import { EntryTooLarge, type Head } from '../../store/log-entry.ts';
import { appendFact, databaseNow } from '../../store/streams.ts';
import type { ServerParts } from '../parts.ts';
import { type Answer, type Refusal, refuse } from '../refusal.ts';

/**
 * The one door of commands: asks `check` what to record, and appends it to the stream if nothing came in between;
 * else asks again. `check` gets the database's time, which is the fact's `at`, and must read the state anew each time.
 * Returns the fact's sequence.
 */
export async function record(
  parts: ServerParts,
  stream: string,
  check: (now: Millis, head: Head) => Promise<Answer<Entry>>,
): Promise<Answer<number>> {
  let refusal: Refusal | null = null;
  let recorded: Entry['type'] | null = null;
  const now = await databaseNow(parts.pool);
  const attempt = appendFact(parts.pool, stream, async (head) => {
    const checked = await check(now, head);
    if (!checked.ok) {
      refusal = checked.error;
      return null;
    }
    recorded = checked.value.type;
    return checked.value;
  });
  const seq = await fitting(attempt);
  if (!seq.ok) return seq;
  if (seq.value === null || recorded === null) return err(refusal ?? unexplained());
  parts.metrics.recorded(recorded);
  parts.hint();
  return ok(seq.value);
}

/** As `record`, for facts on several streams, all of them or none. */
export async function recordTogether(
  parts: ServerParts,
  streams: readonly string[],
  check: (now: Millis) => Promise<Answer<readonly StreamFacts[]>>,
): Promise<Answer<ReadonlyMap<string, number>>> {
  let refusal: Refusal | null = null;
  let facts: readonly StreamFacts[] = [];
  const now = await databaseNow(parts.pool);
  const attempt = appendTogether(parts.pool, streams, async () => {
    const checked = await check(now);
    if (!checked.ok) {
      refusal = checked.error;
      return null;
    }
    facts = checked.value;
    return facts;
  });
  const written = await fitting(attempt);
  if (!written.ok) return written;
  if (written.value === null) return err(refusal ?? unexplained());
  for (const entry of facts.flatMap((fact) => fact.entries)) parts.metrics.recorded(entry.type);
  parts.hint();
  return ok(written.value);
}

async function fitting<T>(attempt: Promise<T>): Promise<Answer<T>> {
  try {
    return ok(await attempt);
  } catch (error) {
    if (error instanceof EntryTooLarge) return refuse(413, 'too-large', error.message);
    throw error;
  }
}

function unexplained(): Refusal {
  throw new Error('nothing was recorded and nothing was refused');
}
