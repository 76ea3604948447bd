import type { PrometheusSource } from '../../core/model/metrics-source.ts';
import type { SlotKey } from '../../core/model/name.ts';
import { err, ok } from '../../core/model/result.ts';
import type { Result } from '../../core/model/result.ts';
import type { QueryClient, QueryError } from './query-client.ts';
import { fillSelector, over, whateverValues, withMatcher } from './selector.ts';

/** What was found about the queries of a source; `path` is a JSON pointer into it. */
export interface SourceFinding {
  readonly severity: 'error' | 'warning';
  readonly path: string;
  readonly message: string;
  readonly fix: string;
}

/**
 * Tries the queries of a source on Prometheus, for the services that it is to count. What it does not understand is an
 * error; what shows no series now is a warning, as the service may not run yet. So is a Prometheus that does not
 * answer: then nothing was tried.
 */
export async function checkSource(
  client: QueryClient,
  source: PrometheusSource,
  slots: readonly SlotKey[],
  signal: AbortSignal,
): Promise<readonly SourceFinding[]> {
  const findings: SourceFinding[] = [];
  for (const slot of slots) {
    for (const query of queriesOf(source)) {
      const found = await checkQuery(client, source, query, slot, signal);
      if (!found.ok) return [...findings, unasked(found.error)];
      findings.push(...found.value);
    }
  }
  // What Prometheus does not understand it does not understand for any service.
  return findings.filter(
    (one, i) =>
      one.severity === 'warning' ||
      findings.findIndex(({ severity, path }) => severity === 'error' && path === one.path) === i,
  );
}

const unasked = (error: QueryError): SourceFinding => ({
  severity: 'warning',
  path: '/url',
  message: `the queries could not be tried: ${error.message}`,
  fix: 'see to it that this server reaches Prometheus; until then metric gates hold',
});

interface Query {
  readonly path: string;
  readonly selector: string;
  /** What must be there for the counter to be told from one that is not counted. */
  readonly evidence: string;
}

const queriesOf = (source: PrometheusSource): readonly Query[] => [
  { path: '/requests', selector: source.requests, evidence: source.requests },
  { path: '/errors', selector: source.errors, evidence: whateverValues(source.errors, source.requests) },
  ...(source.latency === null
    ? []
    : [
        {
          path: '/latency/buckets',
          selector: source.latency.buckets,
          evidence: withMatcher(source.latency.buckets, 'le!=""'),
        },
      ]),
  ...(source.started === null
    ? []
    : [{ path: '/started', selector: source.started, evidence: source.started }]),
  ...(source.saturation === null
    ? []
    : [{ path: '/saturation', selector: source.saturation, evidence: source.saturation }]),
];

async function checkQuery(
  client: QueryClient,
  source: PrometheusSource,
  query: Query,
  slot: SlotKey,
  signal: AbortSignal,
): Promise<Result<readonly SourceFinding[], QueryError>> {
  const count = async (
    selector: string,
    ...matchers: readonly string[]
  ): Promise<Result<number, QueryError>> => {
    const narrowed = matchers.reduce(withMatcher, fillSelector(selector, slot));
    const answer = await client.query(
      `count(last_over_time(${over(narrowed, source.window)}))`,
      null,
      signal,
    );
    return answer.ok ? ok(Number(answer.value.series[0]?.values[0]?.[1] ?? 0)) : answer;
  };
  const labelled = `${source.release.label}!=""`;
  // The very selector, so that its own values are read too.
  const asked = await count(query.selector);
  if (!asked.ok) return understood(query, asked.error);
  const there = await count(query.evidence);
  if (!there.ok) return there;
  if (there.value === 0) {
    const what = fillSelector(query.evidence, slot);
    return warning(
      query.path,
      `${what} returns no series now`,
      'compare the name and the labels with what Prometheus has, unless the service does not run yet',
    );
  }
  const withRelease = await count(query.evidence, labelled);
  if (!withRelease.ok) return withRelease;
  if (withRelease.value === 0)
    return warning(
      query.path,
      `none of its ${there.value} series has a label ${source.release.label}`,
      'name in release.label the label that tells canary from stable',
    );
  if (source.pod === null) return ok([]);
  const without = await count(query.evidence, labelled, `${source.pod}=""`);
  if (!without.ok) return without;
  return without.value === 0
    ? ok([])
    : warning(
        query.path,
        `${without.value} of its series have no label ${source.pod}`,
        'name in pod the label that tells the processes apart that count',
      );
}

const warning = (path: string, message: string, fix: string): Result<readonly SourceFinding[], never> =>
  ok([{ severity: 'warning', path, message, fix }]);

function understood(query: Query, error: QueryError): Result<readonly SourceFinding[], QueryError> {
  if (error.code !== 'bad-query') return err(error);
  return ok([
    {
      severity: 'error',
      path: query.path,
      message: `Prometheus does not understand it: ${error.message}`,
      fix: 'mend the selector',
    },
  ]);
}
