import { z } from 'zod';
import { Duration } from './time.ts';

const points = (usual: number) =>
  z.number().min(0.05).max(50).default(usual).describe('Harm below this, in percentage points, is accepted.');
const limit = z
  .number()
  .min(0.1)
  .max(100)
  .optional()
  .describe('An absolute limit for the canary, whatever stable does.');

/** How canary and stable are compared after every scrape, by a gate: three lines are enough, all have defaults. */
export const comparisonFields = {
  errors: z.strictObject({ marginPoints: points(0.5), limitPercent: limit }).prefault({}),
  latency: z
    .strictObject({
      aboveMs: z
        .int()
        .min(1)
        .default(250)
        .describe('A request slower than this counts; must be a histogram bound.'),
      marginPoints: points(1),
      limitPercent: limit,
    })
    .nullable()
    .prefault({})
    .describe('null where latency is not measured.'),
  saturation: z
    .strictObject({
      above: z
        .number()
        .min(0)
        .default(0.9)
        .describe('A scrape that finds a pod’s gauge above this counts, in the gauge’s own unit.'),
      marginPoints: points(10),
      limitPercent: limit,
    })
    .nullable()
    .default(null)
    .describe(
      'How full pods are, where the metrics have a gauge of it: more than stable holds, only a limit rolls back. null where it is not measured.',
    ),
  alpha: z
    .number()
    .min(0.0001)
    .max(0.2)
    .default(0.01)
    .describe('The budget of false rollbacks, per rollout.'),
  beta: z.number().min(0.0001).max(0.2).default(0.05).describe('The budget of false promotions.'),
  tolerance: z
    .number()
    .min(1)
    .max(3)
    .default(1.1)
    .describe('The ratio of bad rates that is no reason for a rollback.'),
  warmUp: Duration.default(0).describe('After a pod is ready, this long it is not counted.'),
  maxHold: Duration.default(3_600_000).describe('How long to wait at one weight before a person is asked.'),
  maxOutage: Duration.default(900_000).describe(
    'How long the source of metrics may be away at one weight before a person is asked; it counts by itself, not towards `maxHold`.',
  ),
  bake: Duration.default(0).describe('The least time at the last weight below 100.'),
};
