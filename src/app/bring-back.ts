import { setTimeout as delay } from 'node:timers/promises';
import { renderConfiguration } from '../core/decide/plan.ts';
import { type Crypto, seal } from '../core/model/digest.ts';
import type { EnvironmentDriver } from '../ports/environment.ts';
import type { TurnRecord } from '../ports/store.ts';

const lookEveryMs = 100;
const patienceMs = 30_000;

/** Either all traffic is where it was, or why not. */
export type BroughtBack = 'nothing-to-do' | 'back' | { readonly failed: string };

/**
 * Lets an environment that was just started go on as it was left: the stable release with all traffic. Nothing is
 * decided here and no generation is new, so whatever the server decides meanwhile wins over it.
 */
export async function bringBackStable(
  { slot, project, releases }: Pick<TurnRecord, 'slot' | 'project' | 'releases'>,
  driver: EnvironmentDriver,
  crypto: Crypto,
  signal: AbortSignal,
): Promise<BroughtBack> {
  const { key, stable, moving } = slot;
  const environment = project.environments[key.environment]?.document;
  if (stable === null || moving !== null || environment === undefined) return 'nothing-to-do';
  const { release, artifact } = stable;
  const limit = AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]);
  const first = await driver.observer.observe(key, limit);
  if (!first.ok) return { failed: first.error.message };
  const { generation, workloads, weights } = first.value;
  // Not as a start leaves it: somebody has been faster.
  if (workloads.length > 0 || weights.length > 0) return 'nothing-to-do';
  const configuration = renderConfiguration(environment, releases[release]?.sealed?.release.bundle ?? null);
  const { digest } = seal(crypto, configuration);
  if (digest !== stable.configuration)
    return { failed: 'the environment’s configuration has changed since it was promoted' };
  const { replicas } = environment.spec;
  const spec = { generation, release, artifact, replicas, configuration: { digest, ...configuration } };
  const applied = await driver.desiredState.applyWorkload(key, spec, limit);
  if (applied.outcome !== 'done') return { failed: `it was not started (${applied.outcome})` };
  while (!limit.aborted) {
    const seen = await driver.observer.observe(key, limit);
    const ready = seen.ok ? seen.value.workloads.find((one) => one.release === release)?.ready : undefined;
    if (ready !== undefined && ready >= replicas) break;
    await delay(lookEveryMs, undefined, { signal: limit }).catch(() => undefined);
  }
  if (limit.aborted) return { failed: 'its processes did not become ready' };
  const shifted = await driver.traffic.shift(key, { generation, weights: [{ release, weight: 100 }] }, limit);
  return shifted.outcome === 'done' ? 'back' : { failed: `it got no traffic (${shifted.outcome})` };
}
