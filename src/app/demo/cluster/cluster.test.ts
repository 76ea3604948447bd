import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { readBundle } from '../../../drivers/kubernetes/bundle/bundle.ts';
import { bundleOf, keptObjects } from './bundle.ts';
import { chooseEntrance, Gateway } from './gateway.ts';

interface Shape {
  readonly programmed?: boolean;
  readonly from?: string;
  readonly hostname?: string;
  readonly protocol?: string;
  readonly addresses?: readonly string[];
}

const gateway = (name: string, shape: Shape = {}): Gateway =>
  Gateway.parse({
    metadata: { namespace: 'edge', name },
    spec: {
      listeners: [
        { name: 'tls', protocol: 'HTTPS', port: 443 },
        {
          name: 'web',
          protocol: shape.protocol ?? 'HTTP',
          port: 80,
          hostname: shape.hostname,
          allowedRoutes: { namespaces: { from: shape.from ?? 'All' } },
        },
      ],
    },
    status: {
      addresses: (shape.addresses ?? ['192.0.2.1']).map((value) => ({ value })),
      conditions: [{ type: 'Programmed', status: shape.programmed === false ? 'False' : 'True' }],
    },
  });

/** The entrance that was chosen, or what was said instead. */
const chosen = (gateways: readonly Gateway[], wanted?: string): unknown => {
  const choice = chooseEntrance(gateways, wanted);
  return choice.ok ? choice.value : `${choice.error.found} -> ${choice.error.fix}`;
};

describe('the Gateway that the demo hangs its routes on', () => {
  it('is the only one that can be used, with the address that it says', () => {
    const expected = {
      namespace: 'edge',
      name: 'a',
      section: 'web',
      url: 'http://192.0.2.1:80',
      domain: 'belay-demo.test',
    };
    assert.deepEqual(chosen([gateway('a'), gateway('b', { programmed: false })]), expected);
    assert.deepEqual(chosen([gateway('a'), gateway('b')], 'edge/a'), expected);
    assert.deepEqual(chosen([gateway('a', { hostname: '*.example.org', addresses: ['2001:db8::1'] })]), {
      ...expected,
      url: 'http://[2001:db8::1]:80',
      domain: 'example.org',
    });
    assert.deepEqual(chosen([gateway('a', { addresses: [] })]), { ...expected, url: null });
  });

  it('is asked for where there is none, or several, or none that takes the routes', () => {
    assert.match(String(chosen([])), /there is no Gateway in this cluster -> make one/);
    assert.match(
      String(chosen([gateway('a'), gateway('b')])),
      /several Gateways: edge\/a, edge\/b -> .*--gateway/,
    );
    assert.match(
      String(chosen([gateway('a')], 'edge/c')),
      /no Gateway edge\/c; there is edge\/a -> .*--gateway/,
    );
    for (const [shape, why] of [
      [{ programmed: false }, /edge\/a is not programmed/],
      [{ from: 'Same' }, /no HTTP listener that takes routes of all namespaces/],
      [{ hostname: 'shop.example.org' }, /no HTTP listener/],
      [{ protocol: 'TLS' }, /no HTTP listener/],
    ] as const)
      assert.match(String(chosen([gateway('a', shape)])), why);
  });
});

describe('the shop on a cluster', () => {
  const digest = `sha256:${'a'.repeat(64)}`;

  it('has a bundle that is taken, made of its chart, and says of which release an answer is', async () => {
    const text = await bundleOf(`registry.example/demo@${digest}`);
    const bundle = readBundle(text, digest);
    assert.ok(bundle.ok, bundle.ok ? '' : bundle.error.join('\n'));
    const [container] = bundle.value.deployment.spec.template.spec.containers;
    assert.equal(container?.image, `registry.example/demo@${digest}`);
    assert.match(JSON.stringify(container?.env), /BELAY_RELEASE.*metadata\.labels\['belay\.dev\/release'\]/);
    assert.equal(parseAllDocuments(text).length, 2);
  });

  it('has a route of its own to the Gateway that was chosen', async () => {
    const entrance = chooseEntrance([gateway('a')], undefined);
    assert.ok(entrance.ok);
    const { account, route } = await keptObjects(entrance.value, 'production-1.belay-demo.test');
    assert.equal(account.metadata.name, 'shop');
    assert.equal(route.metadata.namespace, undefined);
    const { parentRefs, hostnames, rules } = route['spec'] as Record<string, unknown>;
    assert.deepEqual(parentRefs, [{ namespace: 'edge', name: 'a', sectionName: 'web' }]);
    assert.deepEqual(hostnames, ['production-1.belay-demo.test']);
    assert.deepEqual(rules, [{ timeouts: { request: '10s' }, backendRefs: [{ name: 'shop', port: 80 }] }]);
  });
});
