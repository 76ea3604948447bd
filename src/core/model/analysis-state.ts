import { z } from 'zod';

const counter = z.int().min(0);

/** The last counters of one pod, and what they were when its comparison began. */
export const PodCounters = z.strictObject({
  arm: z.enum(['canary', 'stable']),
  t: z.number(),
  requests: counter,
  bad: z.record(z.string(), counter),
});
export type PodCounters = z.infer<typeof PodCounters>;

/** What both arms have counted since the canary got its first traffic. */
export const ArmTotals = z.strictObject({ requests: counter, bad: z.record(z.string(), counter) });
export type ArmTotals = z.infer<typeof ArmTotals>;

/** The analysis between two batches of samples: small, serialisable, part of the recorded inputs. */
export const AnalysisState = z.strictObject({
  version: z.literal(1),
  /** The promotion whose rollout is compared. */
  promotion: z.string(),
  pods: z.record(z.string(), PodCounters),
  canary: ArmTotals,
  stable: ArmTotals,
  /** The latest sample's time in seconds; null before the first. */
  t: z.number().nullable(),
  /** The time in seconds of the first sample that counted. */
  from: z.number().nullable(),
});
export type AnalysisState = z.infer<typeof AnalysisState>;
