import { z } from 'zod';
import { Name } from './name.ts';

/** A namespace or an object in one: a DNS label. */
const ObjectName = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'expected the name of a Kubernetes object: a DNS label');

/** An address of the gateway: scheme, host and port, without user, query and fragment. */
const GatewayAddress = z
  .string()
  .max(300)
  .regex(
    /^https?:\/\/[A-Za-z0-9.[\]:_-]+(\/[A-Za-z0-9._/-]*)?$/,
    'expected an address such as http://envoy.gateway:8002',
  );

/** Where the `kubernetes` driver finds an environment: cluster, namespace, routes, and the gateway itself. */
export const KubernetesTarget = z.strictObject({
  context: z
    .string()
    .min(1)
    .max(300)
    .optional()
    .describe(
      'The context of the server’s kubeconfig; without it the cluster that the server itself runs in.',
    ),
  namespace: ObjectName.describe('Where everything of this environment lives.'),
  services: z
    .record(
      Name,
      z.strictObject({
        route: ObjectName.optional().describe(
          'The HTTPRoute whose weights Belay writes; named like the service unless told.',
        ),
        service: ObjectName.optional().describe(
          'The Service that others call, and that the route leads to before Belay; named like the service unless told.',
        ),
      }),
    )
    .default({})
    .describe('By the name of a Belay service, where its objects are called otherwise.'),
  gateway: z
    .strictObject({
      statistics: z
        .array(GatewayAddress)
        .max(20)
        .default([])
        .describe(
          'Envoy’s statistics, one address a gateway process (Contour: port 8002). Requests are counted there.',
        ),
      configuration: z
        .array(GatewayAddress)
        .max(20)
        .default([])
        .describe(
          'Envoy’s admin interface, one address a gateway process: it confirms the weights that it routes by.',
        ),
    })
    .prefault({}),
});
export type KubernetesTarget = z.infer<typeof KubernetesTarget>;
