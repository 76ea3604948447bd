import { createHash } from 'node:crypto';
import { z } from 'zod';
import { canonicalJson } from '../../../core/model/canonical.ts';
import { err, ok, type Result } from '../../../core/model/result.ts';
import { fetchText } from './fetch-text.ts';

const mostBytes = 32_000_000;

const Cluster = z.looseObject({ name: z.string(), weight: z.union([z.int(), z.null()]).optional() });

const RouteDump = z.looseObject({
  configs: z
    .array(
      z.looseObject({
        route_config: z
          .looseObject({
            virtual_hosts: z
              .array(
                z.looseObject({
                  routes: z
                    .array(
                      z.looseObject({
                        route: z
                          .looseObject({
                            cluster: z.string().optional(),
                            weighted_clusters: z.looseObject({ clusters: z.array(Cluster) }).optional(),
                          })
                          .optional(),
                      }),
                    )
                    .optional(),
                }),
              )
              .optional(),
          })
          .optional(),
      }),
    )
    .optional(),
});

/** Reads the routes of a gateway process' own configuration (Envoy admin, `/config_dump`). */
export function readConfiguration(url: string, signal: AbortSignal): Promise<Result<string, string>> {
  const page = `${url.replace(/\/$/, '')}/config_dump?resource=dynamic_route_configs`;
  return fetchText(page, mostBytes, signal);
}

/**
 * The shares in percent by which a gateway process routes, by the Services' names, in its configuration. Null where no
 * route leads to any of these Services. The error says what is not understood, or that its routes differ.
 */
export function sharesIn(
  text: string,
  namespace: string,
  services: readonly string[],
): Result<ReadonlyMap<string, number> | null, string> {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return err('the gateway’s configuration is no JSON');
  }
  const dump = RouteDump.safeParse(document);
  if (!dump.success) return err('the gateway’s configuration is not as expected');
  const seen = new Map<string, ReadonlyMap<string, number>>();
  for (const { route_config: config } of dump.data.configs ?? []) {
    for (const { route } of config?.virtual_hosts?.flatMap(({ routes }) => routes ?? []) ?? []) {
      const shares = sharesOf(route ?? {}, namespace, services);
      if (shares !== null) seen.set(canonicalJson(Object.fromEntries(shares)), shares);
    }
  }
  if (seen.size > 1) return err('the gateway’s routes to this service share traffic differently');
  const [only] = seen.values();
  return ok(only ?? null);
}

function sharesOf(
  route: {
    readonly cluster?: string | undefined;
    readonly weighted_clusters?: { readonly clusters: readonly z.infer<typeof Cluster>[] } | undefined;
  },
  namespace: string,
  services: readonly string[],
): ReadonlyMap<string, number> | null {
  const clusters =
    route.cluster === undefined
      ? (route.weighted_clusters?.clusters ?? [])
      : [{ name: route.cluster, weight: 1 }];
  const named = clusters.map(({ name, weight }) => ({
    service: services.find((one) => isClusterOf(name, namespace, one)),
    weight: weight ?? 0,
  }));
  if (!named.some(({ service }) => service !== undefined)) return null;
  const total = named.reduce((sum, { weight }) => sum + weight, 0);
  const shares = new Map<string, number>();
  for (const { service, weight } of named) {
    const share = total === 0 ? 0 : Math.round((100 * weight) / total);
    if (service !== undefined && share > 0) shares.set(service, (shares.get(service) ?? 0) + share);
  }
  return shares;
}

const longestName = 60;
const nameParts = 4;
const hashLength = 6;

/** Whether a cluster of Envoy is what Contour has made of a Service. */
function isClusterOf(cluster: string, namespace: string, service: string): boolean {
  const [, , port, digest, ...more] = cluster.split('/');
  if (port === undefined || digest === undefined || more.length > 0) return false;
  return cluster === clusterName([namespace, service, port, digest]);
}

/**
 * Contour's name of a cluster, NAMESPACE/SERVICE/PORT/DIGEST. One of 60 bytes or more is shortened from its end, part by
 * part, to 15 bytes each that end in a digest of the whole (projectcontour/contour, internal/envoy/cluster.go, Hashname).
 */
function clusterName(parts: readonly string[]): string {
  const shortened = [...parts];
  const hash = createHash('sha256').update(parts.join('/')).digest('hex').slice(0, hashLength);
  const longestPart = longestName / nameParts;
  for (let last = parts.length - 1; last >= 0 && shortened.join('/').length >= longestName; last -= 1) {
    const part = shortened[last] ?? '';
    if (part.length > longestPart) shortened[last] = `${part.slice(0, longestPart - hashLength - 1)}-${hash}`;
  }
  return shortened.join('/');
}
