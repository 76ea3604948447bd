import { err, ok, type Result } from '../../../core/model/result.ts';
import { workloadName } from '../labels.ts';
import type { SlotTarget } from '../target.ts';
import { parseExposition } from './exposition.ts';
import { fetchText } from './fetch-text.ts';

/** What one gateway process has counted of one Service, since the gateway knows it. */
export interface UpstreamCounters {
  readonly requests: number;
  readonly errors: number;
  /** Cumulative counts by upper bound in milliseconds, of `timed` requests in all. */
  readonly buckets: Readonly<Record<string, number>>;
  readonly timed: number;
  readonly active: number;
  readonly healthy: number;
}

const mostBytes = 8_000_000;
/** Bounds beyond these tell nothing that a gate asks for. */
const largestBoundMs = 60_000;

/**
 * Reads Envoy's counters of Services, by the Services' names. Contour names a cluster's statistics
 * NAMESPACE_SERVICE_PORT (its `alt_stat_name`); what is named otherwise is not found, and so not counted.
 */
export async function readStatistics(
  url: string,
  namespace: string,
  services: readonly string[],
  signal: AbortSignal,
): Promise<Result<ReadonlyMap<string, UpstreamCounters>, string>> {
  // Names are DNS labels: nothing in them has a meaning in a regular expression.
  const filter = `^cluster\\.${namespace}_(${services.join('|')})_[0-9]+\\.(upstream_rq_(completed|5xx|time|active)|membership_healthy)$`;
  const page = `${url.replace(/\/$/, '')}/stats/prometheus?filter=${encodeURIComponent(filter)}`;
  const text = await fetchText(page, mostBytes, signal);
  return text.ok ? ok(countersIn(text.value, namespace, services)) : err(text.error);
}

interface Counting {
  requests: number;
  errors: number;
  readonly buckets: Record<string, number>;
  timed: number;
  active: number;
  healthy: number;
}

/** The counters in a page of statistics. */
export function countersIn(
  text: string,
  namespace: string,
  services: readonly string[],
): ReadonlyMap<string, UpstreamCounters> {
  const found = new Map<string, Counting>();
  for (const { name, labels, value } of parseExposition(text)) {
    const cluster = labels['envoy_cluster_name'] ?? '';
    const service = services.find(
      (one) =>
        cluster.startsWith(`${namespace}_${one}_`) &&
        /^\d+$/.test(cluster.slice(namespace.length + one.length + 2)),
    );
    if (service === undefined) continue;
    const counters = found.get(service) ?? {
      requests: 0,
      errors: 0,
      buckets: {},
      timed: 0,
      active: 0,
      healthy: 0,
    };
    found.set(service, counters);
    count(counters, name, labels, value);
  }
  return found;
}

function count(
  counters: Counting,
  name: string,
  labels: Readonly<Record<string, string>>,
  value: number,
): void {
  switch (name) {
    case 'envoy_cluster_upstream_rq_completed':
      counters.requests = value;
      return;
    case 'envoy_cluster_upstream_rq_xx':
      if (labels['envoy_response_code_class'] === '5') counters.errors = value;
      return;
    case 'envoy_cluster_upstream_rq_time_count':
      counters.timed = value;
      return;
    case 'envoy_cluster_upstream_rq_time_bucket': {
      const bound = Number(labels['le']);
      if (bound <= largestBoundMs) counters.buckets[String(bound)] = value;
      return;
    }
    case 'envoy_cluster_upstream_rq_active':
      counters.active = value;
      return;
    case 'envoy_cluster_membership_healthy':
      counters.healthy = value;
      return;
    default:
  }
}

/** Open requests of a release over all gateways; null where none tells. */
export async function activeRequests(
  target: SlotTarget,
  release: string,
  signal: AbortSignal,
): Promise<number | null> {
  const all = await countersOf(target, release, signal);
  return all.length === 0 ? null : all.reduce((sum, { active }) => sum + active, 0);
}

/** The fewest healthy endpoints of a release that a gateway knows; null where none tells. */
export async function healthyEndpoints(
  target: SlotTarget,
  release: string,
  signal: AbortSignal,
): Promise<number | null> {
  const all = await countersOf(target, release, signal);
  return all.length === 0 ? null : Math.min(...all.map(({ healthy }) => healthy));
}

const nothing: UpstreamCounters = { requests: 0, errors: 0, buckets: {}, timed: 0, active: 0, healthy: 0 };

/** One a gateway that answered; one that does not know the release yet has nothing of it. */
async function countersOf(
  { statistics, namespace, slot }: SlotTarget,
  release: string,
  signal: AbortSignal,
): Promise<readonly UpstreamCounters[]> {
  const name = workloadName(slot, release);
  const read = await Promise.all(statistics.map((url) => readStatistics(url, namespace, [name], signal)));
  return read.flatMap((one) => (one.ok ? [one.value.get(name) ?? nothing] : []));
}
