import { z } from 'zod';
import { comparisonFields } from './analysis-profile.ts';
import { Name } from './name.ts';
import { Duration, Instant } from './time.ts';

const common = {
  name: Name.describe('How people and `belay why` call it; unique in its stage.'),
  why: z
    .string()
    .max(300)
    .optional()
    .describe('Why this gate is here; shown by `belay describe` and when it fails.'),
  mode: z
    .enum(['enforce', 'observe'])
    .default('enforce')
    .describe('`observe` judges, records and shows, and never blocks.'),
};

/** A signature by a trusted identity over exactly this artifact's digest, in a DSSE in-toto statement. */
export const SignatureGate = z.strictObject({
  kind: z.literal('signature'),
  ...common,
  predicateType: z
    .url()
    .default('https://slsa.dev/provenance/v1')
    .describe('The predicate type that the statement must have.'),
});

/** A JUnit XML report that is bound to the artifact's digest. */
export const TestReportGate = z.strictObject({
  kind: z.literal('tests'),
  ...common,
  report: Name.default('unit').describe('The name under which the report was attached.'),
  minTests: z.int().min(1).default(1).describe('Fewer tests than this is not enough to tell.'),
});

/** A quorum of distinct people, none of whom contributed, requested, or edited this gate last. */
export const ApprovalGate = z.strictObject({
  kind: z.literal('approval'),
  ...common,
  quorum: z.int().min(1).max(20).default(1).describe('How many distinct people.'),
  expires: Duration.default(24 * 3_600_000).describe('How long an approval counts.'),
});

/** What is counted: of each request errors, or that it was slower than a bound; of each scrape of a pod, that it was full. */
export const Metric = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('errors') }),
  z.strictObject({
    type: z.literal('slow'),
    aboveMs: z
      .int()
      .min(1)
      .default(250)
      .describe('A request slower than this counts; must be a histogram bound.'),
  }),
  z.strictObject({ type: z.literal('saturated'), above: z.number() }),
]);
export type Metric = z.infer<typeof Metric>;

/**
 * Canary against stable over the same time, and absolute limits: errors and slow requests together, decided after
 * every scrape within one budget of false rollbacks.
 */
export const MetricGate = z.strictObject({
  kind: z.literal('metric'),
  ...common,
  ...comparisonFields,
});

/** What `belay analysis replay --gate` takes: a metric gate as it stands in a pipeline, and the least time of a step. */
export const AnalysisProfile = MetricGate.partial({ kind: true, name: true }).extend({
  stepAtLeast: Duration.default(120_000).describe('The least time at each weight; going back never waits.'),
});
export type AnalysisProfile = z.infer<typeof AnalysisProfile>;

/** Observed-healthy time at full traffic before the promotion counts. */
export const SoakGate = z.strictObject({
  kind: z.literal('soak'),
  ...common,
  healthyFor: Duration.describe('Time that was observed to be healthy; gaps in observation do not count.'),
});

/** Closed intervals in UTC in which exposure does not grow. */
export const WindowGate = z.strictObject({
  kind: z.literal('window'),
  ...common,
  closed: z
    .array(z.strictObject({ from: Instant, to: Instant, reason: z.string().max(200) }))
    .min(1)
    .max(200)
    .describe('Intervals, start included and end excluded.'),
});

/** A job that somebody else runs and reports, signed, on this artifact. */
export const CheckGate = z.strictObject({
  kind: z.literal('check'),
  ...common,
  check: Name.describe('The name of the check; its signed report is attached under it.'),
  expires: Duration.default(7 * 86_400_000).describe('How long a report counts.'),
});

export const Gate = z.discriminatedUnion('kind', [
  SignatureGate,
  TestReportGate,
  ApprovalGate,
  MetricGate,
  SoakGate,
  WindowGate,
  CheckGate,
]);
export type Gate = z.infer<typeof Gate>;
export type GateOf<K extends Gate['kind']> = Extract<Gate, { kind: K }>;
