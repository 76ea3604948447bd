import { z } from 'zod';
import { err, ok, type Result } from '../../../core/model/result.ts';
import type { KubernetesApi } from '../../../drivers/kubernetes/client/api.ts';
import { resources } from '../../../drivers/kubernetes/client/resources.ts';

const Conditions = z.array(z.object({ type: z.string(), status: z.string() })).default([]);

const Listener = z.looseObject({
  name: z.string(),
  protocol: z.string(),
  port: z.int(),
  hostname: z.string().optional(),
  allowedRoutes: z
    .looseObject({ namespaces: z.looseObject({ from: z.string().default('Same') }).optional() })
    .optional(),
});
type Listener = z.infer<typeof Listener>;

/** As much of a Gateway (Gateway API v1) as tells whether the demo's routes can hang on it. */
export const Gateway = z.looseObject({
  metadata: z.looseObject({ namespace: z.string(), name: z.string() }),
  spec: z.looseObject({ listeners: z.array(Listener) }),
  status: z
    .looseObject({
      addresses: z.array(z.looseObject({ value: z.string() })).optional(),
      conditions: Conditions,
    })
    .optional(),
});
export type Gateway = z.infer<typeof Gateway>;

/** A listener of a Gateway that takes the demo's routes. */
export interface Entrance {
  readonly namespace: string;
  readonly name: string;
  /** Of the listener; routes name it, so that no other of the same Gateway is meant. */
  readonly section: string;
  /** Where its traffic comes in, as the Gateway itself says; null where it does not. */
  readonly url: string | null;
  /** What the names that are asked for end in. */
  readonly domain: string;
}

const nameOf = ({ metadata }: Gateway): string => `${metadata.namespace}/${metadata.name}`;

/** Names of no domain that anybody has (RFC 6761): where a listener takes every name. */
const ownDomain = 'belay-demo.test';

/**
 * The entrance that is meant: the Gateway that was named, else the only one that can be used. The error says of each
 * why it cannot, or that there are several.
 */
export function chooseEntrance(
  gateways: readonly Gateway[],
  wanted: string | undefined,
): Result<Entrance, { readonly found: string; readonly fix: string }> {
  const candidates = gateways.filter((one) => wanted === undefined || nameOf(one) === wanted);
  const names = gateways.map(nameOf).join(', ');
  if (candidates.length === 0)
    return err(
      wanted === undefined
        ? {
            found: 'there is no Gateway in this cluster',
            fix: 'make one with an HTTP listener for all namespaces',
          }
        : {
            found: `there is no Gateway ${wanted}; there is ${names === '' ? 'none' : names}`,
            fix: 'name another with --gateway NAMESPACE/NAME',
          },
    );
  const judged = candidates.map(entranceOf);
  const usable = judged.flatMap((one) => (one.ok ? [one.value] : []));
  const [only] = usable;
  if (only !== undefined && usable.length === 1) return ok(only);
  if (only === undefined)
    return err({
      found: judged.flatMap((one) => (one.ok ? [] : [one.error])).join('; '),
      fix: 'use a Gateway whose controller runs, with an HTTP listener whose allowedRoutes.namespaces.from is All',
    });
  return err({
    found: `there are several Gateways: ${usable.map(({ namespace, name }) => `${namespace}/${name}`).join(', ')}`,
    fix: 'say which one with --gateway NAMESPACE/NAME',
  });
}

function entranceOf(gateway: Gateway): Result<Entrance, string> {
  const name = nameOf(gateway);
  const isProgrammed = gateway.status?.conditions.some(
    ({ type, status }) => type === 'Programmed' && status === 'True',
  );
  if (isProgrammed !== true) return err(`Gateway ${name} is not programmed`);
  const listener = gateway.spec.listeners.find(takesOurs);
  if (listener === undefined)
    return err(`Gateway ${name} has no HTTP listener that takes routes of all namespaces and many names`);
  const [address] = gateway.status?.addresses ?? [];
  const host = address?.value.includes(':') === true ? `[${address.value}]` : address?.value;
  return ok({
    namespace: gateway.metadata.namespace,
    name: gateway.metadata.name,
    section: listener.name,
    url: host === undefined ? null : `http://${host}:${listener.port}`,
    domain: listener.hostname?.replace(/^\*\./, '') ?? ownDomain,
  });
}

const takesOurs = ({ protocol, hostname, allowedRoutes }: Listener): boolean =>
  protocol === 'HTTP' &&
  allowedRoutes?.namespaces?.from === 'All' &&
  (hostname === undefined || hostname.startsWith('*.'));

/** The Gateways of a cluster; where one is named, that one, which needs fewer rights. */
export async function readGateways(
  api: KubernetesApi,
  wanted: string | undefined,
  signal: AbortSignal,
): Promise<Result<readonly Gateway[], string>> {
  if (wanted !== undefined) {
    const [namespace = '', name = ''] = wanted.split('/');
    const read = await api.get(resources.gateways, namespace, name, Gateway, signal);
    if (read.ok) return ok([read.value]);
    return read.error.code === 'not-found' ? ok([]) : err(read.error.message);
  }
  const path = `/apis/${resources.gateways.apiVersion}/${resources.gateways.plural}`;
  const read = await api.call({ method: 'GET', path, signal }, z.object({ items: z.array(Gateway) }));
  return read.ok ? ok(read.value.items) : err(read.error.message);
}
