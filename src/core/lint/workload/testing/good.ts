import { lintWorkloads, type WorkloadReport } from '../lint.ts';
import type { StageDeadline } from '../rule.ts';

/** A part of a manifest that a test may change. */
// oxlint-disable-next-line typescript/no-explicit-any -- tests reach deep into documents without a schema
export type Part = any;

const labels = { app: 'web' };
const digest = `sha256:${'0f'.repeat(32)}`;

/** A service that keeps the whole contract, made anew for each test. */
export const good = (): Record<'deployment' | 'service' | 'budget' | 'route' | 'config', Part> => ({
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
export const container = (): Part => ({
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
  change: (objects: ReturnType<typeof good>, container: Part, pod: Part) => unknown,
  deadlines: readonly StageDeadline[] = [],
): readonly string[] {
  const objects = good();
  const pod = objects.deployment.spec.template.spec;
  const changed = change(objects, pod.containers[0], pod);
  // What a change returns in passing, such as the value that it set, is no object.
  const added: readonly Part[] = Array.isArray(changed) ? changed : [];
  return findings(
    [...Object.values(objects), ...added.filter((one) => Object.hasOwn(Object(one), 'apiVersion'))],
    deadlines,
  );
}
