import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { canonicalJson } from '../../../core/model/canonical.ts';
import type { WorkloadSpec } from '../../../ports/environment.ts';
import { type Bundle, readBundle } from './bundle.ts';
import { render } from './render.ts';

const artifact = `sha256:${'a'.repeat(64)}`;
const other = `sha256:${'b'.repeat(64)}`;
const slot = { project: 'demo', environment: 'test', service: 'shop' };

const deployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop, namespace: elsewhere, labels: {team: a, belay.dev/release: forged}}
spec:
  replicas: 7
  selector: {matchLabels: {app: shop}}
  strategy: {type: Recreate}
  template:
    metadata: {labels: {app: shop}}
    spec:
      terminationGracePeriodSeconds: 20
      volumes:
        - {name: settings, configMap: {name: settings}}
        - {name: theirs, configMap: {name: not-of-the-bundle}}
      containers:
        - name: shop
          image: registry.example/shop@${artifact}
          env: [{name: COLOUR, value: red}, {name: OWN, valueFrom: {configMapKeyRef: {name: settings, key: a}}}]
          envFrom: [{configMapRef: {name: settings}}]
        - {name: proxy, image: registry.example/proxy@${other}, env: [{name: COLOUR, value: blue}]}
`;
const service = `
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {selector: {app: shop}, ports: [{name: http, port: 80, targetPort: 8080}]}
`;
const settings = `
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {a: "on", b: "014"}
`;

const whole = [deployment, service, settings].join('---');

function read(text: string): Bundle {
  const bundle = readBundle(text, artifact);
  assert.ok(bundle.ok, bundle.ok ? '' : bundle.error.join('\n'));
  return bundle.value;
}

function refusals(text: string): string {
  const bundle = readBundle(text, artifact);
  assert.ok(!bundle.ok, 'it was taken');
  return bundle.error.join('\n');
}

const spec = (changes: Partial<WorkloadSpec> = {}): WorkloadSpec => ({
  generation: 3,
  release: 'v2',
  artifact,
  replicas: 2,
  configuration: { digest: other, parameters: {}, bundle: other, secrets: [] },
  ...changes,
});

/** What comes out, in the form in which it is sent. */
function rendered(text: string, changed?: Partial<WorkloadSpec>) {
  const made = render(read(text), slot, spec(changed));
  assert.ok(made.ok, made.ok ? '' : made.error);
  return JSON.parse(JSON.stringify(made.value)) as {
    configMaps: { metadata: { name: string }; immutable: boolean; data: object }[];
    service: { metadata: { name: string }; spec: { selector: object; ports: object[] } };
    deployment: {
      metadata: { name: string; namespace?: string; labels: Record<string, string> };
      spec: {
        replicas: number;
        selector: { matchLabels: object };
        strategy: object;
        template: {
          metadata: { labels: Record<string, string>; annotations: Record<string, string> };
          spec: {
            containers: { name: string; env: object[]; envFrom?: { configMapRef: object }[] }[];
            volumes: { configMap: { name: string } }[];
            terminationGracePeriodSeconds: number;
          };
        };
      };
    };
  };
}

const own = {
  'belay.dev/project': 'demo',
  'belay.dev/environment': 'test',
  'belay.dev/service': 'shop',
  'belay.dev/release': 'v2',
};

describe('a bundle', () => {
  it('is read as Kubernetes reads it', () => {
    const { configMaps } = read(whole.replace('"on"', "'on'"));
    assert.deepEqual(configMaps[0]?.data, { a: 'on', b: '014' });
    // YAML 1.1: an unquoted `on` is a boolean, and no string that a ConfigMap could hold.
    assert.match(refusals(whole.replace('"on"', 'on')), /ConfigMap settings: data\.a: /);
  });

  it('is refused with everything that is wrong with it, each with its reason', () => {
    const objects = [
      'apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n',
      'apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r}\n',
      'apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: t}\n',
      'apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: o}\n',
      'apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: x}\n',
      'apiVersion: example.com/v1\nkind: Service\nmetadata: {name: z}\n',
    ];
    const said = refusals([whole, ...objects].join('---\n'));
    assert.equal(said.split('\n').length, objects.length);
    assert.match(said, /^Secret s \(v1\): a bundle holds no secret/m);
    assert.match(said, /^HTTPRoute r .*Belay writes only its weights/m);
    assert.match(said, /^StatefulSet t .*not supported/m);
    assert.match(said, /^Role o .*gives itself no rights/m);
    assert.match(said, /^Thing x .*nothing else/m);
    assert.match(said, /^Service z \(example\.com\/v1\): /m);
  });

  it('names images by digest, and runs the release’s artifact', () => {
    assert.match(
      refusals(whole.replace(`shop@${artifact}`, 'shop:latest')),
      /Deployment shop: spec\.template\.spec\.containers\.0\.image: expected an image by digest/,
    );
    assert.match(refusals(whole.replaceAll(artifact, other)), /no container runs the release’s artifact/);
  });

  it('has one Deployment and one Service, which asks for no address', () => {
    assert.match(refusals(deployment), /1 Deployments and 0 Services/);
    assert.match(refusals([whole, deployment].join('---')), /2 Deployments and 1 Services/);
    assert.match(
      refusals(whole.replace('ports:', 'type: LoadBalancer, ports:')),
      /spec\.type: expected ClusterIP/,
    );
    assert.match(
      refusals(whole.replace('port: 80,', 'port: 80, nodePort: 30000,')),
      /cannot ask for a node port/,
    );
    assert.equal(refusals(''), 'the bundle is empty');
    assert.match(refusals('a: ['), /document 1 is no YAML/);
    assert.match(refusals('kind: Deployment'), /document 1 is no Kubernetes object/);
    assert.match(refusals('a'.repeat(1_000_001)), /more than 1000000 bytes/);
  });
});

describe('rendering', () => {
  it('gives a release objects of its own, that no other selects', () => {
    const { deployment: made, service: reached } = rendered(whole);
    assert.match(made.metadata.name, /^shop-v2-[0-9a-f]{8}$/);
    assert.equal(reached.metadata.name, made.metadata.name);
    assert.equal(made.metadata.namespace, undefined);
    assert.equal(made.metadata.labels['team'], 'a');
    assert.equal(made.metadata.labels['belay.dev/release'], 'v2');
    assert.deepEqual(made.spec.selector.matchLabels, own);
    assert.deepEqual(reached.spec.selector, own);
    assert.equal(made.spec.template.metadata.labels['app'], 'shop');
    assert.equal(made.spec.replicas, 2);
    assert.equal(made.spec.template.spec.terminationGracePeriodSeconds, 20);
    assert.deepEqual(made.spec.strategy, {
      type: 'RollingUpdate',
      rollingUpdate: { maxUnavailable: 0, maxSurge: '25%' },
    });
  });

  it('names ConfigMaps by their content, and leads every reference there', () => {
    const { configMaps, deployment: made } = rendered(whole);
    const name = configMaps[0]?.metadata.name ?? '';
    assert.match(name, /^shop-v2-[0-9a-f]{8}-settings-[0-9a-f]{10}$/);
    assert.equal(configMaps[0]?.immutable, true);
    const { containers, volumes } = made.spec.template.spec;
    assert.deepEqual(
      volumes.map((volume) => volume.configMap.name),
      [name, 'not-of-the-bundle'],
    );
    assert.deepEqual(containers[0]?.envFrom?.[0]?.configMapRef, { name });
    assert.match(
      JSON.stringify(containers[0]?.env),
      new RegExp(`"configMapKeyRef":{"name":"${name}","key":"a"}`),
    );
    const changed = rendered(whole.replace('014', '015')).configMaps[0]?.metadata.name;
    assert.notEqual(changed, name);
  });

  it('gives parameters and secrets to the containers of the artifact, over the bundle’s own', () => {
    const configuration = {
      digest: other,
      bundle: other,
      parameters: { COLOUR: 'green' },
      secrets: [{ name: 'PASSWORD', reference: 'database/url', version: '3' }],
    };
    const { containers } = rendered(whole, { configuration }).deployment.spec.template.spec;
    assert.deepEqual(containers[0]?.env.slice(1), [
      { name: 'COLOUR', value: 'green' },
      { name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 'database-3', key: 'url' } } },
    ]);
    assert.deepEqual(containers[1]?.env, [{ name: 'COLOUR', value: 'blue' }]);
    const made = render(
      read(whole),
      slot,
      spec({
        configuration: { ...configuration, secrets: [{ name: 'P', reference: 'file:x', version: '1' }] },
      }),
    );
    assert.match(made.ok ? '' : made.error, /expected NAME\/KEY/);
  });

  it('differs by nothing but size and generation for the same release', () => {
    const one = rendered(whole, { replicas: 1, generation: 1 });
    const two = rendered(whole, { replicas: 5, generation: 9 });
    const template = (made: typeof one): string => canonicalJson(made.deployment.spec.template);
    assert.equal(template(one), template(two));
    const elsewhere = render(read(whole), { ...slot, project: 'other' }, spec());
    assert.notEqual(elsewhere.ok && elsewhere.value.service.metadata.name, one.service.metadata.name);
  });
});
