import { z } from 'zod';
import { Digest } from './digest.ts';
import { Name } from './name.ts';
import { Weight } from './observation.ts';
import { PromotionPlan } from './plan.ts';
import { Reason } from './reason.ts';
import { Millis } from './time.ts';
import { Verdict } from './verdict.ts';

/** States of a promotion. `waiting` to the first four are open; the last five are ends. */
export const PromotionState = z.enum([
  'waiting',
  'rolling-out',
  'observing',
  'rolling-back',
  'promoted',
  'rolled-back',
  'refused',
  'aborted',
  'superseded',
]);
export type PromotionState = z.infer<typeof PromotionState>;

/** Ends that turning back can lead to. */
export const TurnBackEnd = z.enum(['rolled-back', 'refused', 'aborted']);
export type TurnBackEnd = z.infer<typeof TurnBackEnd>;

const move = <T extends string, S extends z.core.$ZodLooseShape>(type: T, shape: S) =>
  z.strictObject({ type: z.literal(type), promotion: z.string(), ...shape });

/** A change of a slot's state. Folding the moves of all decisions gives the state. */
export const Move = z.discriminatedUnion('type', [
  move('planned', { plan: Digest, document: PromotionPlan }),
  move('judged', { gate: Name, verdict: Verdict, reason: Reason }),
  move('started', {}),
  move('shifting', { step: z.int().min(0), weight: z.int().min(0).max(100) }),
  move('reached', { step: z.int().min(0), weight: z.int().min(0).max(100) }),
  move('observing', {}),
  move('asked', { reason: Reason }),
  move('turned-back', { endsAs: TurnBackEnd, reason: Reason }),
  move('at-zero', {}),
  move('quarantined', { artifact: Digest, reason: Reason }),
  move('ended', {
    state: PromotionState,
    reason: Reason,
    /** How it is known what runs: `none` where nothing ever ran. */
    proof: z.enum(['none', 'programmed', 'confirmed']),
    /** Until when the version before stays up; only with `promoted`, and only where there was one. */
    warmUntil: Millis.nullable(),
  }),
  move('waiting', { codes: z.array(z.string()) }),
  move('retired', { release: Name }),
]);
export type Move = z.infer<typeof Move>;

/**
 * An effect on the outside. Carries the slot's generation: the lower one loses. May run twice; is done when
 * the outside shows it.
 */
export const Action = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('apply-workload'),
    generation: z.int().min(1),
    release: Name,
    artifact: Digest,
    configuration: Digest,
    replicas: z.int().min(1),
  }),
  z.strictObject({
    type: z.literal('shift-traffic'),
    generation: z.int().min(1),
    weights: z.array(Weight).min(1).max(2),
  }),
  z.strictObject({ type: z.literal('remove-workload'), generation: z.int().min(1), release: Name }),
]);
export type Action = z.infer<typeof Action>;

/** One unmet condition of one promotion: what `why` prints. */
export const Wait = z.strictObject({
  promotion: z.string(),
  reason: Reason,
  /** The gate that it belongs to, where it is one. */
  gate: Name.nullable(),
  since: Millis,
  /** Who can end it. */
  owner: z.enum(['approver', 'requester', 'operator', 'ci', 'traffic', 'time', 'environment']),
  how: z.string().max(800),
  nextCheck: Millis.nullable(),
  ifNothing: z.string().max(400),
});
export type Wait = z.infer<typeof Wait>;

/** The sequence up to which each stream was read. Checked again in the decision's transaction. */
export const Heads = z.record(z.string(), z.int().min(0));
export type Heads = z.infer<typeof Heads>;

/** What `decide` returned in one turn. */
export const Decision = z.strictObject({
  now: Millis,
  evaluator: z.string().max(100),
  reads: Heads,
  moves: z.array(Move).max(200),
  actions: z.array(Action).max(10),
});
export type Decision = z.infer<typeof Decision>;
