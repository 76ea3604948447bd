import { z } from 'zod';
import { Digest } from './digest.ts';
import { Name, SubjectId } from './name.ts';
import { Millis } from './time.ts';

const reason = <C extends string, S extends z.core.$ZodLooseShape>(code: C, shape: S) =>
  z.strictObject({ code: z.literal(code), ...shape });

/** Both arms of a comparison as counted over the same time. `bad` of `requests`. */
export const ArmCounts = z.strictObject({ requests: z.int().min(0), bad: z.int().min(0) });
export type ArmCounts = z.infer<typeof ArmCounts>;

/** The name of a counted series: `errors`, `slow:250` for requests slower than 250 ms, `saturated:0.9` for full pods. */
const Series = z.string().max(60);

/** A comparison's numbers over a rollout. Rates and bounds are fractions (0 to 1), rounded to six places where stored. */
export const Comparison = z.strictObject({
  series: Series,
  canary: ArmCounts,
  stable: ArmCounts,
  /** Bounds of the difference canary minus stable, each with 95 %. */
  lower: z.number(),
  upper: z.number(),
  /** What is accepted; null for a latency bound that is only watched for a changed shape. */
  margin: z.number().nullable(),
});
export type Comparison = z.infer<typeof Comparison>;

const half = z.tuple([z.int(), z.int()]);
/** Canary requests that are missing, as half and as nine tenths of rollouts need, and the time that they take. */
const Needed = z.strictObject({
  requests: half,
  ms: half.nullable(),
  /**
   * What the next weight (percent) will then take; null where it is full traffic. Without requests: more traffic will
   * not settle it there, at these rates.
   */
  next: z.strictObject({ weight: z.int(), requests: half.nullable(), ms: half.nullable() }).nullable(),
});
export type Needed = z.infer<typeof Needed>;

/** What one metric lacks by itself before the next weight; `shown` where it lacks nothing. */
const Standing = z.union([z.enum(['shown', 'no-traffic', 'will-not-settle']), Needed]);
export type Standing = z.infer<typeof Standing>;

/** By gate and series. */
export type Standings = Readonly<Record<string, Readonly<Record<string, Standing>>>>;

/** One metric of a gate for people, and how far it is by itself; null where that was not reckoned. */
export const MetricStanding = Comparison.extend({ standing: Standing.nullable() });
export type MetricStanding = z.infer<typeof MetricStanding>;

/** What all metrics together lack. */
const Missing = Needed.extend({
  /** Where it takes longer than the gate holds: its hold, and what a margin for low traffic would take. */
  tooLong: z
    .strictObject({
      holdMs: z.int(),
      wider: z.strictObject({ margin: z.number(), ms: half }).nullable(),
    })
    .nullable(),
});

/** Why something does not happen, or did: typed, so that every surface prints the same sentence. */
export const Reason = z.discriminatedUnion('code', [
  // the release and the queue
  reason('release-open', {}),
  reason('upstream-missing', { stage: Name }),
  reason('behind', { promotion: z.string(), release: Name }),
  reason('superseded-by', { promotion: z.string(), release: Name }),
  reason('already-stable', {}),
  reason('quarantined', { artifact: Digest, since: Millis, by: z.string() }),
  reason('stage-unknown', { stage: z.string() }),
  reason('environment-unknown', { environment: z.string() }),
  reason('plan-missing', {}),
  // gates
  reason('signature-missing', { predicateType: z.string() }),
  reason('signature-untrusted', { predicateType: z.string() }),
  reason('signature-subject', { found: z.string() }),
  reason('signature-ok', { identity: Name }),
  reason('tests-missing', { report: Name }),
  reason('tests-failed', { report: Name, failed: z.int(), total: z.int() }),
  reason('tests-too-few', { report: Name, total: z.int(), needed: z.int() }),
  reason('tests-passed', { report: Name, total: z.int() }),
  reason('approvals-missing', { have: z.int(), need: z.int(), plan: Digest, barred: z.array(SubjectId) }),
  reason('approved', { by: z.array(SubjectId) }),
  reason('window-closed', { until: Millis, note: z.string() }),
  reason('window-open', {}),
  reason('check-missing', { check: Name }),
  reason('check-failed', { check: Name }),
  reason('check-expired', { check: Name, at: Millis }),
  reason('check-passed', { check: Name, identity: Name }),
  reason('soaking', { healthyMs: z.int(), neededMs: z.int() }),
  reason('soaked', { healthyMs: z.int() }),
  // metrics
  reason('no-baseline', {}),
  reason('no-traffic', {}),
  reason('no-stable-traffic', {}),
  /** Since then the source of metrics cannot be read, and `message` is what it says. */
  reason('source-unreadable', { message: z.string().max(500), since: Millis }),
  /** The weight is reached, and what was counted is of the weight before. */
  reason('not-scraped-yet', { weight: z.int() }),
  /** An arm that was there, or both, has not been heard of for a while. */
  reason('no-aligned-data', { silent: z.enum(['canary', 'stable', 'both']) }),
  /** What the gate counts is not among what was scraped: a bound that the histogram does not have. */
  reason('not-counted', { series: Series }),
  reason('too-many-pods', { most: z.int() }),
  reason('not-enough-traffic', { comparison: Comparison, missing: Missing }),
  /** The same, while it is not yet known how much stable's own rate scatters. */
  reason('learning', { comparison: Comparison, missing: Missing }),
  reason('will-not-settle', { comparison: Comparison }),
  reason('suspicious', { comparison: Comparison }),
  reason('one-bad-pod', { comparison: Comparison }),
  reason('stable-abnormal', { comparison: Comparison }),
  reason('stable-degraded', { comparison: Comparison }),
  reason('worse', { comparison: Comparison }),
  reason('limit-exceeded', { comparison: Comparison, limit: z.number() }),
  reason('baking', { until: Millis }),
  reason('within-margin', { comparisons: z.array(Comparison).max(5) }),
  /** A person lets it leave this weight without an answer; what was counted when that came to count. */
  reason('waived', {
    by: SubjectId,
    note: z.string().max(500),
    weight: z.int(),
    until: Millis,
    comparisons: z.array(Comparison).max(5),
  }),
  // the rollout
  reason('frozen', { scope: z.string(), freeze: z.string(), until: Millis.nullable(), note: z.string() }),
  reason('paused', { by: SubjectId, note: z.string() }),
  reason('not-ready', { ready: z.int(), needed: z.int(), deadline: Millis }),
  reason('progress-deadline', { ready: z.int(), needed: z.int(), afterMs: z.int() }),
  reason('weight-unconfirmed', { wanted: z.int(), seen: z.int().nullable(), deadline: Millis }),
  reason('weight-deadline', { wanted: z.int(), afterMs: z.int() }),
  reason('step-time', { step: z.int(), weight: z.int(), until: Millis }),
  reason('not-retired', { release: Name }),
  reason('hold-expired', { gate: Name, afterMs: z.int() }),
  /** At this weight the source of metrics was away for so long in all, and still is. */
  reason('source-away', { gate: Name, afterMs: z.int(), message: z.string().max(500) }),
  reason('canary-gone', { release: Name }),
  /** Its processes run something else than was approved: somebody has changed them outside. */
  reason('artifact-changed', { release: Name, approved: Digest, running: Digest }),
  /** Somebody else took its traffic away: a direct rollback, or an environment that lost its control plane. */
  reason('retreated', { release: Name, wanted: z.int() }),
  /** Since then nobody can tell what runs and how traffic is shared, and `message` is what the outside says. */
  reason('outside-unreadable', { message: z.string().max(500), since: Millis }),
  reason('effect-failing', { effect: z.string(), attempts: z.int(), message: z.string() }),
  // people
  reason('rejected', { by: SubjectId, note: z.string(), changesRequested: z.boolean() }),
  reason('abort-asked', { by: SubjectId, note: z.string() }),
  reason('rollback-asked', { by: SubjectId, note: z.string() }),
  reason('rollback-impossible', { why: z.string() }),
  reason('done', {}),
]);
export type Reason = z.infer<typeof Reason>;
export type ReasonCode = Reason['code'];
