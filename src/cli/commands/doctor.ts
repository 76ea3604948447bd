import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { type Examined, failed, passed, skipped } from '../../core/report/examined.ts';
import { WhoAmI } from '../../server/schemas.ts';
import { ApiClient } from '../client.ts';
import { CliFailure } from '../failure.ts';
import type { OutputFormat } from '../output-formats.ts';
import { printObject } from '../output.ts';
import {
  configPath,
  type ConnectionOptions,
  readableByOthers,
  resolveSettings,
  type Settings,
} from '../settings.ts';
import { dataColour, printable, printData } from '../terminal.ts';
import { version } from '../version.ts';

/** More than this between two clocks makes ages and countdowns wrong. */
const mostSkewMs = 5_000;

/** Looks at the installation and at the server, each line with what mends it. */
export async function doctor(options: ConnectionOptions & { readonly output?: OutputFormat }): Promise<void> {
  await report([nodeVersion(), await configFile(), ...(await serverSide(options))], options.output);
}

/** Prints what was looked at; fails where anything of it is not well. */
export async function report(examined: readonly Examined[], output: OutputFormat | undefined): Promise<void> {
  const bad = examined.filter((one) => one.status === 'failed').length;
  if (output === 'json' || output === 'yaml')
    await printObject(output, { version, healthy: bad === 0, examined });
  else for (const one of examined) for (const line of linesOf(one)) printData(line);
  if (bad > 0) throw new CliFailure('error', `${bad} of ${examined.length} failed`);
}

const colours = { passed: 'green', failed: 'red', skipped: 'yellow' } as const;

const linesOf = (one: Examined): readonly string[] => [
  `${dataColour(colours[one.status], one.status.toUpperCase().padEnd(7))}  ${one.name.padEnd(8)}  ${printable(one.found)}`,
  ...(one.fix === null ? [] : [`         next: ${printable(one.fix)}`]),
];

function nodeVersion(): Examined {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const found = `Node ${process.versions.node}, belay ${version}`;
  return major > 24 || (major === 24 && minor >= 15)
    ? passed('node', found)
    : failed('node', found, 'npm ci   brings a Node that is new enough');
}

async function configFile(): Promise<Examined> {
  const path = configPath();
  const open = await readableByOthers(path);
  if (open === null) return skipped('config', `${path} is not there; flags and environment are used`);
  return open
    ? failed('config', `${path} can be read by others and may hold tokens`, `chmod 600 ${path}`)
    : passed('config', path);
}

async function serverSide(options: ConnectionOptions): Promise<readonly Examined[]> {
  let settings: Settings;
  try {
    settings = await resolveSettings(options);
  } catch (error) {
    if (!(error instanceof CliFailure)) throw error;
    return [
      failed('server', error.message, error.next[0] ?? 'belay context list'),
      skipped('token', 'no server'),
    ];
  }
  const client = new ApiClient(settings);
  const alive = await attempt('server', async () => {
    const answer = await client.call('GET', '/healthz');
    answer.resume();
    return `${settings.url} (${settings.origin}) answers; ${skewOf(answer)}`;
  });
  if (alive.status === 'failed') return [alive, skipped('token', 'the server does not answer')];
  return [
    alive,
    await attempt('ready', async () => {
      (await client.call('GET', '/readyz')).resume();
      return 'it is ready to take commands';
    }),
    await attempt('token', async () => {
      const me = await client.get('/v1/whoami', {}, WhoAmI);
      const grants = me.grants.map(
        (grant) =>
          `${grant.project}:${grant.stages === '*' ? '*' : grant.stages.join(',')}:${grant.verbs.join(',')}`,
      );
      return `${me.subject.kind} ${me.subject.id} may ${grants.join(' ') || 'nothing'}`;
    }),
    await attempt('api', async () => {
      const api = await client.get(
        '/v1/openapi.json',
        {},
        z.object({ info: z.object({ version: z.string() }) }),
      );
      return `API version ${api.info.version}`;
    }),
  ];
}

function skewOf(answer: IncomingMessage): string {
  const date = Date.parse(answer.headers.date ?? '');
  if (Number.isNaN(date)) return 'it sends no date';
  const skew = Math.abs(Date.now() - date);
  return skew > mostSkewMs
    ? `its clock and this one differ by ${Math.round(skew / 1000)} s, so ages are off`
    : 'clocks agree';
}

async function attempt(name: string, look: () => Promise<string>): Promise<Examined> {
  try {
    return passed(name, await look());
  } catch (error) {
    if (!(error instanceof CliFailure)) throw error;
    return failed(name, error.message, error.next[0] ?? 'look at the server’s log');
  }
}
