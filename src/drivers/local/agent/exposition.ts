import type { CountersReport } from '../protocol.ts';

/** The counters of one slot, with what identifies it. */
export interface SlotCounters {
  readonly project: string;
  readonly service: string;
  readonly report: CountersReport;
}

const METRICS = {
  requests: [
    'belay_edge_requests_total',
    'counter',
    'Requests that ended, by the process that they were given to.',
  ],
  errors: ['belay_edge_errors_total', 'counter', 'Requests answered with 5xx, not at all, or broken off.'],
  latency: [
    'belay_edge_request_duration_milliseconds',
    'histogram',
    'Time from a request to the end of its answer.',
  ],
  started: [
    'belay_edge_upstream_start_time_seconds',
    'gauge',
    'When the process began, whose counters began at zero with it.',
  ],
  weight: ['belay_edge_weight_percent', 'gauge', 'Share of traffic by the routing table.'],
} as const;

/**
 * All counters in the Prometheus text exposition format 0.0.4. Label values are DNS labels and hex digits, so
 * nothing needs escaping.
 */
export function renderExposition(environment: string, slots: readonly SlotCounters[]): string {
  const lines: Record<keyof typeof METRICS, string[]> = {
    requests: [],
    errors: [],
    latency: [],
    started: [],
    weight: [],
  };
  for (const { project, service, report } of slots) {
    const slot = `project="${project}",environment="${environment}",service="${service}"`;
    for (const { release, weight } of report.weights) {
      lines.weight.push(`${METRICS.weight[0]}{${slot},release="${release}"} ${weight}`);
    }
    for (const upstream of report.upstreams) {
      const labels = `${slot},release="${upstream.release}",pod="${upstream.pod}"`;
      lines.requests.push(`${METRICS.requests[0]}{${labels}} ${upstream.requests}`);
      lines.errors.push(`${METRICS.errors[0]}{${labels}} ${upstream.errors}`);
      lines.started.push(`${METRICS.started[0]}{${labels}} ${upstream.started}`);
      for (const [bound, count] of Object.entries(upstream.latencyMs)) {
        lines.latency.push(`${METRICS.latency[0]}_bucket{${labels},le="${bound}"} ${count}`);
      }
      lines.latency.push(`${METRICS.latency[0]}_sum{${labels}} ${upstream.latencySumMs}`);
      lines.latency.push(`${METRICS.latency[0]}_count{${labels}} ${upstream.requests}`);
    }
  }
  const families = (Object.keys(METRICS) as (keyof typeof METRICS)[]).map((key) => {
    const [name, type, help] = METRICS[key];
    return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines[key]].join('\n');
  });
  return `${families.join('\n')}\n`;
}
