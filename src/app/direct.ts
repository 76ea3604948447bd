import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { SlotKey } from '../core/model/name.ts';
import { createLocalDriver } from '../drivers/local/driver.ts';
import { defaultDataFolder } from './up.ts';

/** A rollback without a server: of which service, where, and to what. */
export interface DirectOptions {
  readonly target: string;
  readonly environment?: string;
  readonly to?: string;
}

const callLimitMs = 5_000;
/**
 * A server may have decided effects that never came here: their generations are above what the environment has seen,
 * by a few. Ours is above those too, so that none of them is let in after it.
 */
const generationLead = 1_000;

/**
 * Break-glass: writes the route itself, for when the control plane is gone. Takes all traffic to one release that
 * runs, with a generation above every one that the environment has seen; a server that comes back sees it and
 * follows. Finds `local` environments by the agents' folders (BELAY_AGENTS, else those of `belay up`). Resolves
 * with the exit code.
 */
export async function rollbackDirect(options: DirectOptions): Promise<number> {
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const agents =
    process.env['BELAY_AGENTS'] ?? join(defaultDataFolder(process.env, process.getuid?.() === 0), 'agents');
  const slots = await slotsIn(agents, options);
  const [slot, ...others] = slots;
  if (slot === undefined || others.length > 0) {
    say(
      slot === undefined
        ? `belay: no environment of ${options.target} is in ${agents}`
        : 'belay: it runs in several environments; say which: --environment NAME',
    );
    for (const one of slots) say(`  ${one.project}/${one.environment}/${one.service}`);
    return 2;
  }
  return await shiftAll(agents, slot, options.to, say);
}

async function slotsIn(agents: string, { target, environment }: DirectOptions): Promise<readonly SlotKey[]> {
  const service = target.split('/').at(-1) ?? target;
  const names = await readdir(agents).catch(() => []);
  return names.flatMap((name) => {
    const [project, of, found, rest] = name.split('.');
    if (project === undefined || of === undefined || found !== service || rest !== undefined) return [];
    return environment === undefined || environment === of
      ? [{ project, environment: of, service: found }]
      : [];
  });
}

async function shiftAll(
  agents: string,
  slot: SlotKey,
  to: string | undefined,
  say: (line: string) => void,
): Promise<number> {
  const driver = createLocalDriver(join(agents, `${slot.project}.${slot.environment}.${slot.service}`));
  const seen = await driver.observer.observe(slot, AbortSignal.timeout(callLimitMs));
  if (!seen.ok) {
    say(`belay: the environment cannot be read: ${seen.error.message}`);
    return 1;
  }
  const { generation, weights, workloads } = seen.value;
  const ready = workloads.filter((workload) => workload.ready > 0).map((workload) => workload.release);
  // The first of two weights is stable's, as the local driver has it.
  const target = to ?? (weights.length === 2 ? weights[0]?.release : undefined);
  if (target === undefined || !ready.includes(target)) {
    say(
      target === undefined
        ? 'belay: say to which release: --to NAME'
        : `belay: nothing of ${target} is ready`,
    );
    say(
      `  ready: ${ready.join(', ') || 'nothing'}; now ${weights.map((w) => `${w.release} ${w.weight} %`).join(', ') || 'no traffic'}`,
    );
    return 2;
  }
  const shifted = await driver.traffic.shift(
    slot,
    { generation: generation + generationLead, weights: [{ release: target, weight: 100 }] },
    AbortSignal.timeout(callLimitMs),
  );
  const after = await driver.observer.observe(slot, AbortSignal.timeout(callLimitMs));
  const confirmed = after.ok && after.value.weights.some((w) => w.release === target && w.weight === 100);
  say(
    confirmed
      ? `all traffic of ${slot.service} in ${slot.environment} is on ${target}, read back`
      : `belay: not confirmed (${shifted.outcome})`,
  );
  return confirmed ? 0 : 1;
}
