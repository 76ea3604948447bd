import { formatInstant } from '../../core/model/time-format.ts';
import type { DiagnosticsList, DiagnosticsView } from '../../server/schemas-diagnostics.ts';
import { connect } from '../connect.ts';
import { CliFailure } from '../failure.ts';
import type { OutputFormat } from '../output-formats.ts';
import { printObject } from '../output.ts';
import type { ConnectionOptions } from '../settings.ts';
import { findService, requireService } from '../targets.ts';
import { dataColour, printable, printData } from '../terminal.ts';

interface DiagnosticsOptions extends ConnectionOptions {
  readonly environment?: string;
  readonly release?: string;
  readonly output?: OutputFormat;
}

/** Prints what the release that was turned back last said before it was removed; `-o json` has all that are kept. */
export async function diagnostics(target: string, options: DiagnosticsOptions): Promise<void> {
  const client = await connect(options);
  const { project, service } = await findService(client, target);
  const { environment, release, output } = options;
  const answer = await client.glance<DiagnosticsList>(
    '/v1/diagnostics',
    { project, service, environment, release },
    'diagnostics',
  );
  const [latest] = answer.diagnostics;
  if (latest === undefined) {
    await requireService(client, project, service);
    throw new CliFailure(
      'error',
      `nothing is kept of ${release ?? `a release of ${service} that was turned back`}`,
      [
        `belay why ${service}`,
        'kept are the last log lines and events of releases that were rolled back or never became ready',
      ],
    );
  }
  if (output === 'json' || output === 'yaml') return printObject(output, answer);
  if (output === 'name') {
    for (const one of answer.diagnostics) printData(printable(`promotion/${one.promotion}`));
    return;
  }
  for (const line of linesOf(latest)) printData(line);
}

function linesOf({
  release,
  environment,
  state,
  reason,
  at,
  diagnostics: kept,
}: DiagnosticsView): readonly string[] {
  const head = printable(`${release} in ${environment}, ${state} at ${formatInstant(at)}: ${reason}`);
  if (kept === null) return [dataColour('bold', head), 'What it said was removed by retention.'];
  return [
    dataColour('bold', head),
    ...kept.processes.flatMap(({ name, state: how, restarts, log }) => [
      '',
      printable(
        `${name}: ${how}${restarts === 0 ? '' : `, restarted ${restarts} ${restarts === 1 ? 'time' : 'times'}`}`,
      ),
      ...log.map((line) => dataColour('dim', printable(`  ${line}`))),
    ]),
    ...(kept.events.length === 0 ? [] : ['', 'Events:']),
    ...kept.events.map(({ at: when, about, text }) =>
      printable(`  ${formatInstant(when)}  ${about}  ${text}`),
    ),
    ...(kept.processes.length + kept.events.length === 0
      ? ['', 'None of its processes was there to be asked.']
      : []),
  ];
}
