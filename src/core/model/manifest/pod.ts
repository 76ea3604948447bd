import { z } from 'zod';
import { IntOrText, Labels, PortReference, Quantity } from './values.ts';

/** Kubernetes takes 0 for "not said" where 0 would make no sense. */
const count = (standard: number) =>
  z
    .int()
    .min(0)
    .default(standard)
    .transform((value) => (value === 0 ? standard : value));

const HttpGet = z.object({
  path: z.string().default('/'),
  port: PortReference,
  host: z.string().optional(),
  scheme: z.string().default('HTTP'),
});
const Exec = z.object({ command: z.array(z.string()).default([]) });

/** A probe; times in seconds, with Kubernetes' standards for what is not said. */
export const Probe = z.object({
  httpGet: HttpGet.optional(),
  tcpSocket: z.object({ port: PortReference }).optional(),
  exec: Exec.optional(),
  grpc: z.object({ port: z.int().min(1).max(65_535), service: z.string().default('') }).optional(),
  initialDelaySeconds: z.int().min(0).default(0),
  periodSeconds: count(10),
  timeoutSeconds: count(1),
  failureThreshold: count(3),
  successThreshold: count(1),
});
export type Probe = z.infer<typeof Probe>;

const Resources = z.object({
  requests: z.record(z.string(), Quantity).default({}),
  limits: z.record(z.string(), Quantity).default({}),
});
export type Resources = z.infer<typeof Resources>;

const SecurityContext = z.object({
  runAsNonRoot: z.boolean().optional(),
  runAsUser: z.int().optional(),
  seccompProfile: z.object({ type: z.string() }).optional(),
});

const ContainerSecurityContext = SecurityContext.extend({
  privileged: z.boolean().optional(),
  allowPrivilegeEscalation: z.boolean().optional(),
  readOnlyRootFilesystem: z.boolean().optional(),
  capabilities: z
    .object({ add: z.array(z.string()).default([]), drop: z.array(z.string()).default([]) })
    .optional(),
});

export const Container = z.object({
  name: z.string().min(1).max(63),
  image: z.string().max(1_000).optional(),
  command: z.array(z.string()).default([]),
  args: z.array(z.string()).default([]),
  env: z
    .array(
      z.object({
        name: z.string(),
        value: z.string('expected a text; put the value in quotes').optional(),
        valueFrom: z.unknown().optional(),
      }),
    )
    .default([]),
  ports: z
    .array(
      z.object({
        name: z.string().optional(),
        containerPort: z.int().min(1).max(65_535),
        hostPort: z.int().min(0).max(65_535).default(0),
      }),
    )
    .default([]),
  resources: Resources.prefault({}),
  startupProbe: Probe.optional(),
  readinessProbe: Probe.optional(),
  livenessProbe: Probe.optional(),
  lifecycle: z
    .object({
      preStop: z
        .object({
          exec: Exec.optional(),
          httpGet: HttpGet.optional(),
          sleep: z.object({ seconds: z.int().min(0) }).optional(),
        })
        .optional(),
    })
    .default({}),
  securityContext: ContainerSecurityContext.default({}),
  /** `Always` on an init container makes it a sidecar, which runs beside the others. */
  restartPolicy: z.string().optional(),
});
export type Container = z.infer<typeof Container>;

export const PodSpec = z.object({
  containers: z.array(Container).min(1, 'expected at least one container'),
  initContainers: z.array(Container).default([]),
  securityContext: SecurityContext.default({}),
  resources: Resources.prefault({}),
  terminationGracePeriodSeconds: z.int().min(0).default(30),
  hostNetwork: z.boolean().default(false),
  hostPID: z.boolean().default(false),
  hostIPC: z.boolean().default(false),
  volumes: z.array(z.object({ name: z.string(), hostPath: z.unknown().optional() })).default([]),
  affinity: z.object({ podAntiAffinity: z.unknown().optional() }).optional(),
  topologySpreadConstraints: z.array(z.object({ topologyKey: z.string() })).default([]),
  automountServiceAccountToken: z.boolean().optional(),
  serviceAccountName: z.string().default(''),
  os: z.object({ name: z.string() }).optional(),
});
export type PodSpec = z.infer<typeof PodSpec>;

export const PodTemplate = z.object({
  metadata: z.object({ labels: Labels.default({}) }).prefault({}),
  spec: PodSpec,
});

/** A disruption budget's or a rollout's amount: pods, or a percentage of them. */
export const PodAmount = IntOrText.refine(
  (value) => (typeof value === 'number' ? value >= 0 : /^\d{1,9}%$/.test(value)),
  'expected a number of pods or a percentage such as 50%',
);
