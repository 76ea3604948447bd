import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { CliFailure } from '../../../cli/failure.ts';
import type { KubernetesApi, Manifest } from '../../../drivers/kubernetes/client/api.ts';
import { resources } from '../../../drivers/kubernetes/client/resources.ts';
import { imageArchitecture } from '../../../drivers/oci/image-layout.ts';
import type { EnvironmentSetting } from '../documents.ts';
import { databaseName } from './database-image.ts';

const name = 'database';
const port = 5432;
const secret = { name: 'shop-database', version: '1', key: 'password' } as const;
const labels = { 'app.kubernetes.io/name': name };

/** How the shop reaches its database in the same namespace: parameters, and the secret by reference. */
export const databaseSetting: Pick<EnvironmentSetting, 'parameters' | 'secrets'> = {
  parameters: {
    SHOP_DATABASE_HOST: name,
    SHOP_DATABASE_PORT: String(port),
    SHOP_DATABASE_NAME: databaseName,
    SHOP_DATABASE_USER: databaseName,
    // On a node that others use too a query takes longer, and those that wait for a connection queue up behind it.
    SHOP_DATABASE_CONNECTIONS: '16',
  },
  secrets: [
    { name: 'SHOP_DATABASE_PASSWORD', reference: `${secret.name}/${secret.key}`, version: secret.version },
  ],
};

/** A PostgreSQL pod with data that goes with it, its Service, and the Secret with its password. */
export function databaseManifests(image: string, password: string): readonly Manifest[] {
  const secretName = `${secret.name}-${secret.version}`;
  const environment = {
    name: 'SHOP_DATABASE_PASSWORD',
    valueFrom: { secretKeyRef: { name: secretName, key: secret.key } },
  };
  const container = {
    name,
    image,
    ports: [{ name: 'postgres', containerPort: port }],
    env: [environment],
    resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '512Mi' } },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
    // It listens once the password is set, and not before.
    readinessProbe: { tcpSocket: { port: 'postgres' }, periodSeconds: 1, failureThreshold: 3 },
    volumeMounts: [{ name: 'data', mountPath: '/data' }],
  };
  const pod = {
    automountServiceAccountToken: false,
    nodeSelector: { 'kubernetes.io/arch': imageArchitecture },
    securityContext: {
      runAsNonRoot: true,
      runAsUser: 65_532,
      runAsGroup: 65_532,
      fsGroup: 65_532,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    containers: [container],
    volumes: [{ name: 'data', emptyDir: { sizeLimit: '2Gi' } }],
  };
  return [
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: secretName },
      stringData: { [secret.key]: password },
    },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name },
      spec: {
        replicas: 1,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: pod },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name },
      spec: { selector: labels, ports: [{ name: 'postgres', port, targetPort: 'postgres' }] },
    },
  ];
}

const readyWithinMs = 180_000;
const lookEveryMs = 300;

const Pod = z.object({
  metadata: z.object({ name: z.string() }),
  status: z.object({
    conditions: z
      .array(z.object({ type: z.string(), status: z.string(), message: z.string().optional() }))
      .default([]),
    containerStatuses: z
      .array(
        z.object({
          state: z.object({
            waiting: z.object({ reason: z.string(), message: z.string().optional() }).optional(),
          }),
        }),
      )
      .default([]),
  }),
});
type Pod = z.infer<typeof Pod>;

/** Waits until the database of a namespace lets the shop in; throws with what it waits for where it does not. */
export async function untilDatabaseReady(
  api: KubernetesApi,
  namespace: string,
  signal: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + readyWithinMs;
  for (;;) {
    const listed = await api.list(resources.pods, namespace, labels, Pod, signal);
    signal.throwIfAborted();
    const [pod] = listed.ok ? listed.value : [];
    const state = pod === undefined ? null : stateOf(pod);
    if (state?.kind === 'ready') return;
    if (state?.kind === 'hopeless') throw notReady(namespace, state.why, state.fix);
    if (performance.now() > deadline)
      throw notReady(
        namespace,
        state?.why ?? (listed.ok ? 'there is no pod of it' : listed.error.message),
        `kubectl -n ${namespace} describe pods   says more, with --keep`,
      );
    await delay(lookEveryMs, undefined, { signal });
  }
}

type State =
  | { readonly kind: 'ready' }
  | { readonly kind: 'waits'; readonly why: string }
  | { readonly kind: 'hopeless'; readonly why: string; readonly fix: string };

function stateOf({ metadata, status }: Pod): State {
  const ready = status.conditions.find(({ type }) => type === 'Ready');
  if (ready?.status === 'True') return { kind: 'ready' };
  const waiting = status.containerStatuses.flatMap(({ state }) => state.waiting ?? [])[0];
  const words = `${waiting?.reason ?? ''}: ${waiting?.message ?? ''}`;
  if (waiting?.reason === 'ImagePullBackOff' || waiting?.reason === 'InvalidImageName')
    return {
      kind: 'hopeless',
      why: words,
      fix: 'use a registry that the nodes may pull from: --registry HOST/PATH',
    };
  if (waiting?.reason === 'CrashLoopBackOff')
    return { kind: 'hopeless', why: words, fix: `kubectl logs ${metadata.name}   says more, with --keep` };
  const scheduled = status.conditions.find(({ type }) => type === 'PodScheduled');
  const why =
    scheduled?.status === 'False' ? scheduled.message : waiting === undefined ? ready?.message : words;
  return { kind: 'waits', why: why ?? 'its pod is not ready' };
}

const notReady = (namespace: string, why: string, fix: string): CliFailure =>
  new CliFailure('error', `the shop’s database in ${namespace} does not become ready: ${why}`, [fix]);
