import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { canonicalJson } from '../core/model/canonical.ts';
import type { Environment } from '../core/model/documents.ts';
import type { Digest } from '../core/model/digest.ts';
import type { PrometheusSource } from '../core/model/metrics-source.ts';
import { projectStream, slotStream, type SlotKey } from '../core/model/name.ts';
import { err, ok, type Result } from '../core/model/result.ts';
import { type Clusters, slotTarget } from '../drivers/kubernetes/clusters.ts';
import { createKubernetesDriver } from '../drivers/kubernetes/driver.ts';
import type { ReadBundle } from '../drivers/kubernetes/target.ts';
import { createLocalDriver } from '../drivers/local/driver.ts';
import { createPrometheusMetrics } from '../drivers/prometheus/metrics.ts';
import { createQueryClient } from '../drivers/prometheus/query-client.ts';
import type { ArtifactStore } from '../ports/artifacts.ts';
import type { EnvironmentDriver, Metrics } from '../ports/environment.ts';
import type { Folds } from '../store/folds.ts';

/** The folder of the agent that serves a slot of a `local` environment. */
export const agentFolder = (agentsFolder: string, slot: SlotKey): string =>
  join(agentsFolder, `${slot.project}.${slot.environment}.${slot.service}`);

export interface RegistryParts {
  /** Null where this server serves no `local` environment. */
  readonly agentsFolder: string | null;
  /** Where `file:NAME` of a metrics source's secret lies; null where there is no such folder. */
  readonly secretsFolder: string | null;
  readonly artifacts: ArtifactStore;
  /** The document of a slot's environment as it is applied now. */
  readonly environmentOf: (slot: SlotKey) => Promise<Environment | undefined>;
  readonly clusters: Clusters;
}

/** The applied document of a slot's environment. */
export const appliedEnvironment =
  (folds: Folds): RegistryParts['environmentOf'] =>
  async ({ project, environment }) =>
    (await folds.project(projectStream(project))).environments[environment]?.document;

const bundlesIn =
  (artifacts: ArtifactStore): ReadBundle =>
  async (digest: Digest) => {
    try {
      const found = await artifacts.read(digest);
      return found === null
        ? err(`bundle ${digest} was not uploaded`)
        : ok(await text(Readable.from(found.content)));
    } catch (error) {
      return err(`bundle ${digest} cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown'}`);
    }
  };

/** Chooses the driver of a slot by its environment, at each call: the document may have changed since the last. */
export function driverRegistry(parts: RegistryParts): (slot: SlotKey) => EnvironmentDriver {
  const local = new Map<string, EnvironmentDriver>();
  const bundles = bundlesIn(parts.artifacts);
  const localDriver = (agentsFolder: string, slot: SlotKey): EnvironmentDriver => {
    const folder = agentFolder(agentsFolder, slot);
    const driver = local.get(folder) ?? createLocalDriver(folder);
    local.set(folder, driver);
    return driver;
  };
  const driverOf = async (
    slot: SlotKey,
    environment: Environment | undefined,
  ): Promise<Result<EnvironmentDriver, string>> => {
    if (environment === undefined) return err(`there is no environment ${slot.environment}`);
    const { driver, kubernetes } = environment.spec;
    if (driver === 'local')
      return parts.agentsFolder === null
        ? err('this server serves no local environment: BELAY_AGENTS is not set')
        : ok(localDriver(parts.agentsFolder, slot));
    if (driver !== 'kubernetes' || kubernetes === undefined)
      return err(`this server has no driver ${driver}; there is local and kubernetes`);
    const api = await parts.clusters.api(kubernetes.context ?? null);
    if (!api.ok) return err(`environment ${slot.environment} cannot be reached: ${api.error}`);
    const watch = parts.clusters.watch(api.value, kubernetes.namespace);
    return ok(
      createKubernetesDriver((of) => slotTarget(api.value, kubernetes, of, watch), bundles, Date.now),
    );
  };
  const sources = new MetricsSources(parts.secretsFolder);
  const driver = routedDriver({
    driver: async (slot) => driverOf(slot, await parts.environmentOf(slot)),
    metrics: async (slot) => {
      const environment = await parts.environmentOf(slot);
      if (environment?.spec.metrics !== undefined) return ok(sources.of(slot, environment.spec.metrics));
      const own = await driverOf(slot, environment);
      return own.ok ? ok(own.value.metrics) : own;
    },
  });
  return () => driver;
}

/** What a call on a slot goes to, or why there is nothing. */
interface Routes {
  readonly driver: (slot: SlotKey) => Promise<Result<EnvironmentDriver, string>>;
  /** The driver's own counters, or another source that the environment names. */
  readonly metrics: (slot: SlotKey) => Promise<Result<Metrics, string>>;
}

/** A driver whose every call goes to the one that is chosen for it. Both that there are fence. */
function routedDriver(routes: Routes): EnvironmentDriver {
  const act = async <P, T>(
    chosen: Promise<Result<P, string>>,
    call: (port: P) => Promise<T>,
    otherwise: (message: string) => T,
  ): Promise<T> => {
    const port = await chosen;
    return port.ok ? call(port.value) : otherwise(port.error);
  };
  const failed = (message: string) => ({ outcome: 'failed', message }) as const;
  const unreachable = (message: string) => err({ code: 'unreachable', message } as const);
  return {
    fences: true,
    desiredState: {
      applyWorkload: (slot, spec, signal) =>
        act(routes.driver(slot), (driver) => driver.desiredState.applyWorkload(slot, spec, signal), failed),
      removeWorkload: (slot, target, signal) =>
        act(
          routes.driver(slot),
          (driver) => driver.desiredState.removeWorkload(slot, target, signal),
          failed,
        ),
    },
    traffic: {
      shift: (slot, target, signal) =>
        act(routes.driver(slot), (driver) => driver.traffic.shift(slot, target, signal), failed),
    },
    observer: {
      observe: (slot, signal) =>
        act(routes.driver(slot), (driver) => driver.observer.observe(slot, signal), unreachable),
    },
    metrics: {
      scrape: (slot, arms, signal) =>
        act(routes.metrics(slot), (metrics) => metrics.scrape(slot, arms, signal), unreachable),
      history: (slot, asked, signal) =>
        act(routes.metrics(slot), (metrics) => metrics.history(slot, asked, signal), unreachable),
    },
    troubleshooting: {
      diagnose: (slot, release, signal) =>
        act(
          routes.driver(slot),
          (driver) => driver.troubleshooting.diagnose(slot, release, signal),
          unreachable,
        ),
    },
  };
}

/** The sources that environments name, one a slot, made anew when the document says something else. */
class MetricsSources {
  readonly #secretsFolder: string | null;
  readonly #made = new Map<string, { readonly of: string; readonly metrics: Metrics }>();

  constructor(secretsFolder: string | null) {
    this.#secretsFolder = secretsFolder;
  }

  of(slot: SlotKey, source: PrometheusSource): Metrics {
    const id = slotStream(slot);
    const of = canonicalJson(source);
    const known = this.#made.get(id);
    if (known?.of === of) return known.metrics;
    const client = createQueryClient(source, this.#secretsFolder);
    const metrics = createPrometheusMetrics(source, client, () => Date.now());
    this.#made.set(id, { of, metrics });
    return metrics;
  }
}
