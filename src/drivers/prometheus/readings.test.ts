import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PrometheusSource } from '../../core/model/metrics-source.ts';
import { workloadName } from '../kubernetes/labels.ts';
import type { Series } from './answer.ts';
import { type Fetched, readingsOf } from './counters.ts';
import { fillSelector, ofArms, releaseValue, whateverValues, withMatcher } from './selector.ts';
import { WeightsSeen } from './weights-seen.ts';

const parsed = (changes: object = {}) =>
  PrometheusSource.safeParse({ source: 'prometheus', url: 'http://localhost:9090', ...changes });
const sourceOf = (changes: object = {}): PrometheusSource =>
  PrometheusSource.parse({
    source: 'prometheus',
    url: 'http://localhost:9090',
    latency: { buckets: 'b' },
    ...changes,
  });
const slot = { project: 'demo', environment: 'production', service: 'shop' };

test('a selector is a selector: no function, no range, nothing after it', () => {
  for (const good of [
    'requests_total',
    'job:requests:total{}',
    'a{b="c"}',
    'a{ b = "c" , d=~"5..|4\\\\d" }',
    'a{b!="", c!~"\\"x\\""}',
    'belay_edge_requests_total{service="${service}"}',
  ])
    assert.equal(parsed({ requests: good }).success, true, good);
  for (const bad of [
    'rate(requests_total[5m])',
    'requests_total[5m]',
    'sum(requests_total)',
    'a{b="c"} or d',
    'a{b="c"}} or vector(1)',
    'a{b=c}',
    'a{b="c}',
    '{__name__="a"}',
    'a offset 5m',
    '',
  ])
    assert.equal(parsed({ requests: bad }).success, false, bad);
});

test('an address holds no credentials, and a complaint repeats none', () => {
  for (const url of ['https://user:hunter2@host', 'http://host/?token=hunter2', 'ftp://host', 'host:9090']) {
    const read = parsed({ url });
    assert.equal(read.success, false, url);
    assert.doesNotMatch(JSON.stringify(read.error?.issues.map(({ message }) => message)), /hunter2/);
  }
  assert.equal(parsed({ url: 'https://prometheus.example:9090/team/a' }).success, true);
  assert.equal(parsed({ release: { value: 'shop' } }).success, false);
});

test('names are filled in, and the releases asked for by the label’s whole value', () => {
  assert.equal(
    fillSelector('a{s="${service}",p="${project}",x="${other}"}', slot),
    'a{s="shop",p="demo",x="${other}"}',
  );
  assert.equal(withMatcher('a', 'b="c"'), 'a{b="c"}');
  assert.equal(withMatcher('a{}', 'b="c"'), 'a{b="c"}');
  assert.equal(withMatcher('a{x="}"}', 'b="c"'), 'a{x="}",b="c"}');
  const source = sourceOf({ release: { label: 'cluster', value: '${environment}_${service}.${arm}' } });
  const values = {
    canary: releaseValue(source, slot, 'canary', 'shop-2'),
    stable: releaseValue(source, slot, 'stable', 'shop-1'),
  };
  assert.deepEqual(values, { canary: 'production_shop.canary', stable: 'production_shop.stable' });
  assert.equal(
    ofArms(source, 'a', values),
    String.raw`a{cluster=~"production_shop\\.canary|production_shop\\.stable"}`,
  );
});

test('the Service that the Kubernetes driver makes for a release is what a gateway calls its cluster', () => {
  const source = sourceOf({ release: { label: 'envoy_cluster_name', value: 'shop_${workload}_8080' } });
  assert.equal(releaseValue(source, slot, 'canary', 'shop-2'), `shop_${workloadName(slot, 'shop-2')}_8080`);
});

test('what must be there for no errors to mean none', () => {
  const all = 'r{job="a"}';
  assert.equal(whateverValues('r{job="a",code=~"5.."}', all), 'r{job="a",code!=""}');
  assert.equal(whateverValues('e{job="a"}', all), 'e{job="a"}');
  assert.equal(whateverValues('e{job="a",code!~"2..",x="}"}', all), 'e{job="a",code!~"2..",x!=""}');
});

const one = (labels: Record<string, string>, ...points: (readonly [number, number | string])[]): Series => ({
  labels: { __name__: 'm', ...labels },
  values: points.map(([t, value]) => [t, String(value)] as const),
});
const stable = { release: 's', pod: 'a' };
const values = { canary: 'c', stable: 's' };
const nothing: Fetched = { requests: [], errors: [], buckets: null, started: [], saturation: [] };
const readings = (fetched: Partial<Fetched>, changes: object = {}) =>
  readingsOf(sourceOf(changes), values, { ...nothing, ...fetched });

test('series of one process are added up at each scrape; one that begins later begins at nothing', () => {
  const read = readings({
    requests: [
      one({ ...stable, code: '200' }, [1, 10], [2, 12], [3, 13]),
      one({ ...stable, code: '500' }, [2, 1], [3, 1]),
    ],
    errors: [one({ ...stable, code: '500' }, [2, 1], [3, 1])],
    started: [one(stable, [1, 0.5], [2, 0.5]), one({ ...stable, x: 'y' }, [1, 0.25])],
  });
  assert.ok(read.ok);
  assert.deepEqual(
    read.value.map(({ t, requests, errors, started }) => [t, requests, errors, started]),
    [
      [1, 10, 0, 0.25],
      [2, 13, 1, 0.5],
      [3, 14, 1, null],
    ],
  );
});

test('a gauge counts by the highest of its series, also when another job scrapes it; an old one says nothing', () => {
  const read = readings({
    requests: [one(stable, [100, 1], [130, 2], [190, 3])],
    saturation: [one(stable, [98, 0.5], [130, 0.2]), one({ ...stable, of: 'memory' }, [98, 0.7], [130, 0.1])],
  });
  assert.ok(read.ok);
  assert.deepEqual(
    read.value.map(({ saturation }) => saturation),
    [0.7, 0.2, 0.2],
  );
  const late = readings({
    requests: [one(stable, [100, 1], [200, 2])],
    saturation: [one(stable, [101, 0.5])],
  });
  assert.ok(late.ok);
  assert.deepEqual(
    late.value.map(({ saturation }) => saturation),
    [null, null],
  );
  assert.equal(readings({ saturation: [one(stable, [1, 'NaN'])] }).ok, false);
});

test('after a restart series that have not begun again are not there, and the sum shows the reset', () => {
  const read = readings({
    requests: [one({ ...stable, code: '200' }, [1, 10], [2, 3]), one({ ...stable, code: '500' }, [1, 5])],
  });
  assert.ok(read.ok);
  assert.deepEqual(
    read.value.map(({ requests }) => requests),
    [15, 3],
  );
});

test('both arms of one gateway keep names of their own', () => {
  const read = readings({
    requests: [
      one(stable, [1, 1]),
      one({ release: 'c', pod: 'a' }, [1, 2]),
      one({ release: 'old', pod: 'a' }, [1, 3]),
    ],
  });
  assert.ok(read.ok);
  assert.deepEqual(
    read.value.map(({ arm, pod, requests }) => [arm, pod, requests]),
    [
      ['canary', 'c/a', 2],
      ['stable', 's/a', 1],
    ],
  );
  const single = readings({ requests: [one({ release: 's' }, [1, 1])] }, { pod: null });
  assert.ok(single.ok);
  assert.equal(single.value[0]?.pod, 's');
});

test('series that are scraped at different times are not added up', () => {
  for (const fetched of [
    { requests: [one({ ...stable, i: '1' }, [1, 1], [3, 1]), one({ ...stable, i: '2' }, [2, 1], [4, 1])] },
    { requests: [one(stable, [1, 1], [3, 1])], errors: [one(stable, [2, 1])] },
    { requests: [one(stable, [1, 1], [2, 1], [3, 1])], errors: [one(stable, [1, 1], [3, 1])] },
  ]) {
    const read = readings(fetched);
    assert.equal(read.ok, false);
    assert.match(read.error, /do not have their samples at the same times/);
  }
  // What came between two queries, and what fell out of the window, is no difference.
  assert.ok(
    readings({
      requests: [one(stable, [2, 1], [3, 1])],
      errors: [one(stable, [1, 0], [2, 0], [3, 0], [4, 0])],
    }).ok,
  );
});

test('bounds come in milliseconds, without what multiplication adds', () => {
  const buckets = ['0.005', '0.07', '1e-05', '2.5', '+Inf'].map((le, i) => one({ ...stable, le }, [1, i]));
  const read = readings({ requests: [one(stable, [1, 4])], buckets });
  assert.ok(read.ok);
  assert.deepEqual(read.value[0]?.latencyMs, { '5': 0, '70': 1, '0.01': 2, '2500': 3, '+Inf': 4 });
  const milliseconds = readings(
    {
      requests: [one(stable, [1, 4])],
      buckets: [one({ ...stable, le: '250' }, [1, 1]), one({ ...stable, le: '+Inf' }, [1, 4])],
    },
    { latency: { buckets: 'b', unit: 'milliseconds' } },
  );
  assert.ok(milliseconds.ok);
  assert.deepEqual(milliseconds.value[0]?.latencyMs, { '250': 1, '+Inf': 4 });
});

test('a bound that not every series of a process has is left out, and so is a scrape without buckets', () => {
  const buckets = [
    ...['1', '2', '+Inf'].map((le) => one({ ...stable, route: 'x', le }, [1, 5])),
    ...['1', '+Inf'].map((le) => one({ ...stable, route: 'y', le }, [1, 7])),
  ];
  const read = readings({ requests: [one(stable, [1, 12], [2, 13])], buckets });
  assert.ok(read.ok);
  assert.deepEqual(
    read.value.map(({ t, latencyMs }) => [t, latencyMs]),
    [[1, { '1000': 12, '+Inf': 12 }]],
  );
  const wrong = readings({
    requests: [one(stable, [1, 1])],
    buckets: [one({ ...stable, le: 'fast' }, [1, 1])],
  });
  assert.match(wrong.ok ? '' : wrong.error, /is no bucket: its label le is fast/);
});

test('a weight is told where the looks before and after saw the same', () => {
  const seen = new WeightsSeen(60);
  for (const [at, weight] of [
    [100, 0.1],
    [110, 0.1],
    [120, 0.3],
    [130, 0.3],
    [300, 0.3],
  ] as const)
    seen.look(at, weight);
  const expected: readonly (readonly [number, number | 'later' | null])[] = [
    [99, null],
    [100.5, null],
    [105, 0.1],
    [108.9, 0.1],
    [109.5, null],
    [115, null],
    [121.5, 0.3],
    [125, 0.3],
    [200, null],
    [299.5, 'later'],
    [301, 'later'],
  ];
  // Older looks than twice the longest gap are forgotten, so the early ones are asked for before the last look.
  const early = new WeightsSeen(60);
  for (const [at, weight] of [
    [100, 0.1],
    [110, 0.1],
    [120, 0.3],
    [130, 0.3],
  ] as const)
    early.look(at, weight);
  for (const [t, weight] of expected) assert.equal((t < 150 ? early : seen).at(t), weight, String(t));
});
