import { writeFile } from 'node:fs/promises';
import type { MetricNumbers } from '../../core/analysis/judgement.ts';
import { profileOf, seriesOf } from '../../core/analysis/profile.ts';
import { replay, type Replay, type ReplayDecision } from '../../core/analysis/replay.ts';
import type { Sample } from '../../core/model/observation.ts';
import { counted, formatArm, formatCount, formatPoints, formatSeries } from '../../core/report/numbers.ts';
import { CliFailure, usage } from '../failure.ts';
import { readRecording, type Recording } from '../recorded-samples.ts';
import { replayChart } from '../replay-chart.ts';
import { readGate, usualGate } from '../replay-gate.ts';
import { printable, printData } from '../terminal.ts';

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
  if (file === '-' && options.history === '-')
    throw usage('the samples or their history come from stdin, not both');
  const recording = await readRecording(file);
  refuseUncounted(recording);
  const history = options.history === undefined ? null : await readRecording(options.history);
  if (history !== null) refuseHistory(history, recording);
  const gate = options.gate === undefined ? usualGate(recording) : await readGate(options.gate, recording);
  const played = replay(byArm(recording), history === null ? [] : byArm(history), profileOf(gate));
  const { svg } = options;
  if (svg !== undefined) {
    await writeFile(svg, replayChart(played)).catch((error: unknown) => {
      throw new CliFailure('error', `cannot write ${svg}: ${(error as Error).message}`);
    });
  }
  if (options.output === 'json') printData(JSON.stringify(played));
  else for (const line of told(played)) printData(printable(line));
}

function refuseUncounted({ name, counted: names }: Recording): void {
  if (names.size > 0 && !names.has('errors'))
    throw new CliFailure(
      'error',
      `${name}: errors are counted as bad.errors, and there is only bad.${[...names].join(', bad.')}`,
    );
}

/** A history is of stable, and ends before the samples begin: what is older than a pod's last sample would be dropped. */
function refuseHistory(history: Recording, { span: [first] }: Recording): void {
  if (history.arms.canary.pods.size > 0)
    throw new CliFailure('error', `${history.name}: a history holds stable pods, not a canary`);
  const [, last] = history.span;
  if (last > first)
    throw new CliFailure(
      'error',
      `${history.name}: a history ends before the samples begin; it goes on to t = ${last}, and they begin at ${first}`,
    );
}

/** Pods are told apart by arm and name; the analysis knows names alone. */
const byArm = ({ samples }: Recording): Iterable<Sample> => ({
  *[Symbol.iterator]() {
    for (const sample of samples) yield { ...sample, pod: `${sample.arm}/${sample.pod}` };
  },
});

/** A replay for people: when it moved or waited for something else, and the numbers that it ended with. */
function told({ decisions, final }: Replay): readonly string[] {
  const { move, t, reason } = final;
  const turns = decisions.filter((one, i) => {
    const before = decisions[i - 1];
    return before === undefined || kindOf(one) !== kindOf(before);
  });
  const end = decisions.find((one) => one.t === t);
  return [
    ...turns.map((one) => `${String(one.t).padStart(8)} s  ${sentence(one)}`),
    `final: ${move}${t === null ? '' : ` at ${t} s`} (${reason.code})`,
    ...(end?.metrics ?? []).map((numbers) => `  ${numbersLine(numbers)}`),
  ];
}

/** What goes on is told once, whatever its numbers do meanwhile. */
const kindOf = ({ move, reason }: ReplayDecision): string =>
  `${move} ${reason.code} ${'series' in reason ? reason.series : ''}`;

function sentence({ move, reason }: ReplayDecision): string {
  if ('missing' in reason) {
    const [half, most] = reason.missing.requests;
    const { seconds } = reason.missing;
    const time =
      seconds === null ? '' : `, ${Math.ceil(seconds[0] / 60)} to ${Math.ceil(seconds[1] / 60)} minutes`;
    return `${move}  ${reason.code}: ${formatSeries(reason.series)}, about ${formatCount(half)} to ${counted(most, 'canary request')} more${time}`;
  }
  if ('excess' in reason)
    return `${move}  ${reason.code}: ${formatSeries(reason.series)}, ${formatPoints(reason.excess)} above stable`;
  return `${move}  ${reason.code}${'series' in reason ? `: ${formatSeries(reason.series)}` : ''}`;
}

/** What was counted at the weight, and how much worse the canary is over the rollout. */
function numbersLine({ metric, canary, stable, bounds: [lower, upper], margin }: MetricNumbers): string {
  return (
    `${formatSeries(seriesOf(metric))}: canary ${formatArm(canary)}, stable ${formatArm(stable)}; ` +
    `difference ${formatPoints(lower, 'down')} to ${formatPoints(upper, 'up')}, margin ${formatPoints(margin)}`
  );
}
