import { z } from 'zod';
import { Digest } from './digest.ts';
import { Name, SlotKey } from './name.ts';

/**
 * What exactly is approved and carried out. Immutable; named by the digest of its canonical bytes. A new
 * baseline, other steps, other parameters or an edited gate make another plan, and approvals of this one
 * do not count for it.
 */
export const PromotionPlan = z.strictObject({
  slot: SlotKey,
  stage: Name,
  release: Name,
  sealed: Digest.describe('The sealed release.'),
  artifact: Digest,
  configuration: Digest.describe('The rendered configuration.'),
  pipeline: Digest,
  environment: Digest,
  steps: z.array(z.int().min(1).max(100)),
  baseline: z.strictObject({ release: Name, artifact: Digest }).nullable().describe('What is stable now.'),
  migrations: z.array(Digest).describe('Database migrations that this release brings; none so far.'),
});
export type PromotionPlan = z.infer<typeof PromotionPlan>;
