import { readFile, writeFile } from 'node:fs/promises';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { roleRules } from '../../../src/drivers/kubernetes/permissions.ts';
import { must, type Place } from './cluster.ts';

const name = 'belay';
const signal = new AbortController().signal;
const rbac = 'rbac.authorization.k8s.io';

/**
 * A service account with the Role that the documentation gives a server, in the place's namespace alone. Writes a
 * kubeconfig that has its token and nothing else; the context is called `server`.
 */
export async function serverAccount(place: Place, file: string): Promise<void> {
  const { cluster, namespace } = place;
  const post = <T>(path: string, body: unknown, schema: z.ZodType<T>): Promise<T> =>
    must(cluster.api.call({ method: 'POST', path, body: JSON.stringify(body), signal }, schema));
  const core = `/api/v1/namespaces/${namespace}`;
  const roles = `/apis/${rbac}/v1/namespaces/${namespace}`;
  const head = { apiVersion: `${rbac}/v1`, metadata: { name } };
  await post(
    `${core}/serviceaccounts`,
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name } },
    z.unknown(),
  );
  await post(`${roles}/roles`, { ...head, kind: 'Role', rules: roleRules }, z.unknown());
  await post(
    `${roles}/rolebindings`,
    {
      ...head,
      kind: 'RoleBinding',
      roleRef: { apiGroup: rbac, kind: 'Role', name },
      subjects: [{ kind: 'ServiceAccount', name, namespace }],
    },
    z.unknown(),
  );
  const asked = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { expirationSeconds: 3_600 },
  };
  const { status } = await post(
    `${core}/serviceaccounts/${name}/token`,
    asked,
    z.object({ status: z.object({ token: z.string() }) }),
  );
  const config = z
    .looseObject({ clusters: z.array(z.object({ cluster: z.unknown() })).min(1) })
    .parse(parse(await readFile(cluster.kubeconfig, 'utf8')));
  const own = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'server',
    clusters: [{ name: 'cluster', cluster: config.clusters[0]?.cluster }],
    users: [{ name, user: { token: status.token } }],
    contexts: [{ name: 'server', context: { cluster: 'cluster', user: name } }],
  };
  await writeFile(file, stringify(own), { mode: 0o600 });
}
