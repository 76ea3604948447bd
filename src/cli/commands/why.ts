import { formatDuration } from '../../core/model/time-format.ts';
import type { WhyAnswer } from '../../server/schemas-why.ts';
import { changesOf } from '../changes.ts';
import type { ApiClient } from '../client.ts';
import { connect } from '../connect.ts';
import type { OutputFormat } from '../output-formats.ts';
import { printObject } from '../output.ts';
import { pipelineHeads, type StageHead, stagesOf } from '../pipelines.ts';
import type { ConnectionOptions } from '../settings.ts';
import { findService } from '../targets.ts';
import { dataColour, printable, printData, sayNext } from '../terminal.ts';

type Promotion = WhyAnswer['slots'][number]['promotions'][number];

interface WhyOptions extends ConnectionOptions {
  readonly environment?: string;
  readonly output?: OutputFormat;
  readonly watch: boolean;
}

/** Prints why a service does not move: one sentence, then every other unmet condition, then each environment. */
export async function why(target: string, options: WhyOptions): Promise<void> {
  const client = await connect(options);
  const { project, service } = await findService(client, target);
  const ask = async (): Promise<WhyAnswer> =>
    client.glance<WhyAnswer>(
      '/v1/why',
      { project, service, environment: options.environment },
      'sentence',
      'waits',
      'slots',
    );
  if (!options.watch) {
    const answer = await ask();
    await print(answer, options.output, false);
    if (options.output === undefined) sayWhatWasKept(answer, options.environment);
    if (options.output === undefined && answer.slots.every((slot) => slot.promotions.length === 0))
      await sayWhatIsNext(client, answer);
    return;
  }
  let told = '';
  for await (const _ of changesOf(client, { project, service }, new AbortController().signal)) {
    const answer = await ask();
    const state = JSON.stringify([
      answer.waits.map((w) => w.sentence),
      answer.slots.map((s) => s.promotions.map((p) => [p.state, p.weight])),
    ]);
    if (state !== told) await print(answer, options.output, true);
    told = state;
  }
}

async function print(answer: WhyAnswer, format: OutputFormat | undefined, watching: boolean): Promise<void> {
  if (format === 'json' && watching) return printData(JSON.stringify(answer));
  if (format === 'json' || format === 'yaml') return printObject(format, answer);
  if (format === 'name') {
    for (const slot of answer.slots) for (const p of slot.promotions) printData(`promotion/${p.id}`);
    return;
  }
  for (const line of whyLines(answer)) printData(line);
}

/** A release that was turned back last has said something before it was removed. */
function sayWhatWasKept(answer: WhyAnswer, environment: string | undefined): void {
  for (const slot of answer.slots)
    if (slot.lastEnd?.diagnostics === true)
      sayNext(
        `belay diagnostics ${answer.service}${answer.slots.length > 1 || environment !== undefined ? ` --environment ${slot.environment}` : ''}`,
      );
}

/** Nothing is on its way: the stages that what is stable could go on to. */
async function sayWhatIsNext(client: ApiClient, answer: WhyAnswer): Promise<void> {
  const heads = await pipelineHeads(client, answer.project);
  const pipelines = heads.filter((pipeline) => pipeline.service === answer.service);
  for (const pipeline of pipelines)
    for (const { release, stage } of openRoads(stagesOf(pipeline), answer))
      sayNext(
        `belay promote ${release} --stage ${stage}${pipelines.length > 1 ? ` --pipeline ${pipeline.name}` : ''}`,
      );
}

/**
 * The releases that could be asked for in a stage: stable in all stages before it, and neither stable there nor the
 * last to have ended there.
 */
function openRoads(
  stages: readonly StageHead[],
  answer: WhyAnswer,
): readonly { readonly release: string; readonly stage: string }[] {
  const slotIn = (environment: string | undefined): WhyAnswer['slots'][number] | undefined =>
    answer.slots.find((slot) => slot.environment === environment);
  return stages.flatMap((stage) => {
    const before = stage.after.map(
      (name) => slotIn(stages.find((one) => one.name === name)?.environment)?.stable?.release,
    );
    const [release, ...others] = new Set(before);
    const here = slotIn(stage.environment);
    return release === undefined ||
      others.length > 0 ||
      here?.stable?.release === release ||
      here?.lastEnd?.release === release
      ? []
      : [{ release, stage: stage.name }];
  });
}

/** The answer for people. */
export function whyLines(answer: WhyAnswer): readonly string[] {
  const lines = [dataColour('bold', printable(answer.sentence)) + '.'];
  const others = answer.waits.slice(1);
  if (others.length > 0) {
    lines.push('', 'Also unmet:');
    for (const wait of others) {
      const gate = wait.gate === null ? '' : ` [${wait.gate}]`;
      lines.push(
        printable(
          `  ${wait.release} in ${wait.stage}${gate}: ${wait.sentence}; for ${formatDuration(answer.at - wait.since)}; ${wait.actor}`,
        ),
      );
    }
  }
  const waived = answer.slots.flatMap((slot) => slot.promotions.flatMap(waiverLines));
  if (waived.length > 0) lines.push('', 'Waived:', ...waived);
  const measured = answer.slots.flatMap((slot) => slot.promotions.flatMap(metricLines));
  if (measured.length > 0) lines.push('', 'Measured:', ...measured);
  const environments = answer.slots.flatMap((slot) => environmentLines(answer, slot));
  if (environments.length > 0) lines.push('', 'Environments:', ...environments);
  return lines;
}

/** What people have let a promotion do without an answer. */
const waiverLines = ({ stage, waivers }: Promotion): readonly string[] =>
  waivers.map(({ sentence }) => printable(`  ${stage}: ${sentence}`));

/** What is compared, metric by metric. */
const metricLines = ({ stage, metrics }: Promotion): readonly string[] =>
  metrics.map(({ gate, sentence }) => printable(`  ${stage} [${gate}]: ${sentence}`));

/** What the headline has not said yet of one environment. */
function environmentLines(answer: WhyAnswer, slot: WhyAnswer['slots'][number]): readonly string[] {
  const said =
    slot.sentence === answer.sentence || (answer.slots.length === 1 && slot.promotions.length === 0);
  const last = slot.lastEnd;
  // That what is stable was promoted goes without saying.
  const known = last?.state === 'promoted' && last.release === slot.stable?.release;
  const ended =
    last === null || known || `${answer.sentence} ${slot.sentence}`.includes(last.sentence)
      ? null
      : last.sentence;
  return [
    ...(said ? [] : [printable(`  ${slot.environment}: ${slot.sentence}`)]),
    ...(ended === null ? [] : [dataColour('dim', printable(`  ${slot.environment}, last: ${ended}`))]),
  ];
}
