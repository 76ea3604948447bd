import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { createShopDatabase } from '../../../examples/shop/database.ts';
import { startAgentProcess } from '../../drivers/local/start-agent.ts';
import type { Connection } from '../../store/embedded/postmaster.ts';
import { agentFolder } from '../drivers.ts';
import { type EmbeddedDatabase, startEmbeddedDatabase } from '../embedded-database.ts';
import { project, service } from './documents.ts';
import type { Narrator } from './narrator.ts';

export type DemoEnvironment = 'staging' | 'production';

/** The running stack: real PostgreSQL, a real server, two environments behind their edges. */
export interface Stack {
  readonly folder: string;
  readonly url: string;
  readonly bootstrapToken: string;
  readonly verifierKey: string;
  readonly parameters: Readonly<Record<DemoEnvironment, Readonly<Record<string, string>>>>;
  readonly edges: Readonly<Record<DemoEnvironment, string>>;
  /** The first process of each part; their children are theirs. */
  readonly pids: readonly number[];
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

/** Starts everything; what was started is in `undo` even if a later part fails. */
export async function startStack(
  undo: Undo,
  narrator: Narrator,
  keep: boolean,
  signal: AbortSignal,
): Promise<Stack> {
  const folder = await mkdtemp(join(tmpdir(), 'belay-demo-'));
  if (!keep) undo.add(() => rm(folder, { recursive: true, force: true }));
  const database = await startDatabase(undo, narrator, signal);
  const secrets = join(folder, 'secrets');
  const data = join(folder, 'server');
  await Promise.all([mkdir(secrets, { mode: 0o700 }), mkdir(join(data, 'artifacts'), { recursive: true })]);
  const staging = await startEnvironment(undo, 'staging', folder, secrets, database.server.connection);
  const production = await startEnvironment(undo, 'production', folder, secrets, database.server.connection);
  narrator.done(`shop         staging ${staging.edge}, production ${production.edge}`);
  const server = await startServer(undo, folder, data, database.serverUrl);
  narrator.done(`server       ${server.url}`);
  return {
    folder,
    url: server.url,
    bootstrapToken: server.token,
    verifierKey: server.verifierKey,
    parameters: { staging: staging.parameters, production: production.parameters },
    edges: { staging: staging.edge, production: production.edge },
    pids: [process.pid, ...server.pids, staging.pid, production.pid],
  };
}

async function startDatabase(undo: Undo, narrator: Narrator, signal: AbortSignal): Promise<EmbeddedDatabase> {
  const started = await startEmbeddedDatabase({ kind: 'temporary' }, signal);
  if (!started.ok)
    throw new Error(`PostgreSQL did not start: ${started.error.message} (${started.error.fix})`);
  const { server } = started.value;
  undo.add(() => server.stop('fast'));
  narrator.done(`postgres     ${server.version}, 127.0.0.1:${server.connection.port}`);
  return started.value;
}

interface RunningEnvironment {
  readonly edge: string;
  readonly pid: number;
  readonly parameters: Readonly<Record<string, string>>;
}

async function startEnvironment(
  undo: Undo,
  environment: DemoEnvironment,
  folder: string,
  secrets: string,
  database: Connection,
): Promise<RunningEnvironment> {
  const shop = await createShopDatabase(database, `shop_${environment}`);
  await writeFile(join(secrets, `shop-${environment}-database`), shop.password, { mode: 0o600 });
  const started = await startAgentProcess({
    folder: agentFolder(join(folder, 'agents'), { project, environment, service }),
    artifacts: join(folder, 'server', 'artifacts'),
    secrets,
    environment,
    slots: [{ project, service }],
    parentPid: process.pid,
  });
  if (!started.ok) throw new Error(`environment ${environment}: ${started.error}`);
  const agent = started.value;
  undo.add(() => agent.stop());
  const edge = agent.edge(project, service);
  if (edge === undefined) throw new Error(`environment ${environment} has no edge for ${service}`);
  return { edge, pid: agent.endpoint.pid, parameters: shop.parameters };
}

const ServerReady = z.object({ url: z.string(), token: z.string(), verifierKey: z.string() });

/** Starts the server as a process of its own, in a session of its own: Ctrl-C is ours to pass on. */
async function startServer(
  undo: Undo,
  folder: string,
  data: string,
  databaseUrl: string,
): Promise<{
  readonly url: string;
  readonly token: string;
  readonly verifierKey: string;
  readonly pids: readonly number[];
}> {
  const child = fork(fileURLToPath(new URL('../server-main.ts', import.meta.url)), [], {
    env: {
      PATH: process.env['PATH'] ?? '',
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
  return { ...ready.data, pids: child.pid === undefined ? [] : [child.pid] };
}

async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}
