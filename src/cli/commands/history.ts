import { formatInstant } from '../../core/model/time-format.ts';
import { HistoryAnswer, type HistoryEntry, type LedgerEvent } from '../../server/schemas-ledger.ts';
import { connect } from '../connect.ts';
import { followEvents } from '../events.ts';
import { usage } from '../failure.ts';
import type { OutputFormat } from '../output-formats.ts';
import { printAnswer } from '../output.ts';
import type { ConnectionOptions } from '../settings.ts';
import { requireService, splitTarget } from '../targets.ts';
import { dataColour, printable, printData, say, sayNext } from '../terminal.ts';

interface HistoryOptions extends ConnectionOptions {
  readonly environment?: string;
  readonly limit: string;
  readonly before?: string;
  readonly output?: OutputFormat;
  readonly watch: boolean;
}

/** Prints what the ledger holds, newest first; with `--watch` what it gets from now on. */
export async function history(target: string | undefined, options: HistoryOptions): Promise<void> {
  const client = await connect(options);
  const { project, name } = target === undefined ? { project: null, name: undefined } : splitTarget(target);
  const query = { project: project ?? client.settings.project, service: name };
  if (options.watch) {
    for await (const event of followEvents(client, query, new AbortController().signal, say))
      printEvent(event, options.output);
    return;
  }
  const answer = await client.get(
    '/v1/history',
    {
      ...query,
      environment: options.environment,
      limit: wholeNumber('--limit', options.limit),
      before: options.before === undefined ? undefined : wholeNumber('--before', options.before),
    },
    HistoryAnswer,
  );
  if (answer.entries.length === 0 && name !== undefined) await requireService(client, project, name);
  await printAnswer<HistoryEntry>(options.output, answer, {
    rows: answer.entries,
    columns: [
      { heading: 'INDEX', cell: (entry) => String(entry.index), wide: true },
      { heading: 'TIME', cell: (entry) => formatInstant(entry.at) },
      { heading: 'STREAM', cell: (entry) => entry.stream },
      { heading: 'SEQ', cell: (entry) => String(entry.seq), wide: true },
      { heading: 'WHAT', cell: (entry) => entry.sentence },
    ],
    name: (entry) => `entry/${entry.index}`,
    empty: 'Nothing has happened yet.',
  });
  if (answer.next !== null && options.output === undefined)
    sayNext(`belay history ${target ?? ''} --before ${answer.next}`.replace('  ', ' '));
}

function printEvent(event: LedgerEvent, format: OutputFormat | undefined): void {
  if (format === 'json') return printData(JSON.stringify(event));
  if (format === 'name') return printData(`entry/${event.index}`);
  printData(`${dataColour('dim', printable(event.stream))}  ${printable(event.sentence)}`);
}

function wholeNumber(flag: string, text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw usage(`${flag} ${text} is no whole number`);
  return Number(text);
}
