import type { Pool } from 'pg';
import type { Wait } from '../core/model/decision.ts';
import type { SlotKey } from '../core/model/name.ts';

/** Which slots are looked for; null stands for all. */
export interface SlotFilter {
  readonly projects: readonly string[] | null;
  readonly service: string | null;
  readonly environment: string | null;
  /** Only those with an effect that is asked for and not seen yet. */
  readonly withOpenEffects?: boolean;
}

/** A slot, and what its promotions wait for, as the last turn stored it. */
export interface ListedSlot {
  readonly key: SlotKey;
  readonly waits: readonly Wait[];
}

/** At most so many slots are listed at once. */
export const mostSlots = 500;

/** Slots in the order of their names. */
export async function listSlots(pool: Pool, filter: SlotFilter): Promise<readonly ListedSlot[]> {
  const { rows } = await pool.query<SlotKey & { waits: string }>({
    name: 'list-slots',
    text: `select project, environment, service, waits from slot
            where ($1::text[] is null or project = any ($1)) and ($2::text is null or service = $2)
              and ($3::text is null or environment = $3)
              and (not $4 or exists (select 1 from work where slot = id and lane = 'effect' and due_at is not null))
            order by project, service, environment limit ${mostSlots}`,
    values: [filter.projects, filter.service, filter.environment, filter.withOpenEffects ?? false],
  });
  return rows.map(({ waits, ...key }) => ({ key, waits: JSON.parse(waits) as Wait[] }));
}

/** Names of all projects of which anything was ever recorded. */
export async function listProjects(pool: Pool): Promise<readonly string[]> {
  const { rows } = await pool.query<{ name: string }>({
    name: 'list-projects',
    text: `select substr(id, length('project/') + 1) as name from stream where id like 'project/%' order by id`,
  });
  return rows.map((row) => row.name);
}
