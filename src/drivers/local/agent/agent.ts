import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { slotStream } from '../../../core/model/name.ts';
import { ENDPOINT_FILE } from '../protocol.ts';
import type { Endpoint } from '../protocol.ts';
import type { AgentConfig } from './config.ts';
import { ControlServer } from './control.ts';
import { Edge } from './edge.ts';
import { renderExposition } from './exposition.ts';
import { Fence } from './fence.ts';
import { lockFolder } from './folder-lock.ts';
import { ProcessLedger } from './process-ledger.ts';
import { RoutingTable } from './routing.ts';
import { Slot } from './slot.ts';
import { UnpackedArtifacts } from './unpacked.ts';

const EDGE_PATIENCE_MS = 5000;
const LOSS_CHECK_MS = 100;

/** One line of the agent's log. Values of secrets never come near it. */
export type Log = (event: string, details?: Readonly<Record<string, string | number>>) => void;

interface Served {
  readonly config: AgentConfig['slots'][number];
  readonly edge: Edge;
  readonly slot: Slot;
}

export interface RunningAgent {
  readonly endpoint: Endpoint;
  /** Lets open requests end, then all processes; resolves when nothing is left. */
  stop(): Promise<void>;
  /** At once and without any grace; for the end of this process. */
  killAll(): void;
}

/** Starts the edges and the control API of one environment. Throws if the folder or a port is taken. */
export async function startAgent(config: AgentConfig, token: string, log: Log): Promise<RunningAgent> {
  const folders = prepareFolders(config);
  const lock = lockFolder(config.folder);
  const ledger = new ProcessLedger(config.folder);
  const orphans = ledger.endOrphans();
  if (orphans > 0) log('orphans-ended', { orphans });
  const shared = { fence: new Fence(config.folder), ledger, folders };
  const artifacts = new UnpackedArtifacts(config.artifacts, folders.unpacked);
  const served = new Map<string, Served>();
  for (const slotConfig of config.slots) {
    const key = { project: slotConfig.project, environment: config.environment, service: slotConfig.service };
    const routes = new RoutingTable();
    const edge = new Edge(routes);
    served.set(slotStream(key), {
      config: slotConfig,
      edge,
      slot: new Slot({ key, routes, edge, artifacts, ...shared }),
    });
  }
  const watch = new LossWatch([...served.values()], log);
  const control = new ControlServer(
    {
      slot: (project, environment, service) =>
        served.get(slotStream({ project, environment, service }))?.slot,
      exposition: () =>
        renderExposition(
          config.environment,
          [...served.values()].map(({ config: { project, service }, slot }) => ({
            project,
            service,
            report: slot.counters(),
          })),
        ),
      onCall: () => watch.seen(),
      onBug: (problem) =>
        log('bug', { problem: problem instanceof Error ? (problem.stack ?? '') : String(problem) }),
    },
    token,
  );
  const endpoint = await listen(config, [...served.values()], control);
  writeFileSync(join(config.folder, `${ENDPOINT_FILE}.new`), JSON.stringify(endpoint), { mode: 0o600 });
  renameSync(join(config.folder, `${ENDPOINT_FILE}.new`), join(config.folder, ENDPOINT_FILE));
  log('started', { control: endpoint.control });
  return {
    endpoint,
    stop: async () => {
      watch.stop();
      control.close();
      rmSync(join(config.folder, ENDPOINT_FILE), { force: true });
      await Promise.all([...served.values()].map(({ edge }) => edge.close(EDGE_PATIENCE_MS)));
      await Promise.all([...served.values()].map(({ slot }) => slot.stop()));
      lock.release();
      log('stopped');
    },
    killAll: () => ledger.killAll(),
  };
}

interface Folders {
  readonly unpacked: string;
  readonly logs: string;
  readonly home: string;
  readonly secrets: string;
}

function prepareFolders(config: AgentConfig): Folders {
  const [unpacked, logs, home] = ['unpacked', 'logs', 'home'].map((name) => join(config.folder, name));
  if (unpacked === undefined || logs === undefined || home === undefined)
    throw new Error('three folders were named');
  for (const folder of [config.folder, unpacked, logs, home])
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  return { unpacked, logs, home, secrets: config.secrets };
}

async function listen(
  config: AgentConfig,
  served: readonly Served[],
  control: ControlServer,
): Promise<Endpoint> {
  const slots: Endpoint['slots'] = [];
  for (const { config: slot, edge } of served) {
    const port = await edge.listen(slot.edgePort);
    slots.push({ project: slot.project, service: slot.service, edge: `http://127.0.0.1:${port}` });
  }
  const port = await control.listen(config.controlPort);
  return { pid: process.pid, control: `http://127.0.0.1:${port}`, environment: config.environment, slots };
}

/** Notices that no control call has come for as long as a slot's configuration allows. */
class LossWatch {
  #lastCall = performance.now();
  readonly #timer: NodeJS.Timeout;

  constructor(served: readonly Served[], log: Log) {
    this.#timer = setInterval(() => {
      const silence = performance.now() - this.#lastCall;
      for (const { config, slot } of served) {
        const { onControlPlaneLoss: rule, service } = config;
        if (rule.mode !== 'retreat' || silence < rule.afterMs) continue;
        if (slot.retreat()) log('retreated', { service, silence: Math.round(silence) });
      }
    }, LOSS_CHECK_MS);
    this.#timer.unref();
  }

  seen(): void {
    this.#lastCall = performance.now();
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
