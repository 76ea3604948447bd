import { z } from 'zod';
import { Gate } from './gate.ts';
import { PrometheusSource } from './metrics-source.ts';
import { KubernetesTarget } from './kubernetes.ts';
import { Name } from './name.ts';
import { Duration, Instant } from './time.ts';

export const apiVersion = 'belay.dev/v1alpha1';

const head = <K extends string>(kind: K) => ({
  apiVersion: z.literal(apiVersion),
  kind: z.literal(kind),
});

/** A key whose signatures count for this project. */
export const TrustedIdentity = z.strictObject({
  name: Name,
  publicKey: z
    .string()
    .regex(/^[A-Za-z0-9+/]{43}=$/, 'expected base64 of the 32 bytes of an Ed25519 public key')
    .describe('Base64 of the 32 raw bytes of an Ed25519 public key.'),
  predicateTypes: z
    .array(z.url())
    .min(1)
    .max(20)
    .describe('The predicate types that this identity may sign.'),
  checks: z.array(Name).max(50).default([]).describe('The checks whose reports this identity may sign.'),
});
export type TrustedIdentity = z.infer<typeof TrustedIdentity>;

/** A team's space: whom it trusts. */
export const Project = z.strictObject({
  ...head('Project'),
  metadata: z.strictObject({ name: Name }),
  spec: z.strictObject({
    trust: z
      .array(TrustedIdentity)
      .max(100)
      .default([])
      .describe('Whose signatures count. Never pinned: a key removed here stops promotions in flight.'),
  }),
});
export type Project = z.infer<typeof Project>;

/** Values that a rendered configuration may take from the environment; secrets by reference only. */
const Parameters = z.record(
  z.string().regex(/^[A-Z][A-Z0-9_]{0,63}$/, 'expected an upper-case parameter name'),
  z.string().max(2_000),
);

/** Where things run. */
export const Environment = z.strictObject({
  ...head('Environment'),
  metadata: z.strictObject({ name: Name, project: Name }),
  spec: z.strictObject({
    driver: Name.describe('Which driver serves it, as configured at the server.'),
    kubernetes: KubernetesTarget.optional().describe('Where it is, if its driver is `kubernetes`.'),
    production: z
      .boolean()
      .default(false)
      .describe('Whether it carries customers: then every stage into it must have a signature gate.'),
    replicas: z.int().min(1).max(1_000).default(1).describe('The size that carries all traffic.'),
    parameters: Parameters.default({}),
    secrets: z
      .array(
        z.strictObject({
          name: z.string().regex(/^[A-Z][A-Z0-9_]{0,63}$/),
          reference: z.string().max(200),
          version: z.string().max(100),
        }),
      )
      .max(100)
      .default([])
      .describe('Secrets by reference and version, never by value.'),
    warm: Duration.default(60_000).describe(
      'How long the old version stays up after a promotion, so that going back is one change of weights.',
    ),
    onControlPlaneLoss: z.enum(['hold', 'retreat']).default('hold'),
    freezes: z
      .array(z.strictObject({ name: Name, from: Instant, to: Instant, reason: z.string().max(200) }))
      .max(200)
      .default([])
      .describe('Planned freezes in UTC, start included and end excluded.'),
    metrics: PrometheusSource.optional().describe(
      'Where canary and stable are counted, if not by the driver itself.',
    ),
  }),
});
export type Environment = z.infer<typeof Environment>;

/** One weight after the other, in percent. */
const Steps = z
  .array(z.int().min(1).max(100))
  .min(1)
  .max(50)
  .refine((steps) => steps.every((step, i) => i === 0 || step > (steps[i - 1] ?? 0)), 'steps must rise')
  .refine((steps) => steps.at(-1) === 100, 'the last step must be 100');

export const Rollout = z.strictObject({
  steps: Steps.default([100]).describe(
    'The canary’s share of traffic, in percent, one step after the other.',
  ),
  stepAtLeast: Duration.default(120_000).describe('The least time at each step.'),
  progressDeadline: Duration.default(600_000).describe(
    'How long the new version may take to become ready, and a step to be confirmed.',
  ),
});
export type Rollout = z.infer<typeof Rollout>;

/** A pipeline’s way into one environment. */
export const Stage = z.strictObject({
  name: Name,
  environment: Name,
  after: z
    .array(Name)
    .max(20)
    .default([])
    .describe('Stages in which the release must have been promoted first.'),
  promote: z
    .enum(['manual', 'auto'])
    .default('manual')
    .describe('`auto` asks for the promotion as soon as the stages before are promoted.'),
  gates: z
    .array(Gate)
    .max(30)
    .default([])
    .describe('Must pass before any traffic: signature, tests, approval, window, check.'),
  rollout: Rollout.prefault({}),
  analysis: z.array(Gate).max(30).default([]).describe('Judged while traffic shifts: metric.'),
  verification: z
    .array(Gate)
    .max(30)
    .default([])
    .describe('Judged at full traffic before the promotion counts: soak, check.'),
});
export type Stage = z.infer<typeof Stage>;

/** Stages in order (a DAG), versioned by digest. */
export const Pipeline = z.strictObject({
  ...head('Pipeline'),
  metadata: z.strictObject({ name: Name, project: Name }),
  spec: z.strictObject({
    service: Name,
    stages: z.array(Stage).min(1).max(50),
  }),
});
export type Pipeline = z.infer<typeof Pipeline>;

/** What `belay.yaml` may hold. */
export const BelayDocument = z.discriminatedUnion('kind', [Project, Environment, Pipeline]);
export type BelayDocument = z.infer<typeof BelayDocument>;

/** What is written by people, before defaults and parsed durations. */
export type BelayDocumentInput = z.input<typeof BelayDocument>;
