import { mkdir, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { projectStream, type SlotKey } from '../core/model/name.ts';
import { createLocalDriver } from '../drivers/local/driver.ts';
import { nodeCrypto } from '../engine/crypto.ts';
import type { EnvironmentDriver } from '../ports/environment.ts';
import { loadSlot } from '../store/slot-rows.ts';
import { listProjects } from '../store/slots-listing.ts';
import { type BelayServer, startBelay } from './belay-server.ts';
import { bringBack } from './bring-back.ts';
import { ServerConfig } from './config.ts';
import { agentFolder } from './drivers.ts';
import { startEmbeddedDatabase } from './embedded-database.ts';
import { LocalEnvironments } from './local-environments.ts';
import { StartRefused } from './start-refused.ts';

export interface UpOptions {
  /** Where everything lies; see `defaultDataFolder`. */
  readonly data?: string;
  readonly port: number;
  readonly logLevel: ServerConfig['logLevel'];
}

const lookForSlotsEveryMs = 250;

/** The folder for one's own work: of the user, or of the machine for root, whose home a database may not enter. */
export function defaultDataFolder(
  environment: Readonly<Record<string, string | undefined>>,
  isRoot: boolean,
): string {
  if (isRoot) return '/var/lib/belay';
  const base = environment['XDG_DATA_HOME'];
  return base === undefined || base === ''
    ? join(homedir(), '.local', 'share', 'belay')
    : join(base, 'belay');
}

/** Runs Belay for one's own work until it is interrupted. Resolves with the exit code. */
export async function runUp(
  options: UpOptions,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<number> {
  const folder = resolve(options.data ?? defaultDataFolder(process.env, process.getuid?.() === 0));
  const folders = {
    agents: join(folder, 'agents'),
    artifacts: join(folder, 'server', 'artifacts'),
    secrets: join(folder, 'secrets'),
  };
  await mkdir(folders.artifacts, { recursive: true });
  await mkdir(folders.secrets, { recursive: true, mode: 0o700 });
  const database = await startEmbeddedDatabase({ kind: 'folder', path: folder }, signal);
  if (!database.ok) {
    say(`belay: the database did not start: ${database.error.message}`);
    say(`fix: ${database.error.fix}`);
    return 1;
  }
  const environments = new LocalEnvironments(folders);
  const broughtBack = Promise.withResolvers<void>();
  try {
    const server = await startBelay(
      ServerConfig.parse({
        databaseUrl: database.value.serverUrl,
        dataFolder: join(folder, 'server'),
        agentsFolder: folders.agents,
        secretsFolder: folders.secrets,
        port: options.port,
        logLevel: options.logLevel,
      }),
      { workAfter: broughtBack.promise },
    );
    const keyFile = join(folder, 'server', 'log.vkey');
    await writeFile(keyFile, `${server.verifierKey}\n`);
    greet(server, folder, keyFile, say);
    const serveNew = () => serveNewSlots(server, environments, folders.agents, say, signal);
    await serveNew();
    broughtBack.resolve();
    while (!signal.aborted) {
      await delay(lookForSlotsEveryMs, undefined, { signal }).catch(() => undefined);
      await serveNew();
    }
    await server.stop();
  } catch (error) {
    if (!(error instanceof StartRefused)) throw error;
    say(`belay: the server did not start: ${error.message}`);
    return 1;
  } finally {
    await environments.stop();
    await database.value.server.stop('fast');
  }
  return 0;
}

function greet(server: BelayServer, folder: string, keyFile: string, say: (line: string) => void): void {
  say(`belay is up at ${server.url}; its data is in ${folder}; Ctrl-C stops it`);
  say('');
  if (server.bootstrapToken === null) {
    say(`Its first admin token was shown at its first start: export BELAY_URL=${server.url} BELAY_TOKEN=…`);
  } else {
    say('The first admin token, shown this once:');
    say(`  export BELAY_URL=${server.url} BELAY_TOKEN=${server.bootstrapToken}`);
  }
  say('');
  say('The key that its evidence is signed with, for belay evidence verify --key:');
  say(`  ${server.verifierKey}`);
  say(`It is in ${keyFile} too; keep a copy where this server cannot write.`);
  say('');
  say('next: belay init, then belay apply belay.yaml');
}

/**
 * Gives every slot of a local environment its agent, as soon as a pipeline leads into it, and lets what ran there when
 * it was stopped run again.
 */
async function serveNewSlots(
  server: BelayServer,
  environments: LocalEnvironments,
  agentsFolder: string,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const returning: Promise<void>[] = [];
  for (const { key, onControlPlaneLoss } of await localSlots(server)) {
    if (signal.aborted) break;
    const edge = await environments.ensure(key, onControlPlaneLoss);
    if (edge === null) continue;
    say(`${key.service} in ${key.environment} answers at ${edge}`);
    returning.push(serveAgain(server, createLocalDriver(agentFolder(agentsFolder, key)), key, say, signal));
  }
  await Promise.all(returning);
}

/** Every slot of a `local` environment that an applied pipeline leads into, whether anything was asked of it yet or not. */
async function localSlots(
  server: BelayServer,
): Promise<readonly { readonly key: SlotKey; readonly onControlPlaneLoss: 'hold' | 'retreat' }[]> {
  const projects = await listProjects(server.pool);
  const states = await Promise.all(projects.map((name) => server.folds.project(projectStream(name))));
  return states.flatMap((state) =>
    Object.values(state.pipelines).flatMap(({ document: { metadata, spec } }) =>
      spec.stages.flatMap((stage) => {
        const environment = state.environments[stage.environment]?.document;
        if (environment?.spec.driver !== 'local') return [];
        const key = { project: metadata.project, environment: stage.environment, service: spec.service };
        return [{ key, onControlPlaneLoss: environment.spec.onControlPlaneLoss }];
      }),
    ),
  );
}

/** What served when it was stopped serves again; otherwise it is said why not. */
async function serveAgain(
  server: BelayServer,
  driver: EnvironmentDriver,
  key: SlotKey,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const where = `${key.service} in ${key.environment}`;
  try {
    const record = await loadSlot(server.pool, server.folds, key);
    const came = await bringBack(record, driver, nodeCrypto, signal);
    if (signal.aborted || came.kind === 'nothing-to-do') return;
    if (came.kind === 'failed') return say(`${where} does not serve: ${came.why}`);
    const shares = came.weights.map(
      ({ release, weight }) => `${release}${weight < 100 ? ` (${weight} %)` : ''}`,
    );
    say(
      `${where} serves ${shares.join(' and ')} again${came.without === null ? '' : `, without ${came.without}`}`,
    );
  } catch (error) {
    // The rest goes on without it, and it is told why.
    say(`${where} does not serve: ${error instanceof Error ? error.message : String(error)}`);
  }
}
