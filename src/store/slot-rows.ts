import type { Pool } from 'pg';
import { emptySlot, foldSlot } from '../core/decide/fold/slot.ts';
import { releasesRead } from '../core/decide/outcomes.ts';
import type { SlotEntry } from '../core/model/entries.ts';
import {
  everythingStream,
  projectStream,
  releaseStream,
  type SlotKey,
  slotStream,
} from '../core/model/name.ts';
import type { Sample } from '../core/model/observation.ts';
import type { ReleaseState, SlotState } from '../core/model/state.ts';
import type { TurnRecord } from '../ports/store.ts';
import type { Folds } from './folds.ts';
import { entryOf } from './log-entry.ts';

interface SlotRow {
  readonly now: string;
  readonly state: string | null;
  readonly folded: string;
  readonly seen_until: string | null;
  readonly head: string | null;
  readonly head_hash: string | null;
  readonly tail: readonly string[] | null;
  readonly samples: readonly { readonly promotion: string; readonly body: string }[] | null;
  readonly heads: Readonly<Record<string, number>> | null;
}

/** Everything of one slot in one statement: one snapshot, one round trip, no lock. */
const loadStatement = `
  select now_ms() as now, s.state, s.folded, s.seen_until, h.head, h.head_hash,
         (select array_agg(e.bytes order by e.seq) from entry as e where e.stream = $1 and e.seq > s.folded) as tail,
         (select json_agg(json_build_object('promotion', p.promotion, 'body', p.body) order by p.id)
            from sample as p where p.slot = $1) as samples,
         (select json_object_agg(r.id, r.head) from stream as r where r.id = any (s.reads || $2::text[])) as heads
    from slot as s left join stream as h on h.id = s.id
   where s.id = $1`;

/** Loads a slot; a slot that nobody ever named is empty. */
export async function loadSlot(pool: Pool, folds: Folds, key: SlotKey): Promise<TurnRecord> {
  const id = slotStream(key);
  const shared = [projectStream(key.project), everythingStream];
  const { rows } = await pool.query<SlotRow>({
    name: 'load-slot',
    text: loadStatement,
    values: [id, shared],
  });
  const row = rows[0];
  const heads = row?.heads ?? {};
  const slot = row === undefined ? emptySlot(key) : fold(row, key);
  const releases: Record<string, ReleaseState> = {};
  for (const name of releasesRead(slot)) {
    const stream = releaseStream({ project: key.project, service: key.service, name });
    const state = await folds.release(stream, heads[stream]);
    if (state !== null) releases[name] = state;
  }
  return {
    now: Number(row?.now ?? 0),
    slot,
    pending: {
      seenUntil: row?.seen_until === null || row === undefined ? null : Number(row.seen_until),
      samples: (row?.samples ?? [])
        .filter((s) => s.promotion === slot.moving)
        .map((s) => JSON.parse(s.body) as Sample),
    },
    releases,
    project: await folds.project(projectStream(key.project), heads[projectStream(key.project)] ?? 0),
    everything: await folds.project(everythingStream, heads[everythingStream] ?? 0),
    headHash: row?.head_hash ?? '',
  };
}

function fold(row: SlotRow, key: SlotKey): SlotState {
  const persisted = row.state === null ? emptySlot(key) : (JSON.parse(row.state) as SlotState);
  return (row.tail ?? []).reduce(
    (state, bytes) => foldSlot(state, entryOf<SlotEntry>(bytes), state.seq + 1),
    persisted,
  );
}
