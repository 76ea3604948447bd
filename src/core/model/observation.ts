import { z } from 'zod';
import { canonicalJson } from './canonical.ts';
import { Digest } from './digest.ts';
import { Name } from './name.ts';
import { Millis } from './time.ts';

/** One release as it runs in a slot, as read from outside. */
export const RunningWorkload = z.strictObject({
  release: Name,
  artifact: Digest,
  desired: z.int().min(0),
  ready: z.int().min(0),
  /** Requests or connections that are still open on it, where the driver can tell. */
  open: z.int().min(0).nullable(),
});
export type RunningWorkload = z.infer<typeof RunningWorkload>;

/** One release's share of traffic in percent. */
export const Weight = z.strictObject({ release: Name, weight: z.int().min(0).max(100) });
export type Weight = z.infer<typeof Weight>;

/**
 * What a slot looks like from outside. `generation` is the highest that the outside has accepted for this slot,
 * by whatever call (apply, shift, remove).
 * `level` is the proof behind the weights: `programmed` (the target accepted them) or `confirmed` (the data
 * plane itself says that it routes by them).
 */
export const Observation = z.strictObject({
  at: Millis,
  generation: z.int().min(0),
  workloads: z.array(RunningWorkload).max(20),
  weights: z.array(Weight).max(20),
  level: z.enum(['programmed', 'confirmed']),
});
export type Observation = z.infer<typeof Observation>;

/** Whether two looks show the same. How many requests are open differs at every look and decides nothing. */
export const sameSight = (a: Omit<Observation, 'at'>, b: Omit<Observation, 'at'>): boolean =>
  sightOf(a) === sightOf(b);

const sightOf = ({ generation, level, weights, workloads }: Omit<Observation, 'at'>): string =>
  canonicalJson({ generation, level, weights, workloads: workloads.map((w) => ({ ...w, open: null })) });

/**
 * One scrape of one pod: cumulative counters as they were read. `t`, `started` and `ready` in seconds,
 * `weight` the canary's share (0 to 1), `latencyMs` cumulative counts by upper bound with `+Inf`.
 */
export const Sample = z.strictObject({
  t: z.number(),
  arm: z.enum(['canary', 'stable']),
  pod: z.string().min(1).max(200),
  started: z.number().optional(),
  ready: z.number().optional(),
  weight: z.number().min(0).max(1),
  requests: z.int().min(0),
  bad: z.record(z.string().max(60), z.int().min(0)),
  latencyMs: z.record(z.string().regex(/^(\d+(\.\d+)?|\+Inf)$/), z.int().min(0)),
  /** How full the pod's scarcest resource was at this scrape, in the unit of its gauge. */
  saturation: z.number().min(0).optional(),
});
export type Sample = z.infer<typeof Sample>;
