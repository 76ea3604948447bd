import { formatDuration } from '../../core/model/time-format.ts';
import type { WhyAnswer } from '../../server/schemas.ts';
import { changesOf } from '../changes.ts';
import { connect } from '../connect.ts';
import type { OutputFormat } from '../output-formats.ts';
import { printObject } from '../output.ts';
import type { ConnectionOptions } from '../settings.ts';
import { findService } from '../targets.ts';
import { dataColour, printable, printData } from '../terminal.ts';

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
  if (!options.watch) return print(await ask(), options.output, false);
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
  const environments = answer.slots.flatMap((slot) => environmentLines(answer, slot));
  if (environments.length > 0) lines.push('', 'Environments:', ...environments);
  return lines;
}

/** What the headline has not said yet of one environment. */
function environmentLines(answer: WhyAnswer, slot: WhyAnswer['slots'][number]): readonly string[] {
  const said =
    slot.sentence === answer.sentence || (answer.slots.length === 1 && slot.promotions.length === 0);
  const last = slot.lastEnd;
  const ended =
    last === null || `${answer.sentence} ${slot.sentence}`.includes(last.sentence) ? null : last.sentence;
  return [
    ...(said ? [] : [printable(`  ${slot.environment}: ${slot.sentence}`)]),
    ...(ended === null ? [] : [dataColour('dim', printable(`  ${slot.environment}, last: ${ended}`))]),
  ];
}
