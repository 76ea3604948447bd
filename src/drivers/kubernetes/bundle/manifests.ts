import { z } from 'zod';

/**
 * What a manifest bundle may hold, as far as Belay reads it. Everything else of an allowed object is carried as it
 * stands and left to the API server to judge.
 */

const Strings = z.record(z.string(), z.string());

const Head = z.looseObject({
  name: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/, 'expected the name of a Kubernetes object'),
  labels: Strings.nullish(),
  annotations: Strings.nullish(),
});

export const EnvironmentVariable = z.looseObject({ name: z.string() });
const Reference = z.looseObject({ name: z.string().optional() });

export const Container = z.looseObject({
  name: z.string(),
  image: z
    .string()
    .regex(
      /^\S+@sha256:[0-9a-f]{64}$/,
      'expected an image by digest: REGISTRY/REPOSITORY@sha256:… (a tag is no identity)',
    ),
  env: z
    .array(
      EnvironmentVariable.extend({
        valueFrom: z.looseObject({ configMapKeyRef: Reference.optional() }).nullish(),
      }),
    )
    .nullish(),
  envFrom: z.array(z.looseObject({ configMapRef: Reference.optional() })).nullish(),
});
export type Container = z.infer<typeof Container>;

const Volume = z.looseObject({
  name: z.string(),
  configMap: Reference.optional(),
  projected: z
    .looseObject({ sources: z.array(z.looseObject({ configMap: Reference.optional() })).nullish() })
    .optional(),
});

export const PodSpec = z.looseObject({
  containers: z.array(Container).min(1).max(20),
  initContainers: z.array(Container).max(20).nullish(),
  volumes: z.array(Volume).max(50).nullish(),
});
export type PodSpec = z.infer<typeof PodSpec>;

export const DeploymentManifest = z.looseObject({
  apiVersion: z.literal('apps/v1'),
  kind: z.literal('Deployment'),
  metadata: Head,
  spec: z.looseObject({
    template: z.looseObject({
      metadata: z.looseObject({ labels: Strings.nullish(), annotations: Strings.nullish() }).nullish(),
      spec: PodSpec,
    }),
  }),
});
export type DeploymentManifest = z.infer<typeof DeploymentManifest>;

export const ServiceManifest = z.looseObject({
  apiVersion: z.literal('v1'),
  kind: z.literal('Service'),
  metadata: Head,
  spec: z.looseObject({
    type: z
      .literal('ClusterIP', 'expected ClusterIP: the gateway is what is reached from outside')
      .optional(),
    clusterIP: z.undefined('a release has its own Service: it cannot ask for an address').optional(),
    ports: z
      .array(
        z.looseObject({
          name: z.string().optional(),
          port: z.int().min(1).max(65_535),
          nodePort: z.undefined('a release has its own Service: it cannot ask for a node port').optional(),
        }),
      )
      .min(1)
      .max(20),
  }),
});
export type ServiceManifest = z.infer<typeof ServiceManifest>;

export const ConfigMapManifest = z.looseObject({
  apiVersion: z.literal('v1'),
  kind: z.literal('ConfigMap'),
  metadata: Head,
  data: Strings.nullish(),
  binaryData: Strings.nullish(),
});
export type ConfigMapManifest = z.infer<typeof ConfigMapManifest>;
