import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

const Ready = z.object({ url: z.string(), token: z.string().nullable(), verifierKey: z.string() });

/** How a server is started. `entry` is a file of this folder that starts one with something broken on purpose. */
export interface ServerOptions {
  readonly databaseUrl: string;
  readonly data: string;
  readonly agents: string;
  readonly port?: number;
  readonly entry?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

/** A server as a process of its own. */
export interface ServerProcess {
  readonly url: string;
  /** The first admin token, at the start that made it. */
  readonly token: string | null;
  readonly verifierKey: string;
  readonly pid: number;
  readonly child: ChildProcess;
  /** Resolves with the signal or exit code that ended it, and when (performance.now()). */
  readonly ended: Promise<{ readonly by: string; readonly at: number }>;
  /** Ends it: SIGTERM waits for what is in hand, SIGKILL does not. Resolves when it is gone. */
  stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
}

/** Why a server did not start: what it said on stderr. */
export class NotStarted extends Error {
  override readonly name = 'NotStarted';
}

/** Starts a server and resolves when it is ready; throws NotStarted with what it said if it ends before. */
export async function startServerProcess(options: ServerOptions): Promise<ServerProcess> {
  const entry = options.entry ?? '../src/app/server-main.ts';
  const child = fork(fileURLToPath(new URL(entry, import.meta.url)), [], {
    env: {
      PATH: process.env['PATH'] ?? '',
      BELAY_DATABASE_URL: options.databaseUrl,
      BELAY_DATA: options.data,
      BELAY_AGENTS: options.agents,
      BELAY_PORT: String(options.port ?? 0),
      BELAY_LOG_LEVEL: 'warn',
      BELAY_FOLLOW_PARENT: 'true',
      ...options.environment,
    },
    execArgv: ['--disable-warning=ExperimentalWarning'],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-20_000);
    if (process.env['E2E_LOUD'] === 'true') process.stderr.write(text);
  });
  const ended = new Promise<{ by: string; at: number }>((resolve) => {
    child.once('exit', (code, signal) => resolve({ by: signal ?? String(code), at: performance.now() }));
  });
  const [message] = (await Promise.race([once(child, 'message'), once(child, 'close')])) as [unknown];
  const ready = Ready.safeParse(message);
  if (!ready.success || child.pid === undefined) throw new NotStarted(said);
  return {
    ...ready.data,
    pid: child.pid,
    child,
    ended,
    stop: async (signal) => {
      child.kill(signal);
      await ended;
    },
  };
}
