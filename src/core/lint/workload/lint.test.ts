import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { lintWorkloads } from './lint.ts';
import { findings, findingsAfter, good, report, remove } from './testing/good.ts';

const allow = 'belay.dev/allow';

test('an object allows itself a rule, and the report says so', () => {
  const objects = good();
  objects.deployment.spec.replicas = 1;
  objects.budget.spec.maxUnavailable = 1;
  objects.deployment.metadata.annotations = { [allow]: 'replicas  holds a lock,\tone at a time\n\n' };
  const { findings: found, allowed } = report(Object.values(objects));
  assert.deepEqual(found, []);
  assert.deepEqual(
    allowed.map(({ rule, object, path, reason }) => [rule, object, path, reason]),
    [['replicas', 'Deployment shop/web', '/spec/replicas', 'holds a lock, one at a time']],
  );
});

test('a permission is for one object and one rule, has a reason, and is needed', () => {
  const at = 'Deployment shop/web /metadata/annotations/belay.dev~1allow';
  const allowing = (text: string) =>
    findingsAfter(({ deployment, budget }, web) => {
      deployment.metadata.annotations = { [allow]: text };
      remove(web, 'resources');
      budget.spec.maxUnavailable = 0;
    });
  const resources = 'error resources Deployment shop/web /spec/template/spec/containers/0/resources';
  const budget = 'error budget-unsatisfiable PodDisruptionBudget shop/web /spec/maxUnavailable';
  assert.deepEqual(allowing('resources it is a test'), [budget]);
  assert.deepEqual(allowing('resources'), [resources, `error allow ${at}`, budget]);
  assert.deepEqual(allowing('resource it is a test'), [resources, `error allow ${at}`, budget]);
  assert.deepEqual(allowing('object-invalid no'), [resources, `error allow ${at}`, budget]);
  assert.deepEqual(allowing('resources one\nbudget-unsatisfiable two\nprestop three'), [
    `warning allow ${at}`,
    `warning allow ${at}`,
    budget,
  ]);
});

test('kinds that no rule reads are passed over and counted; a List is its items', () => {
  const { deployment, ...rest } = good();
  const crd = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'x' },
  };
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    resources: ['a.yaml'],
  };
  const list = { apiVersion: 'v1', kind: 'List', items: [...Object.values(rest), deployment, crd] };
  // A tool's own file, which is no object and has no name.
  assert.deepEqual(report([list, kustomization]), {
    objects: 5,
    passedOver: {
      'CustomResourceDefinition.apiextensions.k8s.io': 1,
      'Kustomization.kustomize.config.k8s.io': 1,
    },
    findings: [],
    allowed: [],
  });
  deployment.spec.template.spec.containers[0].image = 'web';
  assert.deepEqual(findings([list]), [
    'error image-latest Deployment shop/web /items/4/spec/template/spec/containers/0/image',
  ]);
});

test('an object that cannot be read is said once, and not missed by others', () => {
  assert.deepEqual(
    findingsAfter(({ deployment }) =>
      Object.assign(deployment.spec.template.spec.containers[0], { ports: 'http' }),
    ),
    ['error object-invalid Deployment shop/web /spec/template/spec/containers/0/ports'],
  );
});

const kinds = [
  'Deployment',
  'CronJob',
  'Service',
  'ConfigMap',
  'Secret',
  'PodDisruptionBudget',
  'HTTPRoute',
  'List',
];
const groups = [
  'v1',
  'apps/v1',
  'batch/v1',
  'policy/v1',
  'autoscaling/v2',
  'gateway.networking.k8s.io/v1',
  '',
];

/** Objects whose heads are right and whose insides are anything. */
const anyObject = fc.record({
  apiVersion: fc.constantFrom(...groups),
  kind: fc.constantFrom(...kinds),
  metadata: fc.anything(),
  spec: fc.anything({ maxDepth: 5 }),
  data: fc.anything(),
  items: fc.anything(),
});

test('no input throws', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.anything(), anyObject), { maxLength: 5 }), (values) => {
      lintWorkloads(
        values.map((value) => ({ value })),
        [],
      );
    }),
    { numRuns: 600 },
  );
});

/** Every path of a document, of which a property test changes one. */
const pathsOf = (value: unknown): readonly (readonly string[])[] =>
  typeof value !== 'object' || value === null
    ? [[]]
    : [[], ...Object.entries(value).flatMap(([key, part]) => pathsOf(part).map((path) => [key, ...path]))];

const changed = (value: unknown, [key, ...rest]: readonly string[], to: unknown): unknown => {
  if (key === undefined) return to;
  if (Array.isArray(value))
    return value.map((part, i) => (String(i) === key ? changed(part, rest, to) : part));
  const object = value as Record<string, unknown>;
  return { ...object, [key]: changed(object[key], rest, to) };
};

test('one wrong value anywhere throws nothing, and each finding leads to its object', () => {
  const objects = Object.values(good());
  const places = objects.flatMap((object, i) => pathsOf(object).map((path) => ({ i, path })));
  fc.assert(
    fc.property(fc.constantFrom(...places), fc.anything({ maxDepth: 2 }), ({ i, path }, to) => {
      const values = objects.map((object, j) => (j === i ? changed(object, path, to) : object));
      const { findings: found, allowed } = report(values);
      for (const one of [...found, ...allowed]) {
        assert.ok(one.document >= 0 && one.document < values.length);
        assert.ok(one.path === '' || one.path.startsWith('/'));
      }
    }),
    { numRuns: 800 },
  );
});
