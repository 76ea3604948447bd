import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { KubernetesTarget } from '../core/model/kubernetes.ts';
import type { SlotKey } from '../core/model/name.ts';
import { err, ok, type Result } from '../core/model/result.ts';
import { Clusters, slotTarget } from '../drivers/kubernetes/clusters.ts';
import { createKubernetesDriver } from '../drivers/kubernetes/driver.ts';
import { createLocalDriver } from '../drivers/local/driver.ts';
import type { EnvironmentDriver } from '../ports/environment.ts';
import { defaultDataFolder } from './up.ts';

/** A slot in Kubernetes, as documents say where it is. */
export interface KubernetesSlot {
  readonly slot: SlotKey;
  readonly settings: KubernetesTarget;
}

/** A rollback without a server: of which service, where, and to what. */
export interface DirectOptions {
  readonly target: string;
  readonly environment?: string;
  readonly to?: string;
  /** From the documents that were given; without them `local` environments are looked for. */
  readonly kubernetes?: readonly KubernetesSlot[];
}

interface Reachable {
  readonly slot: SlotKey;
  readonly driver: () => Promise<Result<EnvironmentDriver, string>>;
  /** Whether the first of two weights is stable's, as the local driver has it. */
  readonly stableFirst: boolean;
}

const callLimitMs = 5_000;
/** A gateway takes a change of its route a moment later. */
const confirmLimitMs = 15_000;
const lookEveryMs = 100;
/**
 * A server may have decided effects that never came here: their generations are above what the environment has seen,
 * by a few. Ours is above those too, so that none of them is let in after it.
 */
const generationLead = 1_000;

/**
 * Break-glass: writes the route itself, for when the control plane is gone. Takes all traffic to one release that
 * runs, with a generation above every one that the environment has seen; a server that comes back sees it and
 * follows. Finds `local` environments by the agents' folders (BELAY_AGENTS, else those of `belay up`), and those in
 * Kubernetes by the documents that are given, with this shell's kubeconfig. Resolves with the exit code.
 */
export async function rollbackDirect(options: DirectOptions): Promise<number> {
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const clusters = new Clusters(process.env, () => Date.now());
  const agents =
    process.env['BELAY_AGENTS'] ?? join(defaultDataFolder(process.env, process.getuid?.() === 0), 'agents');
  const found =
    options.kubernetes === undefined
      ? await localSlots(agents)
      : options.kubernetes.map((one) => inKubernetes(clusters, one));
  const service = options.target.split('/').at(-1) ?? options.target;
  const slots = found.filter(
    ({ slot }) =>
      slot.service === service &&
      (options.environment === undefined || options.environment === slot.environment),
  );
  const [only, ...others] = slots;
  if (only === undefined || others.length > 0) {
    const where = options.kubernetes === undefined ? agents : 'these documents';
    say(
      only === undefined
        ? `belay: no environment of ${options.target} is in ${where}`
        : 'belay: it runs in several environments; say which: --environment NAME',
    );
    for (const { slot } of slots) say(`  ${slot.project}/${slot.environment}/${slot.service}`);
    return 2;
  }
  try {
    return await shiftAll(only, options.to, say);
  } finally {
    await clusters.close();
  }
}

async function localSlots(agents: string): Promise<readonly Reachable[]> {
  const names = await readdir(agents).catch(() => []);
  return names.flatMap((name) => {
    const [project, environment, service, rest] = name.split('.');
    if (project === undefined || environment === undefined || service === undefined || rest !== undefined)
      return [];
    const driver = async () => ok(createLocalDriver(join(agents, name)));
    return [{ slot: { project, environment, service }, driver, stableFirst: true }];
  });
}

const inKubernetes = (clusters: Clusters, { slot, settings }: KubernetesSlot): Reachable => ({
  slot,
  stableFirst: false,
  driver: async () => {
    const api = await clusters.api(settings.context ?? null, 'current-context');
    if (!api.ok) return api;
    const target = slotTarget(api.value, settings, slot, null);
    // Going back applies nothing: no bundle is ever asked for.
    const noBundles = async () => err('no bundle is read without a server');
    return ok(createKubernetesDriver(() => target, noBundles, Date.now));
  },
});

async function shiftAll(
  { slot, driver: connect, stableFirst }: Reachable,
  to: string | undefined,
  say: (line: string) => void,
): Promise<number> {
  const driver = await connect();
  const seen = driver.ok
    ? await driver.value.observer.observe(slot, AbortSignal.timeout(callLimitMs))
    : err({ message: driver.error });
  if (!driver.ok || !seen.ok) {
    say(`belay: the environment cannot be read: ${seen.ok ? '' : seen.error.message}`);
    return 1;
  }
  const { generation, weights, workloads } = seen.value;
  const ready = workloads.filter((workload) => workload.ready > 0).map((workload) => workload.release);
  const target = to ?? (stableFirst && weights.length === 2 ? weights[0]?.release : undefined);
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
  const shifted = await driver.value.traffic.shift(
    slot,
    { generation: generation + generationLead, weights: [{ release: target, weight: 100 }] },
    AbortSignal.timeout(callLimitMs),
  );
  const confirmed = shifted.outcome !== 'failed' && (await isConfirmed(driver.value, slot, target));
  say(
    confirmed
      ? `all traffic of ${slot.service} in ${slot.environment} is on ${target}, read back`
      : `belay: not confirmed (${'message' in shifted ? shifted.message : shifted.outcome})`,
  );
  return confirmed ? 0 : 1;
}

async function isConfirmed(driver: EnvironmentDriver, slot: SlotKey, release: string): Promise<boolean> {
  const until = performance.now() + confirmLimitMs;
  while (performance.now() < until) {
    const seen = await driver.observer.observe(slot, AbortSignal.timeout(callLimitMs));
    if (seen.ok && seen.value.weights.some((w) => w.release === release && w.weight === 100)) return true;
    await delay(lookEveryMs);
  }
  return false;
}
