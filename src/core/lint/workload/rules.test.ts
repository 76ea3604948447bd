import assert from 'node:assert/strict';
import { test } from 'node:test';
import { workloadRules } from './catalogue.ts';
import { amountOf } from './resources.ts';
import { container, findings, findingsAfter, good, remove } from './testing/good.ts';

const pod = 'Deployment shop/web /spec/template/spec';
const first = `${pod}/containers/0`;

type Change = Parameters<typeof findingsAfter>[0];

/** Each case: what is changed in a service that keeps the contract, and all that is found then. */
const judged = (cases: readonly (readonly [string, Change, readonly string[]])[]): void => {
  for (const [name, change, expected] of cases) assert.deepEqual(findingsAfter(change), expected, name);
};

test('a service that keeps the contract has no finding', () => {
  assert.deepEqual(
    findingsAfter(() => undefined),
    [],
  );
});

test('images are named by digest', () => {
  const image =
    (name: string): Change =>
    (_, web) =>
      void (web.image = name);
  judged([
    ['a tag', image('registry.example:5000/web:1.2'), [`error image-digest ${first}/image`]],
    ['a tag and a digest', image(`web:1.2@sha256:${'0'.repeat(64)}`), []],
    ['a digest that is none', image('web@sha256:12'), [`error image-digest ${first}/image`]],
    ['latest', image('web:latest'), [`error image-latest ${first}/image`]],
    ['no tag is latest', image('registry.example:5000/web'), [`error image-latest ${first}/image`]],
    ['none at all', (_, web) => remove(web, 'image'), [`error image-digest ${first}/image`]],
  ]);
});

test('probes: there, different, patient, at ports that exist', () => {
  judged([
    [
      'no readiness',
      (_, web) => remove(web, 'readinessProbe'),
      [`error readiness-missing ${first}/readinessProbe`],
    ],
    [
      'no Service: it may be no server',
      (objects, web) => {
        remove(objects, 'service');
        remove(objects, 'route');
        remove(objects, 'budget');
        remove(web, 'readinessProbe');
      },
      [
        `warning readiness-missing ${first}/readinessProbe`,
        'warning budget-missing Deployment shop/web /metadata/name',
      ],
    ],
    [
      'a worker that opens no port',
      (objects, web, spec) => {
        for (const one of ['service', 'route', 'budget'] as const) remove(objects, one);
        for (const one of ['ports', 'readinessProbe', 'startupProbe', 'livenessProbe', 'lifecycle'] as const)
          remove(web, one);
        remove(spec, 'topologySpreadConstraints');
      },
      [],
    ],
    [
      'the same question',
      (_, web) => (web.livenessProbe.httpGet.path = 'readyz'),
      [`error liveness-as-readiness ${first}/livenessProbe`],
    ],
    [
      'another port is another question',
      (_, web) => Object.assign(web, { livenessProbe: { tcpSocket: { port: 8080 } } }),
      [],
    ],
    [
      'the same command',
      (_, web) => {
        Object.assign(web, { livenessProbe: { exec: { command: ['/ok'] } } });
        web.readinessProbe = { exec: { command: ['/ok'] }, periodSeconds: 5 };
      },
      [`error liveness-as-readiness ${first}/livenessProbe`],
    ],
    [
      'a port of no such name',
      (_, web) => (web.livenessProbe.httpGet.port = 'htpp'),
      [`error probe-port ${first}/livenessProbe/httpGet/port`],
    ],
    [
      'liveness gives up first: 2 × 3 s before 5 × 2 s',
      (_, web) => Object.assign(web.livenessProbe, { periodSeconds: 2, failureThreshold: 3 }),
      [`warning liveness-impatient ${first}/livenessProbe`],
    ],
    [
      'no startup',
      (_, web) => remove(web, 'startupProbe'),
      [`warning startup-missing ${first}/startupProbe`],
    ],
  ]);
});

test('a sidecar that no request reaches needs no readiness', () => {
  const sidecar = () => {
    const { ports: _, readinessProbe: __, startupProbe: ___, livenessProbe: ____, ...one } = container();
    return { ...one, name: 'proxy' };
  };
  judged([['beside the server', (_, __, spec) => spec.containers.push(sidecar()), []]]);
});

test('a start may take less than the rollout waits', () => {
  const late = [`error startup-budget ${first}/startupProbe`];
  // 2 s × 30 = 60 s, and minReadySeconds on top.
  const stage = (service: string, seconds: number) => [
    { service, stage: 'production', deadlineMs: seconds * 1000 },
  ];
  assert.deepEqual(
    findingsAfter(() => undefined, stage('web', 61)),
    [],
  );
  assert.deepEqual(
    findingsAfter(() => undefined, stage('web', 60)),
    late,
  );
  assert.deepEqual(
    findingsAfter(({ deployment }) => (deployment.spec.minReadySeconds = 1), stage('web', 61)),
    late,
  );
  assert.deepEqual(
    findingsAfter(() => undefined, stage('only-one', 60)),
    late,
    'one pipeline, one Deployment',
  );
  assert.deepEqual(
    findingsAfter(() => undefined, [...stage('other', 60), ...stage('third', 60)]),
    [],
    'other services',
  );
  judged([
    [
      'the Deployment’s own deadline',
      ({ deployment }) => (deployment.spec.progressDeadlineSeconds = 60),
      late,
    ],
    [
      'a delayed readiness without startup',
      ({ deployment }, web) => {
        remove(web, 'startupProbe');
        remove(web, 'livenessProbe');
        web.readinessProbe.initialDelaySeconds = 45;
        deployment.spec.progressDeadlineSeconds = 45;
      },
      [`error startup-budget ${first}/readinessProbe`],
    ],
  ]);
});

test('a pod that goes waits, and has the time to', () => {
  const grace = `error termination-grace ${pod}/terminationGracePeriodSeconds`;
  const preStop = `error prestop ${first}/lifecycle/preStop`;
  const exec =
    (command: string): Change =>
    (_, web) =>
      void Object.assign(web.lifecycle, { preStop: { exec: { command: ['sh', '-c', command] } } });
  judged([
    ['none', (_, web) => remove(web, 'lifecycle'), [preStop]],
    ['too short', (_, web) => (web.lifecycle.preStop.sleep.seconds = 4), [preStop]],
    ['a shell that sleeps too short', exec('sleep 2 && nginx -s quit'), [preStop]],
    ['a shell that sleeps', exec('sleep 15'), []],
    ['a command of its own is believed', exec('/drain'), []],
    [
      'a slower gateway',
      ({ deployment }) => (deployment.metadata.annotations = { 'belay.dev/drain': '11s' }),
      [preStop],
    ],
    [
      'a drain that is no time',
      ({ deployment }) => (deployment.metadata.annotations = { 'belay.dev/drain': 'soon' }),
      ['error prestop Deployment shop/web /metadata/annotations/belay.dev~1drain'],
    ],
    [
      '10 s of wait and 5 s of requests in 15 s',
      (_, __, spec) => (spec.terminationGracePeriodSeconds = 15),
      [],
    ],
    ['in 14 s', (_, __, spec) => (spec.terminationGracePeriodSeconds = 14), [grace]],
    ['Kubernetes’ 30 s', (_, __, spec) => remove(spec, 'terminationGracePeriodSeconds'), []],
    [
      'a route that lets requests take 20 s',
      ({ route }) => (route.spec.rules[0].timeouts = { request: '20s' }),
      [],
    ],
    ['21 s', ({ route }) => (route.spec.rules[0].timeouts = { request: '21s' }), [grace]],
  ]);
});

test('resources are asked for and limited', () => {
  const missing = [`error resources ${first}/resources`];
  judged([
    ['none', (_, web) => remove(web, 'resources'), missing],
    ['no memory limit', (_, web) => remove(web.resources, 'limits'), missing],
    [
      'a limit counts as the request',
      (_, web) => (web.resources = { limits: { cpu: 1, memory: '1Gi' } }),
      [],
    ],
    [
      'of the whole pod',
      (_, web, spec) => {
        spec.resources = web.resources;
        remove(web, 'resources');
      },
      [],
    ],
    [
      'more than allowed',
      (_, web) => (web.resources.requests = { memory: '129Mi', cpu: 1 }),
      [`error request-above-limit ${first}/resources/requests`],
    ],
    ['the same in other units', (_, web) => (web.resources.requests = { memory: 134_217_728, cpu: 1 }), []],
  ]);
  assert.deepEqual(
    ['250m', '1', '1e3', '2Ki', '1.5G', 3].map((one) => amountOf(one)),
    [0.25, 1, 1000, 2048, 1.5e9, 3],
  );
});

const autoscaler = (minReplicas?: number) => ({
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata: { name: 'web', namespace: 'shop' },
  spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }, minReplicas },
});

test('the loss of a node is survived', () => {
  const single = 'error replicas Deployment shop/web /spec/replicas';
  const budget = 'PodDisruptionBudget shop/web /spec';
  judged([
    [
      'a single pod, and a budget that keeps it',
      ({ deployment, budget: one }) => {
        deployment.spec.replicas = 1;
        one.spec = { selector: one.spec.selector, minAvailable: 1 };
      },
      [single, `error budget-unsatisfiable ${budget}/minAvailable`],
    ],
    ['replicas left out are one', ({ deployment }) => remove(deployment.spec, 'replicas'), [single]],
    [
      'an autoscaler has them',
      ({ deployment }) => {
        remove(deployment.spec, 'replicas');
        return [autoscaler(2)];
      },
      [],
    ],
    [
      'an autoscaler that goes down to one',
      ({ deployment }) => {
        remove(deployment.spec, 'replicas');
        return [autoscaler()];
      },
      ['error replicas HorizontalPodAutoscaler shop/web /spec/minReplicas'],
    ],
    ['both', () => [autoscaler(2)], ['error replicas-autoscaled Deployment shop/web /spec/replicas']],
    [
      'spread',
      (_, __, spec) => remove(spec, 'topologySpreadConstraints'),
      [`warning spread ${pod}/topologySpreadConstraints`],
    ],
    [
      'no budget',
      (objects) => remove(objects, 'budget'),
      ['error budget-missing Deployment shop/web /metadata/name'],
    ],
    [
      'a budget of others',
      ({ budget: one }) => (one.spec.selector = { matchLabels: { app: 'other' } }),
      [
        'error budget-missing Deployment shop/web /metadata/name',
        `error budget-selects-nothing ${budget}/selector`,
      ],
    ],
  ]);
});

test('a budget can be satisfied, and guards', () => {
  const of =
    (spec: object): Change =>
    ({ budget }) =>
      void (budget.spec = { selector: { matchLabels: { app: 'web' } }, ...spec });
  const never = (field: string) => [`error budget-unsatisfiable PodDisruptionBudget shop/web /spec/${field}`];
  const all = (field: string) => [`error budget-useless PodDisruptionBudget shop/web /spec${field}`];
  // Of three pods: both percentages are rounded up, so that 67 % is three and 1 % is one.
  judged([
    ['none may go', of({ maxUnavailable: 0 }), never('maxUnavailable')],
    ['0 %', of({ maxUnavailable: '0%' }), never('maxUnavailable')],
    ['1 % is one', of({ maxUnavailable: '1%' }), []],
    ['all must stay', of({ minAvailable: 3 }), never('minAvailable')],
    ['more than there are', of({ minAvailable: 5 }), never('minAvailable')],
    ['67 % is three', of({ minAvailable: '67%' }), never('minAvailable')],
    ['66 % is two', of({ minAvailable: '66%' }), []],
    ['all may go', of({ maxUnavailable: '100%' }), all('/maxUnavailable')],
    ['none must stay', of({ minAvailable: 0 }), all('/minAvailable')],
    ['says nothing', of({}), all('')],
    [
      'two of them',
      () => [{ ...good().budget, metadata: { name: 'again', namespace: 'shop' } }],
      ['error budget-twice PodDisruptionBudget shop/again /spec/selector'],
    ],
  ]);
});

test('security contexts', () => {
  const own =
    (change: object): Change =>
    (_, web) =>
      void Object.assign(web.securityContext, change);
  const at = (rule: string, path = '') => [`error ${rule} ${first}/securityContext${path}`];
  judged([
    [
      'root unless kept from it',
      (_, __, spec) => remove(spec.securityContext, 'runAsNonRoot'),
      at('run-as-non-root'),
    ],
    ['the container’s word counts', own({ runAsNonRoot: false }), at('run-as-non-root', '/runAsNonRoot')],
    [
      'the pod’s word counts where the container says nothing',
      (_, __, spec) => (spec.securityContext.runAsNonRoot = false),
      [`error run-as-non-root ${pod}/securityContext/runAsNonRoot`],
    ],
    ['root by number', own({ runAsUser: 0 }), at('run-as-non-root', '/runAsUser')],
    ['privileged', own({ privileged: true }), at('privilege-escalation', '/privileged')],
    [
      'setuid',
      own({ allowPrivilegeEscalation: true }),
      at('privilege-escalation', '/allowPrivilegeEscalation'),
    ],
    ['writes', own({ readOnlyRootFilesystem: false }), at('read-only-root', '/readOnlyRootFilesystem')],
    ['no seccomp', (_, __, spec) => remove(spec.securityContext, 'seccompProfile'), at('seccomp')],
    [
      'seccomp switched off',
      own({ seccompProfile: { type: 'Unconfined' } }),
      at('seccomp', '/seccompProfile'),
    ],
    ['keeps capabilities', own({ capabilities: {} }), at('capabilities', '/capabilities')],
    ['binds low ports', own({ capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] } }), []],
    [
      'adds more',
      own({ capabilities: { drop: ['ALL'], add: ['SYS_ADMIN'] } }),
      at('capabilities', '/capabilities/add'),
    ],
    [
      'the node’s network',
      (_, __, spec) => (spec.hostNetwork = true),
      [`error host-access ${pod}/hostNetwork`],
    ],
    [
      'the node’s files',
      (_, __, spec) => (spec.volumes = [{ name: 'v', hostPath: { path: '/' } }]),
      [`error host-access ${pod}/volumes/0/hostPath`],
    ],
    [
      'the node’s port',
      (_, web) => (web.ports[0].hostPort = 80),
      [`error host-access ${first}/ports/0/hostPort`],
    ],
    [
      'a token that nobody uses',
      (_, __, spec) => remove(spec, 'automountServiceAccountToken'),
      [`warning service-account-token ${pod}/automountServiceAccountToken`],
    ],
    [
      'a token of its own account',
      (_, __, spec) => {
        remove(spec, 'automountServiceAccountToken');
        spec.serviceAccountName = 'web';
      },
      [],
    ],
  ]);
});

test('Jobs and CronJobs are judged by what runs in them', () => {
  const { deployment } = good();
  const { template } = deployment.spec;
  template.spec.containers[0].image = 'web:1';
  const metadata = { name: 'nightly', namespace: 'shop' };
  assert.deepEqual(
    findings([
      { apiVersion: 'batch/v1', kind: 'Job', metadata: { generateName: 'once-' }, spec: { template } },
      { apiVersion: 'batch/v1', kind: 'CronJob', metadata, spec: { jobTemplate: { spec: { template } } } },
    ]),
    [
      'error image-digest Job once-* /spec/template/spec/containers/0/image',
      'error image-digest CronJob shop/nightly /spec/jobTemplate/spec/template/spec/containers/0/image',
    ],
  );
});

test('Services and routes lead somewhere', () => {
  const service = 'Service shop/web /spec';
  const route = 'HTTPRoute shop/web /spec/rules/0/backendRefs';
  judged([
    [
      'no such pods',
      ({ service: one }) => (one.spec.selector.app = 'wbe'),
      [`error service-selects-nothing ${service}/selector`],
    ],
    [
      'no such named port',
      ({ service: one }) => (one.spec.ports[0].targetPort = 'web'),
      [`error service-port ${service}/ports/0/targetPort`],
    ],
    [
      'a number that is not declared may be listened on',
      ({ service: one }) => (one.spec.ports[0].targetPort = 9090),
      [`warning service-port ${service}/ports/0/targetPort`],
    ],
    ['without a selector', () => [{ ...good().service, metadata: { name: 'x' }, spec: { ports: [] } }], []],
    [
      'no such Service',
      ({ route: one }) => (one.spec.rules[0].backendRefs[0].name = 'wep'),
      [`error route-backend ${route}/0/name`],
    ],
    [
      'no such port',
      ({ route: one }) => (one.spec.rules[0].backendRefs[0].port = 81),
      [`error route-backend ${route}/0/port`],
    ],
    [
      'no port',
      ({ route: one }) => remove(one.spec.rules[0].backendRefs[0], 'port'),
      [`error route-backend ${route}/0`],
    ],
    [
      'all weights 0',
      ({ route: one }) => (one.spec.rules[0].backendRefs[0].weight = 0),
      [`error route-weights ${route}`],
    ],
    [
      'another backend kind is somebody else’s',
      ({ route: one }) =>
        one.spec.rules[0].backendRefs.push({ kind: 'Bucket', group: 'example.com', name: 'b' }),
      [],
    ],
  ]);
  assert.deepEqual(findings([good().service]), [`warning service-selects-nothing ${service}/selector`]);
  assert.deepEqual(findings([good().route]), [`warning route-backend ${route}/0/name`]);
});

test('a route into another namespace needs a grant', () => {
  const { route, ...rest } = good();
  route.metadata.namespace = 'edge';
  route.spec.rules[0].backendRefs[0].namespace = 'shop';
  const grant = {
    apiVersion: 'gateway.networking.k8s.io/v1beta1',
    kind: 'ReferenceGrant',
    metadata: { name: 'edge', namespace: 'shop' },
    spec: {
      from: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', namespace: 'edge' }],
      to: [{ group: '', kind: 'Service' }],
    },
  };
  assert.deepEqual(findings([...Object.values(rest), route]), [
    'warning route-grant HTTPRoute edge/web /spec/rules/0/backendRefs/0/namespace',
  ]);
  assert.deepEqual(findings([...Object.values(rest), route, grant]), []);
});

test('a workload selects its own pods alone', () => {
  const selector = 'error selector-own-pods Deployment shop/web /spec/selector';
  judged([
    [
      'not its own',
      ({ deployment }) => (deployment.spec.selector = { matchLabels: { app: 'x' } }),
      [selector],
    ],
    [
      'another’s as well',
      ({ deployment }) => {
        const other = good().deployment;
        other.metadata.name = 'worker';
        other.spec.template.metadata.labels.part = 'worker';
        other.spec.selector.matchLabels = { part: 'worker' };
        deployment.spec.selector = { matchExpressions: [{ key: 'app', operator: 'Exists' }] };
        return [other];
      },
      [selector],
    ],
  ]);
});

test('the same object twice, and what cannot be read', () => {
  judged([
    ['twice', () => [good().config], ['error duplicate-object ConfigMap shop/web /metadata/name']],
    [
      'another version of the API is the same object',
      () => [{ ...good().route, apiVersion: 'gateway.networking.k8s.io/v1beta1' }],
      ['error duplicate-object HTTPRoute shop/web /metadata/name'],
    ],
    [
      'a text for a number',
      ({ deployment }) => (deployment.spec.replicas = '3'),
      ['error object-invalid Deployment shop/web /spec/replicas'],
    ],
    [
      'a number for a text',
      ({ config }) => (config.data.port = 80),
      ['error object-invalid ConfigMap shop/web /data/port'],
    ],
    [
      'no name',
      ({ config }) => remove(config.metadata, 'name'),
      ['error object-invalid ConfigMap shop/ /metadata/name'],
    ],
    ['null is not said', ({ deployment }) => (deployment.spec.template.spec.volumes = null), []],
  ]);
  assert.deepEqual(findings([7, { kind: 'Pod' }]), [
    'error object-invalid object ',
    'error object-invalid Pod /apiVersion',
  ]);
});

test('each rule has its id once and says what it is for', () => {
  assert.equal(new Set(workloadRules.map(({ id }) => id)).size, workloadRules.length);
  for (const { id, asks, why, example } of workloadRules) {
    assert.match(id, /^[a-z]+(-[a-z]+)*$/);
    assert.ok(asks.endsWith('.') && why.endsWith('.') && example.endsWith('\n'), id);
  }
});
