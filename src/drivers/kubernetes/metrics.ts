import type { Sample } from '../../core/model/observation.ts';
import { err, ok, type Result } from '../../core/model/result.ts';
import type { Unreadable } from '../../ports/environment.ts';
import { resources } from './client/resources.ts';
import { readStatistics, type UpstreamCounters } from './envoy/statistics.ts';
import { workloadName } from './labels.ts';
import { unreadableOf } from './outcome.ts';
import { HttpRoute, weightsOf } from './route.ts';
import { servicesOf } from './slot-objects.ts';
import type { SlotTarget } from './target.ts';

/**
 * Counters of both arms as the gateway has counted them: what a crashed pod never answered is there too. One sample an
 * arm and gateway process; a process that did not answer is left out. `now` in milliseconds.
 */
export async function scrape(
  target: SlotTarget,
  arms: { readonly canary: string; readonly stable: string | null },
  now: () => number,
  signal: AbortSignal,
): Promise<Result<readonly Sample[], Unreadable>> {
  const { api, namespace, slot, statistics } = target;
  if (statistics.length === 0)
    return err({ code: 'not-found', message: 'the environment names no statistics of its gateway' });
  const route = await api.get(resources.httpRoutes, namespace, target.route, HttpRoute, signal);
  if (!route.ok) return err(unreadableOf(route.error));
  const services = await servicesOf(target, signal);
  if (!services.ok) return err(unreadableOf(services.error));
  const weights = weightsOf(route.value, services.value);
  if (!weights.ok) return err({ code: 'invalid-answer', message: weights.error });
  const weightOf = (release: string): number =>
    weights.value.find((one) => one.release === release)?.weight ?? 0;
  const of = [
    { arm: 'canary' as const, release: arms.canary },
    ...(arms.stable === null ? [] : [{ arm: 'stable' as const, release: arms.stable }]),
  ].map(({ arm, release }) => ({ arm, release, service: workloadName(slot, release) }));
  const names = of.map(({ service }) => service);
  const read = await Promise.all(
    statistics.map(async (url) => ({
      url,
      counters: await readStatistics(url, namespace, names, signal),
      at: now(),
    })),
  );
  const answered = read.flatMap(({ url, counters, at }) =>
    counters.ok ? [{ host: new URL(url).host, counters: counters.value, at }] : [],
  );
  const [silent] = read.flatMap(({ counters }) => (counters.ok ? [] : [counters.error]));
  if (answered.length === 0) return err({ code: 'unreachable', message: silent ?? 'no gateway answered' });
  const weight = weightOf(arms.canary) / 100;
  return ok(
    answered.flatMap(({ host, counters, at }) =>
      of.flatMap(({ arm, service }): Sample[] => {
        const counted = counters.get(service);
        // Not known to the gateway: nothing was counted, and nothing is guessed.
        return counted === undefined ? [] : [sampleOf(arm, `${host}/${service}`, at, weight, counted)];
      }),
    ),
  );
}

/**
 * Envoy counts requests at once and adds their times to the histogram when it flushes (each 5 s, unless it flushes on
 * admin requests). A request whose time is not there yet, or never will be because nobody answered it, counts as slow
 * under no bound: it is never said to have been slow without having been measured.
 */
export function sampleOf(
  arm: Sample['arm'],
  pod: string,
  at: number,
  weight: number,
  { requests, errors, buckets, timed }: UpstreamCounters,
): Sample {
  const latencyMs: Record<string, number> = { '+Inf': requests };
  for (const [bound, count] of Object.entries(buckets)) {
    if (bound !== 'Infinity') latencyMs[bound] = Math.max(0, requests - (timed - count));
  }
  return { t: at / 1000, arm, pod, weight, requests, bad: { errors }, latencyMs };
}
