import { join } from 'node:path';
import { canonicalJson } from '../core/model/canonical.ts';
import type { Environment } from '../core/model/documents.ts';
import type { PrometheusSource } from '../core/model/metrics-source.ts';
import { projectStream, slotStream, type SlotKey } from '../core/model/name.ts';
import { createLocalDriver } from '../drivers/local/driver.ts';
import { createPrometheusMetrics } from '../drivers/prometheus/metrics.ts';
import { createQueryClient } from '../drivers/prometheus/query-client.ts';
import type { EnvironmentDriver, Metrics } from '../ports/environment.ts';
import type { Folds } from '../store/folds.ts';

/** The folder of the agent that serves a slot of a `local` environment. */
export const agentFolder = (agentsFolder: string, slot: SlotKey): string =>
  join(agentsFolder, `${slot.project}.${slot.environment}.${slot.service}`);

export interface RegistryParts {
  readonly agentsFolder: string;
  /** Where `file:NAME` of a metrics source's secret lies; null where there is no such folder. */
  readonly secretsFolder: string | null;
  /** The document of a slot's environment as it is applied now. */
  readonly environmentOf: (slot: SlotKey) => Promise<Environment | undefined>;
}

/** The applied document of a slot's environment. */
export const appliedEnvironment =
  (folds: Folds): RegistryParts['environmentOf'] =>
  async ({ project, environment }) =>
    (await folds.project(projectStream(project))).environments[environment]?.document;

/**
 * Chooses the driver of a slot. Every environment is `local` so far; others join here. What an environment's document
 * says of metrics is read at each look, as it may be applied anew at any time.
 */
export function driverRegistry(parts: RegistryParts): (slot: SlotKey) => EnvironmentDriver {
  const drivers = new Map<string, EnvironmentDriver>();
  return (slot) => {
    const id = slotStream(slot);
    const known = drivers.get(id);
    if (known !== undefined) return known;
    const own = createLocalDriver(agentFolder(parts.agentsFolder, slot));
    const driver = { ...own, metrics: chosenMetrics(own.metrics, parts) };
    drivers.set(id, driver);
    return driver;
  };
}

/** One slot's samples, from where its environment says: the driver's own counters, or another source. */
function chosenMetrics(own: Metrics, parts: RegistryParts): Metrics {
  let made: { readonly of: string; readonly metrics: Metrics } | null = null;
  const current = async (slot: SlotKey): Promise<Metrics> => {
    const source = (await parts.environmentOf(slot))?.spec.metrics;
    if (source === undefined) return own;
    const of = canonicalJson(source);
    if (made?.of !== of) made = { of, metrics: metricsFrom(source, parts.secretsFolder) };
    return made.metrics;
  };
  return {
    scrape: async (slot, arms, signal) => await (await current(slot)).scrape(slot, arms, signal),
    history: async (slot, asked, signal) => await (await current(slot)).history(slot, asked, signal),
  };
}

const metricsFrom = (source: PrometheusSource, secretsFolder: string | null): Metrics =>
  createPrometheusMetrics(source, createQueryClient(source, secretsFolder), () => Date.now());
