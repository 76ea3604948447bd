import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { SlotKey } from '../../../src/core/model/name.ts';
import { KubernetesApi, type Manifest } from '../../../src/drivers/kubernetes/client/api.ts';
import { connectionOf } from '../../../src/drivers/kubernetes/client/kubeconfig.ts';
import { resources } from '../../../src/drivers/kubernetes/client/resources.ts';
import { Transport } from '../../../src/drivers/kubernetes/client/transport.ts';
import type { SlotTarget } from '../../../src/drivers/kubernetes/target.ts';
import { type Description, describedBy } from '../description.ts';

const signal = new AbortController().signal;

/** The cluster of the tests, as a client of its own: what a journey checks, it reads here and not from Belay. */
export interface TestCluster extends Description {
  readonly api: KubernetesApi;
}

/** The cluster that the environment names; throws where it names none. */
export async function testCluster(): Promise<TestCluster> {
  const description = describedBy(process.env);
  if (description === undefined)
    throw new Error('no cluster is named: npm run test:cluster brings one up and names it');
  const connection = await connectionOf([description.kubeconfig], null, () => Date.now());
  if (!connection.ok) throw new Error(connection.error);
  return { ...description, api: new KubernetesApi(new Transport(connection.value)) };
}

/** A namespace with a route for one service, as a platform team would make them; removed with all that is in it. */
export interface Place extends AsyncDisposable {
  readonly cluster: TestCluster;
  readonly namespace: string;
  /** What the gateway knows the service by. */
  readonly host: string;
}

/** Makes a namespace of its own with an HTTPRoute that leads to the Service `service`, which need not be there yet. */
export async function makePlace(cluster: TestCluster, service: string): Promise<Place> {
  const namespace = `belay-test-${randomBytes(4).toString('hex')}`;
  const host = `${service}.${namespace}.test`;
  await must(
    cluster.api.call(
      {
        method: 'POST',
        path: '/api/v1/namespaces',
        body: JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }),
        signal,
      },
      z.unknown(),
    ),
  );
  const [gatewayNamespace, gateway] = cluster.gateway.split('/');
  const route: Manifest = {
    apiVersion: resources.httpRoutes.apiVersion,
    kind: 'HTTPRoute',
    metadata: { name: service },
    spec: {
      parentRefs: [{ name: gateway, namespace: gatewayNamespace }],
      hostnames: [host],
      // Without a limit, so that a request may stay open: the gateway's own is 15 seconds.
      rules: [{ backendRefs: [{ name: service, port: 80 }], timeouts: { request: '0s' } }],
    },
  };
  await must(cluster.api.create(resources.httpRoutes, namespace, route, z.unknown(), signal));
  return {
    cluster,
    namespace,
    host,
    [Symbol.asyncDispose]: async () => {
      const path = `/api/v1/namespaces/${namespace}`;
      const deleted = await cluster.api.call({ method: 'DELETE', path, signal }, z.unknown());
      if (!deleted.ok && deleted.error.code !== 'not-found') throw new Error(deleted.error.message);
      cluster.api.transport.close();
    },
  };
}

/** A slot of a place as the driver is told of it: the route and the Service that bear the service's name. */
export const targetIn = (
  { cluster, namespace }: Place,
  slot: SlotKey,
  parts: Partial<Pick<SlotTarget, 'api' | 'watch'>> = {},
): SlotTarget => ({
  api: cluster.api,
  slot,
  namespace,
  route: slot.service,
  service: slot.service,
  statistics: [],
  configuration: [cluster.envoyUrl],
  watch: null,
  ...parts,
});

/** The value, or the error thrown: for what a test cannot go on without. */
export async function must<T>(
  result: Promise<
    | { readonly ok: true; readonly value: T }
    | { readonly ok: false; readonly error: { readonly message: string } }
  >,
): Promise<T> {
  const got = await result;
  if (!got.ok) throw new Error(got.error.message);
  return got.value;
}
