import type { SlotKey } from '../core/model/name.ts';
import { slotStream } from '../core/model/name.ts';
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

  async #start(slot: SlotKey, mode: 'hold' | 'retreat'): Promise<AgentProcess | string> {
    const started = await startAgentProcess({
      folder: agentFolder(this.#folders.agents, slot),
      artifacts: this.#folders.artifacts,
      secrets: this.#folders.secrets,
      environment: slot.environment,
      slots: [
        {
          project: slot.project,
          service: slot.service,
          onControlPlaneLoss: mode === 'hold' ? { mode } : { mode, afterMs: lostAfterMs },
        },
      ],
      parentPid: process.pid,
    });
    return started.ok ? started.value : started.error;
  }

  async stop(): Promise<void> {
    const agents = await Promise.all(this.#agents.values());
    await Promise.all(agents.flatMap((agent) => (typeof agent === 'string' ? [] : [agent.stop()])));
  }
}
