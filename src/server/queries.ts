import { z } from 'zod';
import { Name } from '../core/model/name.ts';

/* What may stand behind the question mark. */

const limit = z.coerce.number().int().min(1).max(500);
export const ReleaseQuery = z.object({
  project: Name.optional(),
  service: Name.optional(),
  limit: limit.default(50),
});
export const SlotQuery = z.object({
  project: Name.optional(),
  service: Name.optional(),
  environment: Name.optional(),
});
export const WhyQuery = z.object({ project: Name, service: Name, environment: Name.optional() });
export const DiagnosticsQuery = WhyQuery.extend({ release: Name.optional() });
export const HistoryQuery = z.object({
  project: Name.optional(),
  service: Name.optional(),
  environment: Name.optional(),
  limit: limit.default(50),
  before: z.coerce.number().int().min(0).optional(),
});
export const WhereQuery = z.object({
  q: z
    .string()
    .regex(
      /^(sha256:[0-9a-f]{64}|[0-9a-f]{4,64}|[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)$/,
      'expected a commit id, a digest or a release’s name',
    ),
});
export const EventQuery = z.object({
  project: Name.optional(),
  service: Name.optional(),
  after: z.coerce.number().int().min(-1).optional(),
});
export const ProofQuery = z.object({
  stream: z.string().regex(/^[a-z0-9/-]{1,300}$/, 'expected a stream'),
  seq: z.coerce.number().int().min(1),
});
export const LiftFreezeQuery = z.object({
  scope: z.enum(['everything', 'project', 'environment']),
  project: Name.optional(),
  note: z.string().max(500).default(''),
});
