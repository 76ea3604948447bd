import { createReadStream } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { parse } from 'yaml';
import { profileOf } from '../../core/analysis/profile.ts';
import { replay, type ReplayDecision } from '../../core/analysis/replay.ts';
import { AnalysisProfile } from '../../core/model/gate.ts';
import { Sample } from '../../core/model/observation.ts';
import { CliFailure, usage } from '../failure.ts';
import { replayChart } from '../replay-chart.ts';
import { printable, printData, say } from '../terminal.ts';

interface ReplayOptions {
  readonly history?: string;
  readonly gate?: string;
  readonly output?: string;
  readonly svg?: string;
}

/** Plays recorded samples through a gate. The decisions are the data. */
export async function replayAnalysis(file: string, options: ReplayOptions): Promise<void> {
  if (options.output !== undefined && options.output !== 'json')
    throw usage(`there is no output format ${options.output} for analysis replay; there is json`);
  const samples = await readSamples(file);
  if (samples.length === 0) throw new CliFailure('error', `${file} holds no samples`);
  const counted = new Set(samples.flatMap(({ bad }) => Object.keys(bad)));
  if (counted.size > 0 && !counted.has('errors'))
    throw new CliFailure(
      'error',
      `${file}: errors are counted as bad.errors, and there is only bad.${[...counted].join(', bad.')}`,
    );
  const history = options.history === undefined ? [] : await readSamples(options.history);
  if (options.history !== undefined) refuseHistory(options.history, history, samples);
  const written =
    options.gate === undefined ? usualProfile(file, samples) : await readProfile(options.gate, samples);
  const nameOf = podNames([...samples, ...history]);
  const played = replay(samples.map(nameOf), history.map(nameOf), profileOf(written));
  const { svg } = options;
  if (svg !== undefined) {
    await writeFile(svg, replayChart(played)).catch((error: unknown) => {
      throw new CliFailure('error', `cannot write ${svg}: ${(error as Error).message}`);
    });
  }
  if (options.output === 'json') {
    printData(JSON.stringify(played));
    return;
  }
  let before = '';
  for (const decision of played.decisions) {
    const line = sentence(decision);
    // A hold that goes on is told once.
    if (line !== before) printData(printable(`${String(decision.t).padStart(8)} s  ${line}`));
    before = line;
  }
  const { move, t, reason } = played.final;
  printData(printable(`final: ${move}${t === null ? '' : ` at ${t} s`} (${reason.code})`));
}

/** A history is of stable, and ends before the samples begin: what is older than a pod's last sample would be dropped. */
function refuseHistory(file: string, history: readonly Sample[], samples: readonly Sample[]): void {
  if (history.some(({ arm }) => arm === 'canary'))
    throw new CliFailure('error', `${file}: a history holds stable pods, not a canary`);
  const last = history.reduce((most, { t }) => Math.max(most, t), -Infinity);
  const first = samples.reduce((least, { t }) => Math.min(least, t), Infinity);
  if (last > first)
    throw new CliFailure(
      'error',
      `${file}: a history ends before the samples begin; it goes on to t = ${last}, and they begin at ${first}`,
    );
}

/** Pods are told apart by arm and name; the analysis knows names alone. */
function podNames(samples: readonly Sample[]): (sample: Sample) => Sample {
  const [canary, stable] = (['canary', 'stable'] as const).map(
    (arm) => new Set(samples.filter((one) => one.arm === arm).map(({ pod }) => pod)),
  );
  const isShared = [...(canary ?? [])].some((pod) => stable?.has(pod));
  return (sample) => (isShared ? { ...sample, pod: `${sample.arm}/${sample.pod}` } : sample);
}

/** Reads samples, one JSON object a line; whatever is wrong names the file and the line. */
async function readSamples(file: string): Promise<readonly Sample[]> {
  const samples: Sample[] = [];
  let number = 0;
  try {
    for await (const line of createInterface({
      input: createReadStream(file, 'utf8'),
      crlfDelay: Infinity,
    })) {
      number += 1;
      if (line.trim() === '') continue;
      // Some editors begin a file with a byte order mark.
      const text = number === 1 ? line.replace(/^\uFEFF/, '') : line;
      samples.push(sampleOf(text, `${file}:${number}`));
    }
  } catch (error) {
    if (error instanceof CliFailure) throw error;
    throw usage(`cannot read ${file}: ${(error as Error).message}`);
  }
  return samples;
}

function sampleOf(line: string, place: string): Sample {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch (error) {
    throw new CliFailure('error', `${place}: not JSON: ${(error as Error).message}`);
  }
  const read = WrittenSample.safeParse(json);
  if (!read.success) throw new CliFailure('error', `${place}: ${issueOf(read.error)}`);
  const { started, ready, latencyMs, ...sample } = read.data;
  const bounds = Object.entries(latencyMs);
  if (bounds.length > 0 && !('+Inf' in latencyMs))
    throw new CliFailure('error', `${place}: latencyMs: +Inf is missing, the count of all requests`);
  return {
    ...sample,
    // "250" and "250.0" are one bound.
    latencyMs: Object.fromEntries(
      bounds.map(([bound, count]) => [bound === '+Inf' ? bound : String(Number(bound)), count]),
    ),
    ...(typeof started === 'number' ? { started } : {}),
    ...(typeof ready === 'number' ? { ready } : {}),
  };
}

/** Writers that have no start or no readiness of a pod leave it out, or write null. */
const WrittenSample = Sample.extend({
  started: Sample.shape.started.nullable(),
  ready: Sample.shape.ready.nullable(),
});

function issueOf(error: {
  readonly issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[];
}): string {
  const [issue] = error.issues;
  const path = issue?.path.map(String).join('.') ?? '';
  return `${path === '' ? '' : `${path}: `}${issue?.message ?? 'not as expected'}`;
}

/** The latency bounds that every sample shows which has a latency, rising. One without must not hide what others show. */
function boundsOf(samples: readonly Sample[]): readonly number[] {
  const measured = samples.filter(({ latencyMs }) => '+Inf' in latencyMs);
  let shared: readonly string[] = Object.keys(measured[0]?.latencyMs ?? {});
  for (const { latencyMs } of measured) shared = shared.filter((bound) => bound in latencyMs);
  return shared
    .filter((bound) => bound !== '+Inf')
    .map(Number)
    .sort((a, b) => a - b);
}

/** Without a gate: the defaults, on what the file measures. */
function usualProfile(file: string, samples: readonly Sample[]): AnalysisProfile {
  const usual = AnalysisProfile.parse({});
  const bounds = boundsOf(samples);
  if (usual.latency === null || bounds.includes(usual.latency.aboveMs)) return usual;
  const fitting = bounds.filter(Number.isInteger);
  const aboveMs = fitting.find((bound) => bound >= 250) ?? fitting.at(-1);
  if (aboveMs === undefined) {
    say(`${file} has no latency; errors alone decide`);
    return { ...usual, latency: null };
  }
  say(`${file} has no latency bound of 250 ms; requests slower than ${aboveMs} ms count`);
  return { ...usual, latency: { ...usual.latency, aboveMs } };
}

async function readProfile(file: string, samples: readonly Sample[]): Promise<AnalysisProfile> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw usage(`cannot read ${file}: ${(error as Error).message}`);
  });
  let document: unknown;
  try {
    document = parse(text) ?? {};
  } catch (error) {
    throw new CliFailure('error', `${file}: ${(error as Error).message}`);
  }
  const read = AnalysisProfile.safeParse(document);
  if (!read.success)
    throw new CliFailure(
      'error',
      `${file}: ${issueOf(read.error)}; one metric gate is expected, its fields (errors, latency, alpha, …) at the top`,
    );
  const { latency } = read.data;
  const bounds = boundsOf(samples);
  if (latency !== null && !bounds.includes(latency.aboveMs))
    throw new CliFailure(
      'error',
      `${file}: latency.aboveMs: no bound of ${latency.aboveMs} ms in the samples; there are ${bounds.join(', ') || 'none'}`,
    );
  return read.data;
}

function sentence({ move, reason }: ReplayDecision): string {
  if ('missing' in reason) {
    const [half, most] = reason.missing.requests;
    const { seconds } = reason.missing;
    const time =
      seconds === null ? '' : `, ${Math.ceil(seconds[0] / 60)} to ${Math.ceil(seconds[1] / 60)} minutes`;
    return `${move}  ${reason.code}: ${reason.series} needs about ${half} to ${most} canary requests more${time}`;
  }
  if ('excess' in reason)
    return `${move}  ${reason.code}: ${reason.series} ${(100 * reason.excess).toFixed(2)} points above stable`;
  return `${move}  ${reason.code}${'series' in reason ? `: ${reason.series}` : ''}`;
}
