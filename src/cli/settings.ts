import { chmod, mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

import type { Config, Context } from './configuration.ts';
import { CliFailure, usage } from './failure.ts';
import { readStdin } from './terminal.ts';

/** What every command that talks to a server takes. */
export interface ConnectionOptions {
  readonly context?: string;
  readonly server?: string;
  readonly tokenFile?: string;
  readonly project?: string;
  readonly requestTimeout?: string;
}

/** Which server, as whom, in which project. */
export interface Settings {
  readonly url: string;
  readonly token: string | null;
  readonly project: string | null;
  /** The name of the context, or where the address came from; printed before mutations. */
  readonly origin: string;
  readonly requestTimeoutMs: number;
}

/** `$XDG_CONFIG_HOME/belay/config.yaml`, by default in `~/.config`. */
export function configPath(): string {
  const base = process.env['XDG_CONFIG_HOME'];
  const folder = base !== undefined && base.startsWith('/') ? base : join(homedir(), '.config');
  return join(folder, 'belay', 'config.yaml');
}

/** The configuration; empty where there is no file. */
export async function readConfig(): Promise<Config> {
  const path = configPath();
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new CliFailure('error', `cannot read ${path}: ${(error as Error).message}`);
  });
  if (text === null) return { contexts: {} };
  // Without a file, neither is needed: loading them would be most of a command that only looks.
  const [{ parse }, { Config }] = await Promise.all([import('yaml'), import('./configuration.ts')]);
  const parsed = Config.safeParse(parseOrFail(path, () => parse(text) as unknown) ?? {});
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new CliFailure('error', `${path}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not valid'}`);
}

function parseOrFail(path: string, parse: () => unknown): unknown {
  try {
    return parse();
  } catch (error) {
    throw new CliFailure('error', `${path} is not valid YAML: ${(error as Error).message}`);
  }
}

/** Writes the configuration so that only its owner can read it, all or nothing. */
export async function writeConfig(config: Config): Promise<void> {
  const path = configPath();
  const { stringify } = await import('yaml');
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${process.pid}`;
  await writeFile(temporary, stringify(config), { mode: 0o600 });
  await chmod(temporary, 0o600);
  await rename(temporary, path);
}

/** Flags before environment before configuration. A token never comes from a flag's value. */
export async function resolveSettings(options: ConnectionOptions): Promise<Settings> {
  const config = await readConfig();
  const name = options.context ?? process.env['BELAY_CONTEXT'] ?? config.current;
  const context = name === undefined ? undefined : config.contexts[name];
  if (name !== undefined && context === undefined) {
    const known = Object.keys(config.contexts);
    throw usage(
      `there is no context ${name}${known.length === 0 ? '' : `; there is ${known.join(', ')}`}`,
      'belay context list',
    );
  }
  const chosen = options.server ?? (options.context === undefined ? process.env['BELAY_URL'] : undefined);
  const url = chosen ?? context?.url;
  if (url === undefined) {
    throw new CliFailure('usage', 'no server is known', [
      'belay up                      starts one for your own work',
      'export BELAY_URL=… BELAY_TOKEN=…',
      'belay context set NAME --server URL --token-stdin',
    ]);
  }
  if (!/^https?:\/\//.test(url)) throw usage(`${url} is no http or https address`);
  // A token of a context is for that context's server, and goes to no other.
  const own = chosen === undefined || sameOrigin(chosen, context?.url) ? context : undefined;
  return {
    url: url.replace(/\/+$/, ''),
    token: await resolveToken(options, own),
    project: options.project ?? process.env['BELAY_PROJECT'] ?? context?.project ?? null,
    origin:
      chosen === undefined
        ? `context ${name ?? ''}`
        : options.server === undefined
          ? 'BELAY_URL'
          : '--server',
    requestTimeoutMs: options.requestTimeout === undefined ? 15_000 : milliseconds(options.requestTimeout),
  };
}

const sameOrigin = (a: string, b: string | undefined): boolean =>
  b !== undefined && URL.canParse(a) && URL.canParse(b) && new URL(a).origin === new URL(b).origin;

async function resolveToken(
  options: ConnectionOptions,
  context: Context | undefined,
): Promise<string | null> {
  if (options.tokenFile !== undefined) return readToken(options.tokenFile);
  const fromEnvironment = process.env['BELAY_TOKEN'];
  if (fromEnvironment !== undefined && fromEnvironment !== '') return fromEnvironment.trim();
  if (context?.token !== undefined) return context.token;
  return context?.tokenFile === undefined ? null : readToken(context.tokenFile);
}

/** A token out of a file, or out of stdin with `-`. */
export async function readToken(file: string): Promise<string> {
  const text =
    file === '-'
      ? await readStdin()
      : await readFile(file, 'utf8').catch((error: unknown) => {
          throw new CliFailure(
            'notAllowed',
            `cannot read the token from ${file}: ${(error as Error).message}`,
          );
        });
  const token = text.trim();
  if (token === '' || /\s/.test(token)) throw new CliFailure('notAllowed', `${file} holds no token`);
  return token;
}

/** Whether others than its owner can read a file; null where there is none. */
export async function readableByOthers(path: string): Promise<boolean | null> {
  const found = await stat(path).catch(() => null);
  return found === null ? null : (found.mode & 0o077) !== 0;
}

const units: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A time given on the command line, `30s` or `5m`, in milliseconds. */
export function milliseconds(text: string): number {
  if (!/^(\d+(ms|s|m|h|d))+$/.test(text)) throw usage(`${text} is no time; write 30s, 5m or 1h30m`);
  let total = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)(ms|s|m|h|d)/g)) {
    total += Number(count) * (units[unit ?? ''] ?? 0);
  }
  return total;
}
