import type { SlotKey } from '../../core/model/name.ts';
import type { TurnRecord } from '../../ports/store.ts';
import { loadSlot } from '../../store/slot-rows.ts';
import { type ListedSlot, listSlots } from '../../store/slots-listing.ts';
import type { ServerParts } from '../parts.ts';

type Service = Pick<SlotKey, 'project' | 'service'> & { readonly environment?: string | undefined };

/** The slots of a service, or the one in an environment, in the order of their names, each with what it holds. */
export async function serviceSlots(
  { pool, folds }: ServerParts,
  { project, service, environment }: Service,
): Promise<readonly (ListedSlot & TurnRecord)[]> {
  const listed = await listSlots(pool, {
    projects: [project],
    service,
    environment: environment ?? null,
  });
  return Promise.all(listed.map(async (one) => ({ ...one, ...(await loadSlot(pool, folds, one.key)) })));
}
