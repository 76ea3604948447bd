import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SlotKey } from '../core/model/name.ts';
import { slotStream } from '../core/model/name.ts';
import type { Result } from '../core/model/result.ts';
import { type AgentProcess, startAgentProcess } from '../drivers/local/start-agent.ts';
import { agentFolder } from './drivers.ts';

/** Where agents find what they run. */
export interface LocalFolders {
  readonly agents: string;
  readonly artifacts: string;
  readonly secrets: string;
}

/** A control plane that has not called for this long is lost; it calls every second or so while anything moves. */
const lostAfterMs = 30_000;

/** The file in an agent's folder with the port on which its service answered, as digits. */
const edgePortFile = 'edge-port';

/** The port that was remembered; 0, which lets the operating system choose, where there is none. */
async function rememberedPort(file: string): Promise<number> {
  const text = await readFile(file, 'utf8').catch((problem: NodeJS.ErrnoException) => {
    if (problem.code === 'ENOENT') return '';
    throw problem;
  });
  const port = /^\d{1,5}$/.test(text.trim()) ? Number(text) : 0;
  return port <= 65_535 ? port : 0;
}

async function rememberPort(file: string, port: number): Promise<void> {
  await writeFile(`${file}.new`, `${port}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
}

/** Starts an agent for each slot of a `local` environment, once, and stops them all at the end. */
export class LocalEnvironments {
  readonly #folders: LocalFolders;
  readonly #agents = new Map<string, Promise<AgentProcess | string>>();

  constructor(folders: LocalFolders) {
    this.#folders = folders;
  }

  /** Makes sure that a slot has its agent. Returns the edge's address when it was started just now, else null. */
  async ensure(slot: SlotKey, onControlPlaneLoss: 'hold' | 'retreat'): Promise<string | null> {
    const id = slotStream(slot);
    if (this.#agents.has(id)) return null;
    const starting = this.#start(slot, onControlPlaneLoss);
    this.#agents.set(id, starting);
    const agent = await starting;
    if (typeof agent !== 'string') return agent.edge(slot.project, slot.service) ?? null;
    this.#agents.delete(id);
    throw new Error(`the agent of ${id} did not start: ${agent}`);
  }

  /** At the address that it had the last time, unless somebody else has taken that meanwhile. */
  async #start(slot: SlotKey, mode: 'hold' | 'retreat'): Promise<AgentProcess | string> {
    const portFile = join(agentFolder(this.#folders.agents, slot), edgePortFile);
    const before = await rememberedPort(portFile);
    let started = await this.#startAt(slot, mode, before);
    if (!started.ok && before !== 0 && started.error.includes('EADDRINUSE'))
      started = await this.#startAt(slot, mode, 0);
    if (!started.ok) return started.error;
    const edge = started.value.edge(slot.project, slot.service);
    if (edge !== undefined) await rememberPort(portFile, Number(new URL(edge).port));
    return started.value;
  }

  #startAt(slot: SlotKey, mode: 'hold' | 'retreat', edgePort: number): Promise<Result<AgentProcess, string>> {
    return startAgentProcess({
      folder: agentFolder(this.#folders.agents, slot),
      artifacts: this.#folders.artifacts,
      secrets: this.#folders.secrets,
      environment: slot.environment,
      slots: [
        {
          project: slot.project,
          service: slot.service,
          edgePort,
          onControlPlaneLoss: mode === 'hold' ? { mode } : { mode, afterMs: lostAfterMs },
        },
      ],
      parentPid: process.pid,
    });
  }

  async stop(): Promise<void> {
    const agents = await Promise.all(this.#agents.values());
    await Promise.all(agents.flatMap((agent) => (typeof agent === 'string' ? [] : [agent.stop()])));
  }
}
