import { writeFile } from 'node:fs/promises';
import { z } from 'zod';
import type { PrometheusSource } from '../../core/model/metrics-source.ts';
import { Name } from '../../core/model/name.ts';
import type { Sample } from '../../core/model/observation.ts';
import { formatDuration, formatInstant } from '../../core/model/time-format.ts';
import { Instant } from '../../core/model/time.ts';
import { createPrometheusMetrics } from '../../drivers/prometheus/metrics.ts';
import { createQueryClient } from '../../drivers/prometheus/query-client.ts';
import type { MetricsHistory } from '../../ports/environment.ts';
import { type MetricsSlot, metricsSlot, type SlotChoice } from '../documents/metrics-slot.ts';
import { CliFailure, usage } from '../failure.ts';
import { milliseconds } from '../settings.ts';
import { printData, say, sayNext } from '../terminal.ts';

interface HistoryOptions extends SlotChoice {
  readonly release: string;
  readonly before?: string;
  readonly out?: string;
  readonly secrets?: string;
  readonly timeout: string;
  readonly output?: string;
}

/** A timer takes no more than some weeks, and nobody waits for that. */
const longestMs = 86_400_000;

/** What `-o json` prints. Times in seconds since 1970, as in the samples. */
interface HistorySummary {
  readonly project: string;
  readonly environment: string;
  readonly service: string;
  readonly release: string;
  readonly before: number;
  readonly samples: number;
  readonly pods: number;
  readonly failures: number;
  readonly ended: MetricsHistory['ended'];
  /** The times of the first and the last sample; null where there are none. */
  readonly first: number | null;
  readonly last: number | null;
  readonly slices: MetricsHistory['slices'];
  /** The file with the samples; null where they went to stdout, or there are none. */
  readonly out: string | null;
}

/** Writes what a release has counted, out of its environment's Prometheus, as `analysis replay --history` reads it. */
export async function analysisHistory(files: readonly string[], options: HistoryOptions): Promise<void> {
  checkOptions(options);
  const before = beforeOf(options.before);
  const limitMs = Math.min(milliseconds(options.timeout), longestMs);
  const found = await metricsSlot(files, options);
  const history = await read(found, options, before, limitMs);
  const summary = summaryOf(found, options, before, history);
  if (summary.samples > 0) await writeSamples(history.samples, options.out);
  if (options.output === 'json') printData(JSON.stringify(summary));
  if (summary.samples === 0) throw nothingRead(found, summary, options.timeout);
  if (options.output === 'json') return;
  say(sentence(summary));
  if (options.out !== undefined) sayNext(`belay analysis replay SAMPLES.ndjson --history ${options.out}`);
}

function checkOptions({ output, out, release, service }: HistoryOptions): void {
  if (output !== undefined && output !== 'json')
    throw usage(`there is no output format ${output} for analysis history; there is json`);
  if (output === 'json' && out === undefined)
    throw usage('with -o json the summary goes to stdout: say where the samples go', '--out FILE');
  for (const [flag, value] of [
    ['--release', release],
    ['--service', service],
  ] as const)
    if (value !== undefined && !Name.safeParse(value).success)
      throw usage(`${flag}: ${value} is no name: expected lower case letters, digits and dashes`);
}

/** In seconds. */
function beforeOf(text: string | undefined): number {
  if (text === undefined) return Date.now() / 1000;
  const instant = Instant.safeParse(text);
  if (!instant.success) throw usage(`--before: ${z.prettifyError(instant.error).split('\n')[0] ?? ''}`);
  if (instant.data > Date.now()) throw usage(`--before: ${text} is still to come; nothing was counted then`);
  return instant.data / 1000;
}

async function read(
  { slot, source, place }: MetricsSlot,
  { release, secrets, timeout }: HistoryOptions,
  before: number,
  limitMs: number,
): Promise<MetricsHistory> {
  const folder = secretsFolder(source, place, secrets);
  const metrics = createPrometheusMetrics(source, createQueryClient(source, folder), () => Date.now());
  const limit = AbortSignal.timeout(limitMs);
  const answer = await metrics.history(slot, { stable: release, before }, limit);
  if (answer.ok) return answer.value;
  if (limit.aborted) throw outOfTime(place, timeout);
  throw new CliFailure('error', `${place}: ${answer.error.message}`, [
    'belay apply --dry-run tries the queries from where the server stands',
  ]);
}

function secretsFolder(source: PrometheusSource, place: string, given: string | undefined): string | null {
  const folder = given ?? process.env['BELAY_SECRETS'];
  if (folder !== undefined && folder !== '') return folder;
  if (source.authentication === undefined) return null;
  throw usage(
    `${place}: this source wants a secret, and no folder of secrets is known`,
    '--secrets FOLDER, or BELAY_SECRETS; of belay up it is the folder secrets in its data',
  );
}

function summaryOf(
  { slot }: MetricsSlot,
  { release, out }: HistoryOptions,
  before: number,
  { samples, slices, ended }: MetricsHistory,
): HistorySummary {
  return {
    ...slot,
    release,
    before,
    samples: samples.length,
    pods: new Set(samples.map(({ pod }) => pod)).size,
    failures: slices.reduce((sum, { bad }) => sum + bad, 0),
    ended,
    first: samples[0]?.t ?? null,
    last: samples.at(-1)?.t ?? null,
    slices,
    out: samples.length === 0 ? null : (out ?? null),
  };
}

/** One sample a line. */
async function writeSamples(samples: readonly Sample[], out: string | undefined): Promise<void> {
  const lines = samples.map((sample) => JSON.stringify(sample)).join('\n');
  if (out === undefined) return printData(lines);
  await writeFile(out, `${lines}\n`).catch((error: unknown) => {
    throw new CliFailure('error', `cannot write ${out}: ${(error as Error).message}`);
  });
}

const endings: Readonly<Record<MetricsHistory['ended'], string>> = {
  'enough-events': 'more failures would teach nothing',
  'whole-span': 'no more than 24 hours are read',
  'enough-samples': 'no more is kept',
  'out-of-time': 'the time for reading was over',
  'unusable-before': 'what Prometheus has from before cannot be used',
};

function sentence(summary: HistorySummary): string {
  const { samples, pods, release, first, last, failures, ended } = summary;
  const span = formatDuration(1000 * ((last ?? 0) - (first ?? 0)));
  const until = formatInstant(1000 * (last ?? 0));
  return `${samples} samples of ${release} from ${pods} ${pods === 1 ? 'pod' : 'pods'}, over ${span} until ${until}, with ${failures} failed requests; ${endings[ended]}`;
}

const outOfTime = (place: string, timeout: string): CliFailure =>
  new CliFailure('timedOut', `${place}: nothing of the history was read within ${timeout}`, [
    'again with a longer --timeout',
  ]);

function nothingRead(
  { slot, source, place }: MetricsSlot,
  { release, slices, ended, before }: HistorySummary,
  timeout: string,
): CliFailure {
  if (ended === 'out-of-time') return outOfTime(place, timeout);
  const { label, value } = source.release;
  const from = formatInstant(1000 * (slices[0]?.from ?? before));
  return new CliFailure(
    'notEnoughData',
    `${place}: Prometheus has no sample of ${release} of ${slot.service} from ${from} to ${formatInstant(1000 * before)}`,
    [`was it stable in ${slot.environment} then? Its series are those whose label ${label} is ${value}`],
  );
}
