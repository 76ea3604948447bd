import { createReadStream } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { parse } from 'yaml';
import { profileOf } from '../../core/analysis/sequential/profile.ts';
import { replay, type ReplayDecision } from '../../core/analysis/sequential/replay.ts';
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
  const history = options.history === undefined ? [] : await readSamples(options.history);
  const canary = history.findIndex(({ arm }) => arm === 'canary');
  if (canary >= 0)
    throw new CliFailure('error', `${options.history}: a history holds stable pods, not a canary`);
  const written =
    options.gate === undefined ? usualProfile(file, samples) : await readProfile(options.gate, samples);
  const played = replay(samples, history, profileOf(written));
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
      samples.push(sampleOf(line, `${file}:${number}`));
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
  const read = Sample.safeParse(json);
  if (read.success) return read.data;
  throw new CliFailure('error', `${place}: ${issueOf(read.error)}`);
}

function issueOf(error: {
  readonly issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[];
}): string {
  const [issue] = error.issues;
  const path = issue?.path.map(String).join('.') ?? '';
  return `${path === '' ? '' : `${path}: `}${issue?.message ?? 'not as expected'}`;
}

/** The latency bounds that every sample shows, rising. */
function boundsOf(samples: readonly Sample[]): readonly number[] {
  let shared: readonly string[] = Object.keys(samples[0]?.latencyMs ?? {});
  for (const { latencyMs } of samples) shared = shared.filter((bound) => bound in latencyMs);
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
  if (!read.success) throw new CliFailure('error', `${file}: ${issueOf(read.error)}`);
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
