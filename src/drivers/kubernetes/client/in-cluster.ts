import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { err, ok, type Result } from '../../../core/model/result.ts';
import type { Connection } from './connection.ts';
import { TokenFile } from './token-file.ts';

/** Where the kubelet mounts a pod's service account. */
const accountFolder = '/var/run/secrets/kubernetes.io/serviceaccount';

/** The connection of a pod to the cluster that it runs in, as its service account. `now` in milliseconds. */
export async function inClusterConnection(
  environment: Readonly<Record<string, string | undefined>>,
  now: () => number,
  folder: string = accountFolder,
): Promise<Result<Connection, string>> {
  const host = environment['KUBERNETES_SERVICE_HOST'];
  const port = environment['KUBERNETES_SERVICE_PORT'];
  if (host === undefined || port === undefined)
    return err(
      'this server runs in no cluster (KUBERNETES_SERVICE_HOST is not set); name a context of its kubeconfig',
    );
  let ca: string;
  try {
    ca = await readFile(join(folder, 'ca.crt'), 'utf8');
  } catch (error) {
    return err(`the service account is not mounted: ${(error as Error).message}`);
  }
  const file = new TokenFile(join(folder, 'token'), now);
  return ok({
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    ca,
    serverName: null,
    insecure: false,
    credentials: async () => {
      const read = await file.token();
      return read.ok ? ok({ token: read.value, certificate: null }) : read;
    },
    refused: () => file.forget(),
  });
}
