import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sampleOf } from '../metrics.ts';
import { sharesIn } from './configuration.ts';
import { parseExposition } from './exposition.ts';
import { countersIn } from './statistics.ts';

/** As Envoy 1.39 behind Contour 1.33 prints it, shortened. */
const page = `# TYPE envoy_cluster_upstream_rq_completed counter
envoy_cluster_upstream_rq_completed{envoy_cluster_name="shop_tiny-v1-aa_80"} 410
envoy_cluster_upstream_rq_completed{envoy_cluster_name="shop_tiny-v1-aab_80"} 7
envoy_cluster_upstream_rq_completed{envoy_cluster_name="other_tiny-v1-aa_80"} 9
envoy_cluster_upstream_rq_xx{envoy_response_code_class="2",envoy_cluster_name="shop_tiny-v1-aa_80"} 400
envoy_cluster_upstream_rq_xx{envoy_response_code_class="5",envoy_cluster_name="shop_tiny-v1-aa_80"} 10
envoy_cluster_membership_healthy{envoy_cluster_name="shop_tiny-v1-aa_80"} 2
envoy_cluster_upstream_rq_active{envoy_cluster_name="shop_tiny-v1-aa_80"} 3
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="shop_tiny-v1-aa_80",le="0.5"} 100
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="shop_tiny-v1-aa_80",le="250"} 380
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="shop_tiny-v1-aa_80",le="3600000"} 400
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="shop_tiny-v1-aa_80",le="+Inf"} 400
envoy_cluster_upstream_rq_time_count{envoy_cluster_name="shop_tiny-v1-aa_80"} 400
`;

describe('Envoy’s statistics', () => {
  it('are read by the Service that they count, in its own namespace', () => {
    const counters = countersIn(page, 'shop', ['tiny-v1-aa', 'tiny-v2-bb']);
    assert.deepEqual([...counters.keys()], ['tiny-v1-aa']);
    assert.deepEqual(counters.get('tiny-v1-aa'), {
      requests: 410,
      errors: 10,
      buckets: { '0.5': 100, '250': 380 },
      timed: 400,
      active: 3,
      healthy: 2,
    });
  });

  it('never say that a request was slow whose time is not known', () => {
    const counted = countersIn(page, 'shop', ['tiny-v1-aa']).get('tiny-v1-aa');
    assert.ok(counted !== undefined);
    const sample = sampleOf('canary', 'gateway/tiny', 5_000, 0.1, counted);
    assert.deepEqual(sample, {
      t: 5,
      arm: 'canary',
      pod: 'gateway/tiny',
      weight: 0.1,
      requests: 410,
      bad: { errors: 10 },
      // 20 of the 400 that were timed took longer than 250 ms: 410 - 20.
      latencyMs: { '0.5': 110, '250': 390, '+Inf': 410 },
    });
  });

  it('are read through labels that hold braces and quotes', () => {
    assert.deepEqual(
      [...parseExposition('a{b="x\\"}y",c="d"} 1.5\n\n# HELP a\nbare 2 1700000000\n')],
      [
        { name: 'a', labels: { b: 'x\\"}y', c: 'd' }, value: 1.5 },
        { name: 'bare', labels: {}, value: 2 },
      ],
    );
  });
});

const dump = (...routes: readonly object[]): string =>
  JSON.stringify({ configs: [{ route_config: { virtual_hosts: [{ routes }] } }] });
const weighted = (...clusters: readonly (readonly [string, number])[]): object => ({
  route: { weighted_clusters: { clusters: clusters.map(([name, weight]) => ({ name, weight })) } },
});

describe('Envoy’s configuration', () => {
  const shares = (text: string): unknown => {
    const read = sharesIn(text, 'shop', ['v1', 'v2']);
    return read.ok ? (read.value === null ? null : Object.fromEntries(read.value)) : read.error;
  };

  it('tells the weights by which it routes', () => {
    assert.deepEqual(shares(dump(weighted(['shop/v1/80/da39', 70], ['shop/v2/80/da39', 30]))), {
      v1: 70,
      v2: 30,
    });
    assert.deepEqual(shares(dump(weighted(['shop/v1/80/da39', 100], ['shop/v2/80/da39', 0]))), { v1: 100 });
    assert.deepEqual(shares(dump({ route: { cluster: 'shop/v2/80/da39' } })), { v2: 100 });
  });

  it('tells them by names that Contour has shortened', () => {
    // As Contour 1.33 named them.
    const page = dump(
      weighted(
        ['belay-demo-4b7c748a-staging/shop-sho-30a0e6/80/da39a3ee5e', 90],
        ['belay-demo-4b7c748a-staging/shop/80/da39a3ee5e', 10],
      ),
    );
    const read = sharesIn(page, 'belay-demo-4b7c748a-staging', ['shop-shop-v1-95bc957f', 'shop']);
    assert.deepEqual(read.ok && [...(read.value ?? [])], [
      ['shop-shop-v1-95bc957f', 90],
      ['shop', 10],
    ]);
    // Another one whose name begins in the same way is another one.
    const other = sharesIn(page, 'belay-demo-4b7c748a-staging', ['shop-shop-v1-95bc957e']);
    assert.deepEqual(other, { ok: true, value: null });
  });

  it('confirms nothing that is not there, or not in one way', () => {
    assert.equal(shares(dump(weighted(['other/v1/80/da39', 1]))), null);
    // The route of a Service that Contour cannot resolve.
    assert.equal(shares(dump({ direct_response: { status: 500 } })), null);
    assert.match(
      String(shares(dump({ route: { cluster: 'shop/v1/80/x' } }, { route: { cluster: 'shop/v2/80/x' } }))),
      /share traffic differently/,
    );
    assert.match(String(shares('<html>')), /no JSON/);
  });
});
