import { z } from 'zod';

// The parts of Kubernetes' objects that lint reads. Fields that no rule reads are left out, not refused: what an API
// server knows of an object is its own matter.

/** A whole number, or a percentage or a name. */
export const IntOrText = z.union([z.int(), z.string().max(253)], 'expected a whole number or a text');
export type IntOrText = z.infer<typeof IntOrText>;

/** A port by its number or its name. */
export const PortReference = z.union(
  [z.int().min(1).max(65_535), z.string().min(1).max(63)],
  'expected a port’s number (1 to 65535) or its name',
);
export type PortReference = z.infer<typeof PortReference>;

export const Labels = z.record(z.string(), z.string('expected a text; put the value in quotes'));
export type Labels = z.infer<typeof Labels>;

/** An amount such as `500m`, `1`, `128Mi` or `1e3`. */
export const Quantity = z.union(
  [z.number().min(0), z.string().regex(/^\+?(\d+\.?\d*|\.\d+)([eE][+-]?\d+|[KMGTPE]i|[numkMGTPE])?$/)],
  'expected an amount such as 250m or 128Mi',
);
export type Quantity = z.infer<typeof Quantity>;

export const LabelSelector = z.object({
  matchLabels: Labels.default({}),
  matchExpressions: z
    .array(
      z.object({
        key: z.string(),
        operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
        values: z.array(z.string()).default([]),
      }),
    )
    .default([]),
});
export type LabelSelector = z.infer<typeof LabelSelector>;

/** What every object has. */
export const ObjectMeta = z.object({
  name: z.string().min(1).max(253).optional(),
  generateName: z.string().max(253).optional(),
  namespace: z.string().max(63).optional(),
  labels: Labels.default({}),
  annotations: z
    .record(z.string(), z.string('expected a text; put the value in quotes').max(262_144))
    .default({}),
});
