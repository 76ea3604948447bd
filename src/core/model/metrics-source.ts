import { z } from 'zod';
import { Duration } from './time.ts';

/** The name of a label in Prometheus' data model. */
const LabelName = z
  .string()
  .regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/, 'expected the name of a label')
  .max(100);

/** One label matcher as PromQL writes it; the value in double quotes. */
const matcher = String.raw`[a-zA-Z_][a-zA-Z0-9_]*\s*(?:=~|!~|!=|=)\s*"(?:[^"\\\n]|\\.)*"`;
const selector = new RegExp(
  String.raw`^[a-zA-Z_:][a-zA-Z0-9_:]*(?:\{\s*(?:${matcher}(?:\s*,\s*${matcher})*)?\s*\})?$`,
);

/**
 * A PromQL vector selector and nothing else: raw counters are read, so a function such as `rate` has no place here.
 * `${project}`, `${environment}` and `${service}` stand for the slot's names.
 */
const Selector = z
  .string()
  .max(1_000)
  .regex(
    selector,
    'expected a counter as a selector such as http_requests_total{service="${service}"}: no function, no range',
  );

/** A text of a form, about which a complaint never repeats what was written: it may be a secret. */
const confidentially = (form: RegExp, message: string) =>
  z
    .string()
    .max(500)
    .refine((text) => form.test(text), message)
    .meta({ pattern: form.source });

/** By reference: a value does not fit into this form. */
const SecretReference = confidentially(
  /^file:[A-Za-z0-9_][A-Za-z0-9._-]{0,200}$/,
  'expected a reference file:NAME to a file in the server’s secrets folder, never the secret itself',
);

const Authentication = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('bearer'),
    token: SecretReference.describe('The token, as file:NAME in the server’s secrets folder.'),
  }),
  z.strictObject({
    type: z.literal('basic'),
    username: z
      .string()
      .min(1)
      .max(200)
      .regex(/^[^:]*$/, 'expected a user name without a colon'),
    password: SecretReference.describe('The password, as file:NAME in the server’s secrets folder.'),
  }),
]);
export type MetricsAuthentication = z.infer<typeof Authentication>;

const edge = 'project="${project}",environment="${environment}",service="${service}"';

const atLeast = (ms: number, text: string) =>
  [(value: number) => value >= ms, `expected at least ${text}`] as const;
const atMost = (ms: number, text: string) =>
  [(value: number) => value <= ms, `expected at most ${text}`] as const;

/** Samples from a Prometheus that scrapes whatever counts the requests. The defaults are what Belay’s own edge exports. */
export const PrometheusSource = z.strictObject({
  source: z.literal('prometheus'),
  url: confidentially(
    /^https?:\/\/[^\s/?#@]+(\/[^\s?#@]*)?$/,
    'expected http(s)://HOST[:PORT][/PREFIX], without a user, a query or a fragment',
  ).describe('Where its HTTP API is, without /api/v1. Redirects are not followed.'),
  authentication: Authentication.optional().describe('Without it no credentials are sent.'),
  timeout: Duration.refine(...atLeast(100, '100ms'))
    .refine(...atMost(30_000, '30s'))
    .default(2_000)
    .describe('How long one query may take.'),
  every: Duration.refine(...atMost(300_000, '5m'))
    .default(5_000)
    .describe('How often it is asked at most, while a rollout is compared.'),
  window: Duration.refine(...atLeast(2_000, '2s'))
    .refine(...atMost(3_600_000, '1h'))
    .default(120_000)
    .describe(
      'How far back each query looks: several scrape intervals, and longer than an outage to be bridged.',
    ),
  requests: Selector.default(`belay_edge_requests_total{${edge}}`).describe(
    'Counter of requests: a selector, in which ${project}, ${environment} and ${service} are filled in.',
  ),
  errors: Selector.default(`belay_edge_errors_total{${edge}}`).describe(
    'Counter of failed requests, of the same scrape targets.',
  ),
  latency: z
    .strictObject({
      buckets: Selector.describe('Buckets of a classic histogram: the series with the label le.'),
      unit: z.enum(['seconds', 'milliseconds']).default('seconds').describe('The unit of le.'),
    })
    .nullable()
    .default({
      buckets: `belay_edge_request_duration_milliseconds_bucket{${edge}}`,
      unit: 'milliseconds',
    })
    .describe('null where latency is not measured.'),
  started: Selector.nullable()
    .default(`belay_edge_upstream_start_time_seconds{${edge}}`)
    .describe(
      'Gauge with the time in seconds at which a counting process began, such as process_start_time_seconds{…}, or a counter’s _created series: then a new process counts from its first request on. null where there is none.',
    ),
  saturation: Selector.nullable()
    .default(null)
    .describe(
      'Gauge that says how full a process is, such as nodejs_eventloop_utilization{…} or one made by a recording rule; of several series the highest counts. null where there is none.',
    ),
  release: z
    .strictObject({
      label: LabelName.default('release'),
      value: z
        .string()
        .max(200)
        .refine(
          (value) => /\$\{(release|arm|workload)\}/.test(value),
          'expected ${release}, ${workload} or ${arm} in it: canary and stable could not be told apart',
        )
        .default('${release}')
        .describe(
          'May hold ${release}, ${workload} (the name of its Service, where the driver is kubernetes), ${arm} (canary or stable), ${project}, ${environment}, ${service}.',
        ),
    })
    .prefault({})
    .describe('The label that tells canary from stable, and its value.'),
  pod: LabelName.nullable()
    .default('pod')
    .describe(
      'The label that tells apart the processes that count: the service’s pods, or the gateway’s where only it counts. null where one process counts all.',
    ),
});
export type PrometheusSource = z.infer<typeof PrometheusSource>;
