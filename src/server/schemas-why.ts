import { z } from 'zod';
import { PromotionState } from '../core/model/decision.ts';
import { Name, SubjectId } from '../core/model/name.ts';
import { MetricStanding } from '../core/model/reason.ts';
import { Millis } from '../core/model/time.ts';
import { PromotionId, WaitView } from './schemas.ts';

const WhyWait = WaitView.extend({
  release: Name,
  stage: Name,
  environment: Name,
  /** Who or what must act, and how. */
  actor: z.string(),
});
const WhyPromotion = z.object({
  id: PromotionId,
  release: Name,
  stage: Name,
  environment: Name,
  mode: z.enum(['promote', 'rollback']),
  state: PromotionState,
  since: Millis,
  weight: z.int().nullable(),
  sentence: z.string(),
  next: z.string(),
  waits: z.array(WhyWait).readonly(),
  /** What people have let it do without an answer of a gate, over or not. */
  waivers: z
    .array(z.object({ gate: Name, by: SubjectId, weight: z.int(), until: Millis, sentence: z.string() }))
    .readonly(),
  metrics: z.array(MetricStanding.extend({ gate: Name, sentence: z.string() })).readonly(),
});
const WhySlot = z.object({
  environment: Name,
  stable: z.object({ release: Name, since: Millis }).nullable(),
  sentence: z.string(),
  promotions: z.array(WhyPromotion).readonly(),
  lastEnd: z
    .object({
      id: PromotionId,
      release: Name,
      stage: Name,
      state: PromotionState,
      at: Millis,
      sentence: z.string(),
      diagnostics: z.boolean(),
    })
    .nullable(),
});
/** The one object that `belay why` prints: the core's own report. */
export const WhyAnswer = z.object({
  project: Name,
  service: Name,
  at: Millis,
  sentence: z.string(),
  next: z.string().nullable(),
  waits: z.array(WhyWait).readonly(),
  slots: z.array(WhySlot).readonly(),
});
export type WhyAnswer = z.infer<typeof WhyAnswer>;
