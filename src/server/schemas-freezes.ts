import { z } from 'zod';
import { Name, SlotKey } from '../core/model/name.ts';
import { Millis } from '../core/model/time.ts';
import { FreezeId, FreezeView, note } from './schemas.ts';

export const FreezeRequest = z.strictObject({
  scope: z.enum(['everything', 'project', 'environment']),
  project: Name.optional(),
  environment: Name.optional(),
  reason: note.min(1),
  until: Millis.optional(),
});
export type FreezeRequest = z.infer<typeof FreezeRequest>;
export const FreezeAnswer = z.object({
  id: FreezeId,
  /** Effects that grow exposure and had been decided before: each is stopped at its next check, or just happened. */
  inFlight: z.array(z.object({ slot: SlotKey, promotion: z.string().nullable(), effect: z.string() })),
});
export type FreezeAnswer = z.infer<typeof FreezeAnswer>;
export const FreezeList = z.object({ freezes: z.array(FreezeView) });
export type FreezeList = z.infer<typeof FreezeList>;
