import { lintWorkloads, type WorkloadReport } from '../lint.ts';
import type { StageDeadline } from '../rule.ts';

/** Takes a part out of a document, whether or not its type says that it is needed. */
export const remove = <T extends object>(object: T, key: keyof T): void =>
  void Reflect.deleteProperty(object, key);

interface Metadata {
  name: string;
  namespace: string;
  annotations?: unknown;
}
interface Selector {
  matchLabels?: Record<string, string>;
  matchExpressions?: unknown;
}
interface Probe {
  httpGet?: unknown;
  tcpSocket?: unknown;
  exec?: unknown;
  periodSeconds?: number;
  failureThreshold?: number;
  initialDelaySeconds?: number;
}
type HttpProbe = Probe & { httpGet: { path: string; port: unknown } };

interface WebContainer {
  name: string;
  image: string;
  ports: [{ name: string; containerPort: number; hostPort?: number }];
  env: object[];
  command?: string[];
  args?: string[];
  resources: { requests?: Record<string, unknown>; limits: Record<string, unknown> };
  startupProbe: Probe;
  readinessProbe: Probe;
  livenessProbe: HttpProbe;
  lifecycle: { preStop: { sleep: { seconds: number }; exec?: unknown } };
  securityContext: object;
}

interface Pod {
  automountServiceAccountToken: boolean;
  terminationGracePeriodSeconds: number;
  securityContext: { runAsNonRoot: boolean; seccompProfile: unknown };
  topologySpreadConstraints: unknown;
  containers: [WebContainer, ...unknown[]];
  hostNetwork?: unknown;
  resources?: unknown;
  serviceAccountName?: unknown;
  volumes?: unknown;
}
interface Backend {
  name: string;
  port: number;
  namespace?: string;
  weight?: number;
}

/** The objects of one service; what a test may add or spoil is there, and of any type. */
export interface Objects {
  deployment: {
    apiVersion: string;
    kind: string;
    metadata: Metadata;
    spec: {
      replicas: unknown;
      selector: Selector;
      template: { metadata: { labels: Record<string, string> }; spec: Pod };
      minReadySeconds?: number;
      progressDeadlineSeconds?: number;
    };
  };
  service: {
    apiVersion: string;
    kind: string;
    metadata: Metadata;
    spec: { selector: { app: string }; ports: [{ name: string; port: number; targetPort: unknown }] };
  };
  budget: {
    apiVersion: string;
    kind: string;
    metadata: Metadata;
    spec: { maxUnavailable?: unknown; minAvailable?: unknown; selector: Selector };
  };
  route: {
    apiVersion: string;
    kind: string;
    metadata: Metadata;
    spec: { rules: [{ backendRefs: [Backend, ...unknown[]]; timeouts?: unknown }] };
  };
  config: { apiVersion: string; kind: string; metadata: Metadata; data: Record<string, unknown> };
}

const labels = { app: 'web' };
const digest = `sha256:${'0f'.repeat(32)}`;

/** A service that keeps the whole contract, made anew for each test. */
export const good = (): Objects => ({
  deployment: {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'shop' },
    spec: {
      replicas: 3,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels: { ...labels, version: '1' } },
        spec: {
          automountServiceAccountToken: false,
          terminationGracePeriodSeconds: 30,
          securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
          topologySpreadConstraints: [{ topologyKey: 'kubernetes.io/hostname' }],
          containers: [container()],
        },
      },
    },
  },
  service: {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'shop' },
    spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 'http' }] },
  },
  budget: {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: 'web', namespace: 'shop' },
    spec: { maxUnavailable: 1, selector: { matchLabels: labels } },
  },
  route: {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name: 'web', namespace: 'shop' },
    spec: { rules: [{ backendRefs: [{ name: 'web', port: 80 }] }] },
  },
  config: {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'web', namespace: 'shop' },
    data: { 'log.level': 'info' },
  },
});

/** A container that keeps the whole contract. */
export const container = (): WebContainer => ({
  name: 'web',
  image: `registry.example/web@${digest}`,
  ports: [{ name: 'http', containerPort: 8080 }],
  env: [{ name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 'web', key: 'password' } } }],
  resources: { requests: { cpu: '100m', memory: '64Mi' }, limits: { memory: '128Mi' } },
  startupProbe: { httpGet: { path: '/readyz', port: 'http' }, periodSeconds: 2, failureThreshold: 30 },
  readinessProbe: { httpGet: { path: '/readyz', port: 'http' }, periodSeconds: 5, failureThreshold: 2 },
  livenessProbe: { httpGet: { path: '/livez', port: 'http' } },
  lifecycle: { preStop: { sleep: { seconds: 10 } } },
  securityContext: {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  },
});

/** The report on objects. */
export const report = (
  objects: readonly unknown[],
  deadlines: readonly StageDeadline[] = [],
): WorkloadReport =>
  lintWorkloads(
    objects.map((value) => ({ value })),
    deadlines,
  );

/** What is found on objects: `error image-latest Deployment shop/web /spec/…`. */
export const findings = (
  objects: readonly unknown[],
  deadlines: readonly StageDeadline[] = [],
): readonly string[] =>
  report(objects, deadlines).findings.map(
    ({ severity, rule, object, path }) => `${severity} ${rule} ${object} ${path}`,
  );

/** What is found on the good service after a change. */
export function findingsAfter(
  change: (objects: Objects, web: Pod['containers'][0], pod: Pod) => unknown,
  deadlines: readonly StageDeadline[] = [],
): readonly string[] {
  const objects = good();
  const pod = objects.deployment.spec.template.spec;
  const changed = change(objects, pod.containers[0], pod);
  // What a change returns in passing, such as the value that it set, is no object.
  const added: readonly unknown[] = Array.isArray(changed) ? changed : [];
  return findings(
    [...Object.values(objects), ...added.filter((one) => Object.hasOwn(Object(one), 'apiVersion'))],
    deadlines,
  );
}
