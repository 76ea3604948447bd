import { Counter, Gauge, Histogram, Registry } from '@prometheus-io/client';

/** A number that is read when somebody scrapes; null leaves it out. */
export interface InjectedGauge {
  readonly name: string;
  readonly help: string;
  readonly read: () => number | null | Promise<number | null>;
}

/** What the server counts of itself, in a registry of its own. */
export interface ServerMetrics {
  /** One answered request. `route` is the pattern, never the path: a path's names would make series without end. */
  answered(method: string, route: string, status: number, seconds: number): void;
  /** Facts that came in by this server's door, by type. */
  recorded(type: string): void;
  /** How many event streams are open. */
  streams(change: 1 | -1): void;
  /** The text exposition of all of it, with its media type. */
  expose(): Promise<{ readonly body: string; readonly contentType: string }>;
}

/** Makes the server's metrics; `gauges` come from whoever puts the server together. */
export function createMetrics(gauges: readonly InjectedGauge[] = []): ServerMetrics {
  const registry = new Registry();
  const registers = [registry];
  const durations = new Histogram({
    name: 'belay_http_request_seconds',
    help: 'Time to answer a request.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
    registers,
  });
  const entries = new Counter({
    name: 'belay_entries_recorded_total',
    help: 'Facts recorded by this server.',
    labelNames: ['type'],
    registers,
  });
  const open = new Gauge({ name: 'belay_event_streams', help: 'Open event streams.', registers });
  for (const gauge of gauges) registerGauge(gauge, registers);
  return {
    answered: (method, route, status, seconds) =>
      durations.observe({ method, route, status: String(status) }, seconds),
    recorded: (type) => entries.inc({ type }),
    streams: (change) => open.inc(change),
    expose: async () => ({ body: await registry.metrics(), contentType: registry.contentType }),
  };
}

function registerGauge(injected: InjectedGauge, registers: Registry[]): void {
  const gauge = new Gauge({
    name: injected.name,
    help: injected.help,
    registers,
    async collect() {
      const value = await injected.read();
      if (value === null) gauge.reset();
      else gauge.set(value);
    },
  });
}
