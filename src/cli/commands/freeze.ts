import { z } from 'zod';
import { formatInstant } from '../../core/model/time-format.ts';
import { Instant } from '../../core/model/time.ts';
import type { FreezeView } from '../../server/schemas.ts';
import { FreezeAnswer, FreezeList } from '../../server/schemas-freezes.ts';
import { type ApiClient, apiPath } from '../client.ts';
import { connect, connectToChange } from '../connect.ts';
import { usage } from '../failure.ts';
import type { OutputFormat } from '../output-formats.ts';
import { printAnswer, printObject } from '../output.ts';
import { type ConnectionOptions, milliseconds } from '../settings.ts';
import { printData, say, sayNext } from '../terminal.ts';

interface FreezeOptions extends ConnectionOptions {
  readonly reason?: string;
  readonly for?: string;
  readonly until?: string;
  readonly output?: OutputFormat;
}

/** Holds a scope, or lists what is held. */
export async function freeze(
  scope: string | undefined,
  name: string | undefined,
  options: FreezeOptions,
): Promise<void> {
  if (scope === undefined || scope === 'list') return listFreezes(options);
  if (scope !== 'everything' && scope !== 'project' && scope !== 'environment')
    throw usage(`there is no scope ${scope}; there is everything, project NAME, environment NAME`);
  if (options.reason === undefined || options.reason === '')
    throw usage('say why: --reason TEXT; people who wait will read it');
  const until = untilOf(options);
  const client = await connectToChange(options);
  const request = {
    scope,
    reason: options.reason,
    ...placeOf(client, scope, name),
    ...(until === undefined ? {} : { until }),
  };
  const answer = await client.mutate('POST', '/v1/freezes', request, FreezeAnswer);
  if (options.output === 'json' || options.output === 'yaml') return printObject(options.output, answer);
  printData(`freeze/${answer.id}${options.output === 'name' ? '' : ' frozen'}`);
  for (const effect of answer.inFlight) {
    say(
      `in flight: ${effect.effect} in ${effect.slot.environment}/${effect.slot.service}${effect.promotion === null ? '' : ` for ${effect.promotion}`}`,
    );
  }
  sayNext(`belay unfreeze ${answer.id}`);
}

function placeOf(
  client: ApiClient,
  scope: 'everything' | 'project' | 'environment',
  name: string | undefined,
): { readonly project?: string; readonly environment?: string } {
  if (scope === 'everything') {
    if (name !== undefined) throw usage('everything is everything: leave the name out');
    return {};
  }
  const { project } = client.settings;
  if (scope === 'project') {
    const chosen = name ?? project;
    if (chosen === null) throw usage('say which project: belay freeze project NAME');
    return { project: chosen };
  }
  if (name === undefined) throw usage('say which environment: belay freeze environment NAME');
  if (project === null) throw usage('say which project the environment is of: -n NAME');
  return { project, environment: name };
}

function untilOf(options: FreezeOptions): number | undefined {
  if (options.for !== undefined && options.until !== undefined) throw usage('either --for or --until');
  if (options.for !== undefined) return Date.now() + milliseconds(options.for);
  if (options.until === undefined) return undefined;
  const instant = Instant.safeParse(options.until);
  if (!instant.success) throw usage(`--until: ${z.prettifyError(instant.error).split('\n')[0] ?? ''}`);
  return instant.data;
}

async function listFreezes(options: FreezeOptions): Promise<void> {
  const client = await connect(options);
  const answer = await client.get('/v1/freezes', {}, FreezeList);
  await printAnswer<FreezeView>(options.output, answer, {
    rows: answer.freezes,
    columns: [
      { heading: 'NAME', cell: (f) => f.id },
      { heading: 'SCOPE', cell: scopeText },
      { heading: 'UNTIL', cell: (f) => (f.until === null ? 'unfreeze' : formatInstant(f.until)) },
      { heading: 'BY', cell: (f) => f.by?.id ?? 'calendar' },
      { heading: 'REASON', cell: (f) => f.reason },
    ],
    name: (f) => `freeze/${f.id}`,
    empty: 'Nothing is frozen.',
  });
}

const scopeText = (f: FreezeView): string =>
  [f.scope, f.project, f.environment].filter((part) => part !== null).join(' ');

/** Lifts the freeze that is named, or the only one that there is. */
export async function unfreeze(
  id: string | undefined,
  options: ConnectionOptions & { readonly note: string },
): Promise<void> {
  const client = await connectToChange(options);
  const { freezes } = await client.get('/v1/freezes', {}, FreezeList);
  const liftable = freezes.filter((f) => f.by !== null && (id === undefined || f.id === id));
  const [only, ...others] = liftable;
  if (only === undefined)
    throw usage(
      id === undefined ? 'nothing is frozen by a person' : `there is no freeze ${id}`,
      'belay freeze list',
    );
  if (others.length > 0)
    throw usage(
      'several freezes are there',
      ...liftable.map((f) => `belay unfreeze ${f.id}   ${scopeText(f)}: ${f.reason}`),
    );
  await client.mutate('DELETE', apiPath`/v1/freezes/${only.id}`, undefined, z.unknown(), {
    scope: only.scope,
    project: only.project,
    note: options.note,
  });
  printData(`freeze/${only.id} lifted`);
}
