import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { ShopArtifact } from '../../../examples/shop/build.ts';
import type { Digest } from '../../core/model/digest.ts';
import { type EmbeddedDatabase, startEmbeddedDatabase } from '../embedded-database.ts';
import type { EnvironmentSetting, RolloutPace } from './documents.ts';
import type { Narrator } from './narrator.ts';

export const demoEnvironments = ['staging', 'production'] as const;
export type DemoEnvironment = (typeof demoEnvironments)[number];

/** Where the customers of an environment send to. */
export interface Edge {
  readonly url: string;
  /** The name that they ask for, where the address alone does not say it. */
  readonly host?: string;
}

/** A version in the form in which the stack's environments run it. */
export interface Delivery {
  /** What the release is sealed with. */
  readonly artifact: { readonly name: string; readonly digest: Digest; readonly kind?: 'image' };
  /** What the server is given of it. */
  readonly upload: { readonly digest: Digest; readonly bytes: Uint8Array };
  /** The manifests that run it, by the digest of their bytes. */
  readonly bundle?: Digest;
}

/** What the story is played on: a real server on a real PostgreSQL, and two environments that it takes the shop to. */
export interface Stack {
  readonly folder: string;
  readonly url: string;
  readonly bootstrapToken: string;
  readonly verifierKey: string;
  readonly environments: Readonly<Record<DemoEnvironment, EnvironmentSetting>>;
  readonly pace: RolloutPace;
  readonly edges: Readonly<Record<DemoEnvironment, Edge>>;
  /** The first process of each part; their children are theirs. */
  readonly pids: readonly number[];
  /** Brings what was built to where the environments take it from. */
  deliver(built: ShopArtifact): Promise<Delivery>;
}

/** Things to undo, last first; each once, whatever else fails. */
export class Undo {
  readonly #steps: (() => Promise<void>)[] = [];

  add(step: () => Promise<void>): void {
    this.#steps.push(step);
  }

  /** Undoes everything and returns what could not be undone. */
  async run(): Promise<readonly unknown[]> {
    const problems: unknown[] = [];
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      await step().catch((problem: unknown) => problems.push(problem));
    }
    return problems;
  }
}

/** The demo's own folder; it goes with the demo unless it is kept. */
export async function makeFolder(undo: Undo, keep: boolean): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'belay-demo-'));
  if (!keep) undo.add(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export async function startDatabase(
  undo: Undo,
  narrator: Narrator,
  signal: AbortSignal,
): Promise<EmbeddedDatabase> {
  const started = await startEmbeddedDatabase({ kind: 'temporary' }, signal);
  if (!started.ok)
    throw new Error(`PostgreSQL did not start: ${started.error.message} (${started.error.fix})`);
  const { server } = started.value;
  undo.add(() => server.stop('fast'));
  narrator.done(`postgres     ${server.version}, 127.0.0.1:${server.connection.port}`);
  return started.value;
}

const ServerReady = z.object({ url: z.string(), token: z.string(), verifierKey: z.string() });

/** Starts the server as a process of its own, in a session of its own: Ctrl-C is ours to pass on. */
export async function startServer(
  undo: Undo,
  narrator: Narrator,
  folder: string,
  databaseUrl: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<Pick<Stack, 'url' | 'bootstrapToken' | 'verifierKey' | 'pids'>> {
  const data = join(folder, 'server');
  await mkdir(join(data, 'artifacts'), { recursive: true });
  const child = fork(fileURLToPath(new URL('../server-main.ts', import.meta.url)), [], {
    env: {
      PATH: process.env['PATH'] ?? '',
      ...environment,
      BELAY_DATABASE_URL: databaseUrl,
      BELAY_DATA: data,
      BELAY_AGENTS: join(folder, 'agents'),
      BELAY_PORT: '0',
      BELAY_LOG_LEVEL: 'warn',
      BELAY_FOLLOW_PARENT: 'true',
    },
    execArgv: ['--disable-warning=ExperimentalWarning'],
    detached: true,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  undo.add(() => endChild(child));
  const [said] = (await Promise.race([once(child, 'message'), once(child, 'exit')])) as [unknown];
  const ready = ServerReady.safeParse(said);
  if (!ready.success) throw new Error('the server did not start; what it said is above');
  const { url, token, verifierKey } = ready.data;
  narrator.done(`server       ${url}`);
  return { url, bootstrapToken: token, verifierKey, pids: child.pid === undefined ? [] : [child.pid] };
}

async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}
