import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createShopDatabase } from '../../../examples/shop/database.ts';
import { startAgentProcess } from '../../drivers/local/start-agent.ts';
import type { Connection } from '../../store/embedded/postmaster.ts';
import { agentFolder } from '../drivers.ts';
import { project, service } from './documents.ts';
import type { Narrator } from './narrator.ts';
import {
  type DemoEnvironment,
  makeFolder,
  type Stack,
  startDatabase,
  startServer,
  type Undo,
} from './stack.ts';

/** Starts everything on this machine; what was started is in `undo` even if a later part fails. */
export async function startLocalStack(
  undo: Undo,
  narrator: Narrator,
  keep: boolean,
  signal: AbortSignal,
): Promise<Stack> {
  const folder = await makeFolder(undo, keep);
  const database = await startDatabase(undo, narrator, signal);
  const secrets = join(folder, 'secrets');
  // The agents take artifacts from where the server will keep them.
  const artifacts = join(folder, 'server', 'artifacts');
  await Promise.all([mkdir(secrets, { mode: 0o700 }), mkdir(artifacts, { recursive: true })]);
  const staging = await startEnvironment(undo, 'staging', folder, secrets, database.server.connection);
  const production = await startEnvironment(undo, 'production', folder, secrets, database.server.connection);
  narrator.done(`shop         staging ${staging.edge}, production ${production.edge}`);
  const server = await startServer(undo, narrator, folder, database.serverUrl);
  return {
    ...server,
    folder,
    environments: {
      staging: { parameters: staging.parameters },
      production: { parameters: production.parameters },
    },
    pace: {},
    edges: { staging: { url: staging.edge }, production: { url: production.edge } },
    pids: [process.pid, ...server.pids, staging.pid, production.pid],
    deliver: ({ version, digest, bytes }) =>
      Promise.resolve({
        artifact: { name: `${service}-${version}.tar.gz`, digest },
        upload: { digest, bytes },
      }),
  };
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
