import { z } from 'zod';

const Stats = z.object({
  stats: z.array(z.object({ name: z.string().optional(), value: z.number().optional() })),
});

/**
 * How many requests Envoy has completed for a Service since it started, by status class (`2xx`, `5xx`); Contour names
 * the statistics of a Service's port `cluster.NAMESPACE_SERVICE_PORT`.
 */
export async function completedRequests(
  envoyUrl: string,
  service: { readonly namespace: string; readonly name: string; readonly port: number },
): Promise<Readonly<Record<string, number>>> {
  const prefix = `cluster.${service.namespace}_${service.name}_${service.port}.upstream_rq_`;
  const answer = await fetch(
    `${envoyUrl}/stats?format=json&filter=^${prefix.replaceAll('.', '\\.')}[1-5]xx$`,
  );
  const { stats } = Stats.parse(await answer.json());
  return Object.fromEntries(
    stats.flatMap(({ name, value }) =>
      name?.startsWith(prefix) === true && value !== undefined ? [[name.slice(prefix.length), value]] : [],
    ),
  );
}
