import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { acceptanceOf, foreignTo, generationOf, HttpRoute, portOf, rulesWith, weightsOf } from './route.ts';

const services = {
  stable: 'shop',
  releases: new Map([
    ['shop-v1', 'v1'],
    ['shop-v2', 'v2'],
  ]),
};

type Ref = readonly [string, number?];

function route(rules: readonly (readonly Ref[])[], more: object = {}): HttpRoute {
  return HttpRoute.parse({
    metadata: { name: 'shop', resourceVersion: '1', generation: 4 },
    spec: {
      hostnames: ['shop.example'],
      rules: rules.map((refs) => ({
        matches: [{ path: { value: '/' } }],
        backendRefs: refs.map(([name, weight]) => ({
          name,
          port: 80,
          ...(weight === undefined ? {} : { weight }),
        })),
      })),
    },
    ...more,
  });
}

const shares = (of: HttpRoute): unknown => {
  const read = weightsOf(of, services);
  return read.ok
    ? Object.fromEntries(read.value.map(({ release, weight }) => [release, weight]))
    : read.error;
};

const refs = (rules: ReturnType<typeof rulesWith>): unknown =>
  rules.ok
    ? rules.value.map((rule) =>
        (rule.backendRefs ?? []).map(({ name, weight, port }) => `${name}:${port}=${weight}`),
      )
    : rules.error;

describe('HTTPRoute', () => {
  it('reads shares in percent, whatever they add up to', () => {
    assert.deepEqual(
      shares(
        route([
          [
            ['shop-v1', 70],
            ['shop-v2', 30],
          ],
        ]),
      ),
      { v1: 70, v2: 30 },
    );
    assert.deepEqual(
      shares(
        route([
          [
            ['shop-v1', 9],
            ['shop-v2', 1],
          ],
        ]),
      ),
      { v1: 90, v2: 10 },
    );
    // Gateway API: a weight that is not there is 1.
    assert.deepEqual(shares(route([[['shop-v1'], ['shop-v2']]])), { v1: 50, v2: 50 });
    assert.deepEqual(shares(route([[['shop']]])), {});
    assert.deepEqual(
      shares(
        route([
          [
            ['shop', 1],
            ['shop-v1', 0],
          ],
        ]),
      ),
      { v1: 0 },
    );
  });

  it('refuses rules that it cannot write as one', () => {
    assert.match(String(shares(route([[['shop-v1', 1]], [['shop-v2', 1]]]))), /share traffic differently/);
    assert.match(
      String(
        shares(
          route([
            [
              ['shop-v1', 1],
              ['stranger', 1],
            ],
          ]),
        ),
      ),
      /sends to other backends besides/,
    );
    assert.match(
      String(shares(route([[['stranger', 1]]]))),
      /no rule of HTTPRoute shop sends to Service shop/,
    );
  });

  it('changes the weights of its own rules, and nothing else', () => {
    const before = route([[['stranger', 5]], [['shop', 1]], [['shop', 1]]]);
    const weights = new Map([['shop-v1', 100]]);
    const changed = rulesWith(before, services, { weights });
    assert.deepEqual(refs(changed), [
      ['stranger:80=5'],
      ['shop:80=0', 'shop-v1:80=100'],
      ['shop:80=0', 'shop-v1:80=100'],
    ]);
    assert.deepEqual(changed.ok && changed.value[1]?.['matches'], [{ path: { value: '/' } }]);
  });

  it('keeps a backend at 0, registers one without giving it any, and takes one out', () => {
    const before = route([
      [
        ['shop-v1', 100],
        ['shop-v2', 0],
      ],
    ]);
    const to = (v1: number, v2: number) =>
      refs(
        rulesWith(before, services, {
          weights: new Map([
            ['shop-v1', v1],
            ['shop-v2', v2],
          ]),
        }),
      );
    assert.deepEqual(to(70, 30), [['shop-v1:80=70', 'shop-v2:80=30']]);
    assert.deepEqual(refs(rulesWith(before, services, { weights: new Map([['shop-v2', 100]]) })), [
      ['shop-v1:80=0', 'shop-v2:80=100'],
    ]);
    assert.deepEqual(refs(rulesWith(before, services, { known: 'shop-v3' })), [
      ['shop-v1:80=100', 'shop-v2:80=0', 'shop-v3:80=0'],
    ]);
    assert.deepEqual(refs(rulesWith(before, services, { known: 'shop-v2' })), [
      ['shop-v1:80=100', 'shop-v2:80=0'],
    ]);
    assert.deepEqual(refs(rulesWith(before, services, { without: 'shop-v2' })), [['shop-v1:80=100']]);
  });

  it('asks for one port', () => {
    assert.deepEqual(portOf(route([[['shop']]]), services), { ok: true, value: 80 });
    const two = HttpRoute.parse({
      metadata: { name: 'shop', resourceVersion: '1', generation: 1 },
      spec: {
        rules: [{ backendRefs: [{ name: 'shop', port: 80 }] }, { backendRefs: [{ name: 'shop', port: 81 }] }],
      },
    });
    assert.match(
      String(!portOf(two, services).ok && (portOf(two, services) as { error: string }).error),
      /80, 81/,
    );
  });

  it('is taken only when every parent has said so of this very generation', () => {
    const parent = (accepted: string, resolved: string, observedGeneration: number) => ({
      controllerName: 'example.com/controller',
      conditions: [
        { type: 'Accepted', status: accepted, observedGeneration, reason: 'A' },
        {
          type: 'ResolvedRefs',
          status: resolved,
          observedGeneration,
          reason: 'B',
          message: 'no such Service',
        },
      ],
    });
    const state = (...parents: object[]) => acceptanceOf(route([[['shop']]], { status: { parents } }));
    assert.deepEqual(acceptanceOf(route([[['shop']]])), { state: 'pending' });
    assert.deepEqual(state(parent('True', 'True', 4)), { state: 'accepted' });
    assert.deepEqual(state(parent('True', 'True', 3)), { state: 'pending' });
    assert.deepEqual(state(parent('True', 'True', 4), parent('True', 'True', 3)), { state: 'pending' });
    assert.deepEqual(state(parent('True', 'False', 4)), {
      state: 'rejected',
      message:
        'example.com/controller does not take HTTPRoute shop: ResolvedRefs is False, B: no such Service',
    });
  });

  it('belongs to one slot, and remembers the highest generation', () => {
    const slot = { project: 'p', environment: 'e', service: 's' };
    const owned = (value: string) =>
      route([[['shop']]], {
        metadata: {
          name: 'shop',
          resourceVersion: '1',
          generation: 1,
          annotations: { 'belay.dev/slot': value },
        },
      });
    assert.equal(foreignTo(owned('p/e/s'), slot), null);
    assert.match(foreignTo(owned('p/e/t'), slot) ?? '', /belongs to p\/e\/t/);
    assert.equal(generationOf({ 'belay.dev/generation': '12' }), 12);
    assert.equal(generationOf({ 'belay.dev/generation': 'x' }), 0);
    assert.equal(generationOf(undefined), 0);
  });
});
