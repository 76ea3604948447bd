import { join } from 'node:path';
import type { SlotKey } from '../core/model/name.ts';
import { createLocalDriver } from '../drivers/local/driver.ts';
import type { EnvironmentDriver } from '../ports/environment.ts';

/** The folder of the agent that serves a slot of a `local` environment. */
export const agentFolder = (agentsFolder: string, slot: SlotKey): string =>
  join(agentsFolder, `${slot.project}.${slot.environment}.${slot.service}`);

/** Chooses the driver of a slot. Every environment is `local` so far; others join here. */
export function driverRegistry(agentsFolder: string): (slot: SlotKey) => EnvironmentDriver {
  const drivers = new Map<string, EnvironmentDriver>();
  return (slot) => {
    const folder = agentFolder(agentsFolder, slot);
    const known = drivers.get(folder);
    if (known !== undefined) return known;
    const driver = createLocalDriver(folder);
    drivers.set(folder, driver);
    return driver;
  };
}
