import { z } from 'zod';
import { PodAmount, PodSpec, PodTemplate } from './pod.ts';
import { Labels, LabelSelector, ObjectMeta, PortReference } from './values.ts';

/** What every object says of itself. */
export const ObjectHead = z.object({
  apiVersion: z.string().min(1).max(300),
  kind: z.string().min(1).max(100),
});

const metadata = ObjectMeta;

/** Deployment, StatefulSet, DaemonSet and ReplicaSet: pods that are kept running. */
export const PodController = z.object({
  metadata,
  spec: z.object({
    replicas: z.int().min(0).optional(),
    selector: LabelSelector.optional(),
    template: PodTemplate,
    progressDeadlineSeconds: z.int().min(1).default(600),
    minReadySeconds: z.int().min(0).default(0),
  }),
});

export const PodObject = z.object({ metadata, spec: PodSpec });
export const JobObject = z.object({ metadata, spec: z.object({ template: PodTemplate }) });
export const CronJobObject = z.object({
  metadata,
  spec: z.object({ jobTemplate: z.object({ spec: z.object({ template: PodTemplate }) }) }),
});

export const ServiceObject = z.object({
  metadata,
  spec: z
    .object({
      type: z.string().default('ClusterIP'),
      selector: Labels.default({}),
      ports: z
        .array(
          z.object({
            name: z.string().optional(),
            port: z.int().min(1).max(65_535),
            targetPort: PortReference.optional(),
          }),
        )
        .default([]),
    })
    .prefault({}),
});
export type ServiceObject = z.infer<typeof ServiceObject>;

const Entries = z.record(z.string(), z.string('expected a text; put the value in quotes')).default({});
export const ConfigMapObject = z.object({ metadata, data: Entries });
export const SecretObject = z.object({
  metadata,
  type: z.string().default('Opaque'),
  data: Entries,
  stringData: Entries,
});

export const BudgetObject = z.object({
  metadata,
  spec: z.object({
    selector: LabelSelector.optional(),
    minAvailable: PodAmount.optional(),
    maxUnavailable: PodAmount.optional(),
  }),
});
export type BudgetObject = z.infer<typeof BudgetObject>;

export const AutoscalerObject = z.object({
  metadata,
  spec: z.object({
    scaleTargetRef: z.object({ kind: z.string(), name: z.string() }),
    minReplicas: z.int().min(0).default(1),
  }),
});

const BackendReference = z.object({
  group: z.string().default(''),
  kind: z.string().default('Service'),
  name: z.string(),
  namespace: z.string().optional(),
  port: z.int().optional(),
  weight: z.int().min(0).default(1),
});

/** HTTPRoute and GRPCRoute, which are alike in what is read here. */
export const RouteObject = z.object({
  metadata,
  spec: z
    .object({
      rules: z
        .array(
          z.object({
            backendRefs: z.array(BackendReference).default([]),
            timeouts: z.object({ request: z.string().optional() }).default({}),
          }),
        )
        .default([]),
    })
    .prefault({}),
});
export type RouteObject = z.infer<typeof RouteObject>;

export const GrantObject = z.object({
  metadata,
  spec: z.object({
    from: z.array(z.object({ kind: z.string(), namespace: z.string() })).default([]),
    to: z
      .array(z.object({ group: z.string().default(''), kind: z.string(), name: z.string().optional() }))
      .default([]),
  }),
});
