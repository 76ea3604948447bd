import { z } from 'zod';
import { Diagnostics } from '../../core/model/diagnostics.ts';
import { Digest } from '../../core/model/digest.ts';
import { Name } from '../../core/model/name.ts';
import type { SlotKey } from '../../core/model/name.ts';
import { RunningWorkload, Weight } from '../../core/model/observation.ts';
import { VariableName } from './artifact.ts';

/** What the driver and the agent say to each other: JSON over HTTP on the loopback interface, with a bearer token. */

const Generation = z.int().min(0);

/** PUT …/workloads/RELEASE. Secrets are references, never values. */
export const ApplyRequest = z.strictObject({
  generation: Generation,
  artifact: Digest,
  replicas: z.int().min(0).max(20),
  configuration: z.strictObject({
    digest: Digest,
    parameters: z.record(VariableName, z.string().max(32_768)),
    secrets: z
      .array(
        z.strictObject({ name: VariableName, reference: z.string().max(300), version: z.string().max(100) }),
      )
      .max(100),
  }),
});
export type ApplyRequest = z.infer<typeof ApplyRequest>;

/** DELETE …/workloads/RELEASE */
export const RemoveRequest = z.strictObject({ generation: Generation });
export type RemoveRequest = z.infer<typeof RemoveRequest>;

/** PUT …/weights. `retreatTo` is where traffic goes should the control plane be lost while it is shared. */
export const ShiftRequest = z.strictObject({
  generation: Generation,
  weights: z
    .array(Weight)
    .min(1)
    .max(20)
    .refine(
      (weights) => weights.reduce((sum, { weight }) => sum + weight, 0) === 100,
      'weights must add up to 100',
    )
    .refine(
      (weights) => new Set(weights.map(({ release }) => release)).size === weights.length,
      'a release is named twice',
    ),
  retreatTo: Name.nullable(),
});
export type ShiftRequest = z.infer<typeof ShiftRequest>;

/** The answer to all of the above; an `unknown` arises only on the way and is never answered. */
export const AgentOutcome = z.discriminatedUnion('outcome', [
  z.strictObject({ outcome: z.literal('done') }),
  z.strictObject({ outcome: z.literal('stale'), generation: Generation }),
  z.strictObject({ outcome: z.literal('failed'), message: z.string() }),
]);
export type AgentOutcome = z.infer<typeof AgentOutcome>;

/** GET of a slot. */
export const SlotReport = z.strictObject({
  generation: Generation,
  workloads: z.array(RunningWorkload).max(20),
  weights: z.array(Weight).max(20),
});
export type SlotReport = z.infer<typeof SlotReport>;

/** Counters of one upstream process, or (`pod` ends in `-none`) of requests for which the release had no process. */
export const UpstreamReport = z.strictObject({
  release: Name,
  pod: z.string().max(200),
  started: z.number(),
  ready: z.number().nullable(),
  requests: z.int().min(0),
  errors: z.int().min(0),
  latencySumMs: z.number().min(0),
  latencyMs: z.record(z.string(), z.int().min(0)),
});
export type UpstreamReport = z.infer<typeof UpstreamReport>;

/** GET …/counters; times in seconds since the epoch. */
export const CountersReport = z.strictObject({
  t: z.number(),
  weights: z.array(Weight),
  upstreams: z.array(UpstreamReport),
});
export type CountersReport = z.infer<typeof CountersReport>;

/** GET …/diagnostics/RELEASE */
export const DiagnosticsReport = Diagnostics;

/** The file `endpoint.json` in the agent's folder: how to reach it. */
export const Endpoint = z.strictObject({
  pid: z.int(),
  control: z.string(),
  environment: Name,
  slots: z.array(z.strictObject({ project: Name, service: Name, edge: z.string() })),
});
export type Endpoint = z.infer<typeof Endpoint>;

export const ENDPOINT_FILE = 'endpoint.json';
export const TOKEN_FILE = 'token';

/** The path of a slot in the control API. Names are DNS labels, so nothing needs escaping. */
export const slotPath = (slot: SlotKey): string =>
  `/v1/slots/${slot.project}/${slot.environment}/${slot.service}`;
