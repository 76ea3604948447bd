import { setTimeout as delay } from 'node:timers/promises';
import { sizeFor } from '../core/decide/capacity.ts';
import { renderConfiguration } from '../core/decide/plan.ts';
import { type Crypto, type Digest, seal } from '../core/model/digest.ts';
import type { Weight } from '../core/model/observation.ts';
import type { SlotState } from '../core/model/state.ts';
import type { EnvironmentDriver, WorkloadSpec } from '../ports/environment.ts';
import type { TurnRecord } from '../ports/store.ts';

const lookEveryMs = 100;
const patienceMs = 30_000;
const lastCallMs = 5_000;

/** What serves again, and what of it had to be left out; or why nothing does. */
export type BroughtBack =
  | { readonly kind: 'nothing-to-do' }
  | { readonly kind: 'back'; readonly weights: readonly Weight[]; readonly without: string | null }
  | { readonly kind: 'failed'; readonly why: string };

type SlotRecord = Pick<TurnRecord, 'slot' | 'project' | 'releases'>;

/**
 * Lets an environment that was just started go on as it was left: stable, and in a rollout the canary, each with the
 * traffic that it had. Nothing is decided here and no generation is new, so whatever the server decides meanwhile wins
 * over it. A canary that does not come back is left out, and stable gets its share: the server sees that and rolls back.
 */
export async function bringBack(
  record: SlotRecord,
  driver: EnvironmentDriver,
  crypto: Crypto,
  signal: AbortSignal,
): Promise<BroughtBack> {
  const { slot } = record;
  const releases = leftRunning(slot);
  if (releases.length === 0) return { kind: 'nothing-to-do' };
  const limit = AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]);
  const first = await driver.observer.observe(slot.key, limit);
  if (!first.ok) return { kind: 'failed', why: first.error.message };
  const { generation, workloads, weights } = first.value;
  // Not as a start leaves it: somebody has been faster.
  if (workloads.length > 0 || weights.length > 0) return { kind: 'nothing-to-do' };
  const starting = releases.map((one) =>
    start(record, one, generation, driver, crypto, limit).catch((bug: unknown) => String(bug)),
  );
  const back: Left[] = [];
  const problems: string[] = [];
  let shared: readonly Weight[] = [];
  // Stable does not wait for the canary.
  for (const [index, one] of releases.entries()) {
    const problem = (await starting[index]) ?? null;
    if (problem === null) back.push(one);
    else problems.push(`${one.release}: ${problem}`);
    shared = sharedBy(back);
    if (problem !== null || shared.length === 0) continue;
    const call = AbortSignal.any([signal, AbortSignal.timeout(lastCallMs)]);
    const shifted = await driver.traffic.shift(slot.key, { generation, weights: shared }, call);
    if (shifted.outcome !== 'done') return { kind: 'failed', why: `it got no traffic (${shifted.outcome})` };
  }
  const without = problems.length === 0 ? null : problems.join('; ');
  if (shared.length > 0) return { kind: 'back', weights: shared, without };
  // Without a problem: its first traffic was not there yet, and is the server's to give.
  return without === null ? { kind: 'nothing-to-do' } : { kind: 'failed', why: without };
}

interface Left {
  readonly role: 'stable' | 'canary';
  readonly release: string;
  readonly artifact: Digest;
  readonly configuration: Digest;
  /** Percent of traffic that it had. */
  readonly weight: number;
}

/** What ran when it was stopped and is still wanted, stable first. What is on its way back is not. */
function leftRunning(slot: SlotState): readonly Left[] {
  const { stable, moving } = slot;
  const promotion = slot.promotions.find(({ id }) => id === moving);
  const plan = promotion?.state === 'rolling-back' ? undefined : promotion?.plan?.document;
  const canary =
    plan !== undefined && plan.release !== stable?.release && slot.wanted.includes(plan.release)
      ? plan
      : null;
  const weight = canary === null ? 0 : leastShare(slot, canary.release);
  return [
    ...(stable === null ? [] : [{ ...stable, role: 'stable', weight: 100 - weight } as const]),
    ...(canary === null ? [] : [{ ...canary, role: 'canary', weight } as const]),
  ];
}

/** Of what was asked for and what was seen the lesser: a start gives a canary no more than it had. */
function leastShare(slot: SlotState, release: string): number {
  const shares = [slot.weights, slot.observed?.weights ?? []].map(
    (weights) => weights.find((one) => one.release === release)?.weight ?? 0,
  );
  return Math.min(...shares);
}

/** The weights of those that came back. A canary without its stable gets no more than it had, so only all or nothing. */
function sharedBy(back: readonly Left[]): readonly Weight[] {
  const stable = back.find(({ role }) => role === 'stable');
  const canary = back.find(({ role }) => role === 'canary');
  const share = canary?.weight ?? 0;
  const weights = [
    ...(stable === undefined ? [] : [{ release: stable.release, weight: 100 - share }]),
    ...(canary === undefined ? [] : [{ release: canary.release, weight: share }]),
  ];
  return stable === undefined && share < 100 ? [] : weights.filter(({ weight }) => weight > 0);
}

/** Starts a release's processes and waits for them. Returns why they do not run, or null. */
async function start(
  { slot, project, releases }: SlotRecord,
  { role, release, artifact, configuration: wanted, weight }: Left,
  generation: number,
  driver: EnvironmentDriver,
  crypto: Crypto,
  limit: AbortSignal,
): Promise<string | null> {
  const { key, observed } = slot;
  const environment = project.environments[key.environment]?.document;
  if (environment === undefined) return `there is no environment ${key.environment}`;
  const configuration = renderConfiguration(environment, releases[release]?.sealed?.release.bundle ?? null);
  const { digest } = seal(crypto, configuration);
  if (digest !== wanted) return 'the environment’s configuration has changed since its plan was made';
  const seen = observed?.workloads.find((one) => one.release === release)?.desired ?? 0;
  const all = environment.spec.replicas;
  const replicas = role === 'stable' ? all : Math.max(seen, sizeFor(all, weight));
  const spec: WorkloadSpec = {
    generation,
    release,
    artifact,
    replicas,
    configuration: { digest, ...configuration },
  };
  const applied = await driver.desiredState.applyWorkload(key, spec, limit);
  if (applied.outcome !== 'done')
    return `it was not started (${applied.outcome}${'message' in applied ? `: ${applied.message}` : ''})`;
  while (!limit.aborted) {
    const now = await driver.observer.observe(key, limit);
    const ready = now.ok ? now.value.workloads.find((one) => one.release === release)?.ready : undefined;
    if (ready !== undefined && ready >= replicas) return null;
    await delay(lookEveryMs, undefined, { signal: limit }).catch(() => undefined);
  }
  return 'its processes did not become ready';
}
