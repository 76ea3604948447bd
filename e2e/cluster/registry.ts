import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { inside } from './boundary.ts';
import type { Processes } from './processes.ts';
import { ports, type Settings } from './settings.ts';

/** Starts an OCI registry. Returns its HOST:PORT, which is the same for those who push and for the node. */
export async function startRegistry(settings: Settings, processes: Processes): Promise<string> {
  const address = `${settings.nodeAddress}:${ports.registry}`;
  await mkdir(join(settings.state, 'blobs'));
  await processes.start('registry', [`${inside.go}/registry`, address, `${inside.state}/blobs`]);
  await processes.untilAnswers('registry', `http://${address}/v2/`);
  return address;
}
