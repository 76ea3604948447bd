import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inside } from './boundary.ts';
import type { Processes } from './processes.ts';
import type { Settings } from './settings.ts';

/** Starts CoreDNS on the node's address, where the kubelet sends pods for the names of Services. */
export async function startNames(settings: Settings, processes: Processes): Promise<void> {
  const configuration = `.:53 {
  bind ${settings.nodeAddress}
  errors
  kubernetes cluster.local {
    kubeconfig ${inside.state}/kubeconfig
    ttl 1
  }
}
`;
  await writeFile(join(settings.state, 'Corefile'), configuration);
  await processes.start('coredns', [`${inside.go}/coredns`, '-conf', `${inside.state}/Corefile`]);
}
