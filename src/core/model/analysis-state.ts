import { z } from 'zod';
import { Name } from './name.ts';
import { Comparison, Reason } from './reason.ts';
import { Verdict } from './verdict.ts';

const count = z.number().min(0);

/** Requests and bad events by series name, as whole numbers. */
export const Counts = z
  .strictObject({ requests: count, bad: z.record(z.string(), count).readonly() })
  .readonly();
export type Counts = z.infer<typeof Counts>;

/** One pod's last counters and what it has counted since the last boundary. */
export const PodState = z
  .strictObject({
    arm: z.enum(['canary', 'stable']),
    t: z.number(),
    /** Seconds between its last two samples, and between the two before; null until known. */
    gap: z.number().nullable(),
    every: z.number().nullable(),
    started: z.number().nullable(),
    last: Counts,
    /** Null right after a boundary, and for a pod that only begins. */
    since: Counts.nullable(),
    /** The boundary from which `since` counts; an older one than the last means that it was left out. */
    boundary: z.number().nullable(),
  })
  .readonly();
export type PodState = z.infer<typeof PodState>;

/** Ingestion between two batches. Times in seconds. */
export const CounterState = z
  .strictObject({
    boundary: z.number().nullable(),
    /** When the last boundary or the last gap was told. */
    told: z.number().nullable(),
    seen: z.strictObject({ canary: z.boolean(), stable: z.boolean() }).readonly(),
    pods: z.record(z.string(), PodState).readonly(),
  })
  .readonly();
export type CounterState = z.infer<typeof CounterState>;

/** Bad events of requests, of one pod or arm. */
export const Tally = z.tuple([z.number(), z.number()]).readonly();
export type Tally = readonly [bad: number, requests: number];

/**
 * What blocks of one length have shown. Lengths are seconds, because clusters of bad events last for a time,
 * whatever the pace of scrapes.
 */
export const BlockState = z
  .strictObject({
    seconds: z.number(),
    /** How much of the running block has passed, and what its stable pods counted. */
    elapsed: z.number(),
    pods: z.record(z.string(), Tally).readonly(),
    /** The running block's canary counts minus expected, and the variance expected, and its bad events. */
    residual: z.number(),
    variance: z.number(),
    events: z.number(),
    /** The finished block before, where one stable series is all there is: then neighbours in time are compared. */
    before: Tally.nullable(),
    /** Sum over finished blocks of dispersion times events, and of events. */
    sum: z.number(),
    weight: z.number(),
  })
  .readonly();
export type BlockState = z.infer<typeof BlockState>;

/** What one rollout leaves to the next of how much a series' bad events cluster: each block length's sums, and the bursts'. */
const Dispersion = z.strictObject({ sum: z.number(), weight: z.number() }).readonly();
export const LearntSeries = z
  .strictObject({ blocks: z.array(Dispersion).readonly(), bursts: Dispersion })
  .readonly();
export type LearntSeries = z.infer<typeof LearntSeries>;
/** By series, of one gate. */
export type LearntGate = Readonly<Record<string, LearntSeries>>;

const Arm = z.strictObject({ bad: count, requests: count }).readonly();
/** Counts of both arms over the same time, of one counted series. */
export const ArmPair = z.strictObject({ canary: Arm, stable: Arm }).readonly();
export type ArmPair = z.infer<typeof ArmPair>;

/**
 * A burst is one pod's interval with any bad event: their dispersion over minutes, stable's bursts and requests
 * with the memory of stable's rate, and the sums of their own rate ratio, canary to stable.
 */
export const BurstState = z.strictObject({ block: BlockState, stable: Tally, ratio: Tally }).readonly();
export type BurstState = z.infer<typeof BurstState>;

/**
 * The logarithms of the e-process' parts: first what is held in cash, then one bet for each ratio of the grid, whose
 * sum is the evidence; then what is believed of how the pods are placed.
 */
export const RollbackWealth = z.array(z.number()).readonly();
export type RollbackWealth = readonly number[];

/** Everything that is remembered of one counted series. */
export const SeriesState = z
  .strictObject({
    blocks: z.array(BlockState).readonly(),
    bursts: BurstState,
    /** Stable pods' totals, history included. */
    pods: z.record(z.string(), Tally).readonly(),
    /** Stable's bad and requests with a memory of half an hour. */
    stable: Tally,
    /** The two sums of the Mantel-Haenszel rate ratio, canary to stable, with a memory of a quarter of an hour. */
    ratio: z.tuple([z.number(), z.number()]).readonly(),
    /**
     * Sums of the Mantel-Haenszel rate difference over the rollout: weighted differences, weights w, and w² by the
     * requests of each arm, for its variance.
     */
    excess: z.tuple([z.number(), z.number(), z.number(), z.number()]).readonly(),
    rollback: RollbackWealth,
    /** The rollback evidence without one canary pod each. */
    without: z.record(z.string(), RollbackWealth).readonly(),
    /** ln of the promotion evidence at this stage, and the most that it has been: a proof stands once it was reached. */
    promotion: z.number(),
    promotionBest: z.number(),
    /** The counts at this stage, and over the rollout. */
    stage: ArmPair,
    total: ArmPair,
    /** The canary's counts at this stage while stable had no requests: nothing is compared, and a limit counts them. */
    alone: Arm.optional(),
    /** How many intervals in a row stable alone was out of the ordinary. */
    abnormal: z.number(),
    /** For how long (seconds) each arm has had no requests; and how improbable that is by the other's: -ln of the chance. */
    idle: z.strictObject({ canary: z.number(), stable: z.number(), missed: z.number() }).readonly(),
  })
  .readonly();
export type SeriesState = z.infer<typeof SeriesState>;

/** One gate's analysis between two batches of samples. */
export const RolloutState = z
  .strictObject({
    counters: CounterState,
    series: z.record(z.string(), SeriesState).readonly(),
    /** The canary's share and since when (seconds); null before it has any. */
    stage: z.strictObject({ weight: z.number(), since: z.number() }).readonly().nullable(),
    /** The first boundary at which the canary had weight. */
    began: z.number().nullable(),
    /** Canary requests a second, with a short memory. */
    pace: z.number().nullable(),
    /** Whether the last round was an arm's silence. */
    silent: z.enum(['canary', 'stable']).nullable(),
  })
  .readonly();
export type RolloutState = z.infer<typeof RolloutState>;

/** One gate's analysis, what it says at the last boundary (null before the first), and its metrics for people. */
export const GateAnalysis = z
  .strictObject({
    rollout: RolloutState,
    said: z.strictObject({ verdict: Verdict, reason: Reason }).readonly().nullable(),
    comparisons: z.array(Comparison).max(5).readonly(),
  })
  .readonly();
export type GateAnalysis = z.infer<typeof GateAnalysis>;

/** Pods of both arms together that an analysis follows: more would outgrow an entry of the ledger. */
export const mostPods = 40;

/** The analysis of a promotion's rollout, gate by gate: part of the recorded inputs. */
export const AnalysisState = z
  .strictObject({
    promotion: z.string(),
    gates: z.record(Name, GateAnalysis).readonly(),
    /** More pods than one entry of the ledger can tell of: nothing can be said any more. */
    crowded: z.boolean(),
  })
  .readonly();
export type AnalysisState = z.infer<typeof AnalysisState>;
