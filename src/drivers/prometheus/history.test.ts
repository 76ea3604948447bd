import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PrometheusSource } from '../../core/model/metrics-source.ts';
import { mostSlices } from '../../core/model/metrics-history.ts';
import { err, ok } from '../../core/model/result.ts';
import type { Series } from './answer.ts';
import { readHistory } from './history.ts';
import type { QueryClient } from './query-client.ts';

const slot = { project: 'demo', environment: 'production', service: 'app' };
const source = PrometheusSource.parse({
  source: 'prometheus',
  url: 'http://localhost:9090',
  requests: 'requests_total',
  errors: 'errors_total',
  latency: null,
  started: null,
});
const before = 1_700_000_000;

/** A Prometheus whose one process counts ten requests a second and is scraped each 15; `failedBy` is a count by then. */
function counting(failedBy: (t: number) => number, asked: () => void = () => undefined): QueryClient {
  return {
    query: async (expression, time) => {
      asked();
      const to = time ?? 0;
      const from = to - Number(/\[(\d+)ms\]$/.exec(expression)?.[1]) / 1000;
      const values: (readonly [number, string])[] = [];
      for (let t = Math.ceil(from / 15) * 15; t <= to; t += 15)
        values.push([t, String(expression.startsWith('errors') ? failedBy(t) : 10 * (t - before + 90_000))]);
      const labels = { release: 'app-1', pod: 'a' };
      const series: Series[] = [{ labels, values }];
      return ok({ series, date: null });
    },
  };
}

const read = (client: QueryClient, signal = new AbortController().signal) =>
  readHistory(client, source, slot, { stable: 'app-1', before }, signal);

/** Once in so many seconds, so many failures. */
const clusters = (every: number, size: number) => (t: number) =>
  size * Math.floor((t - before + 90_000) / every);

test('a history goes back to a thousand bursts, however few requests fail in each', async () => {
  const found = await read(counting(clusters(15, 1)));
  assert.ok(found.ok);
  assert.equal(found.value.ended, 'enough-events');
  // 119 bursts lie within the 120 scrapes of half an hour.
  assert.equal(found.value.slices.length, 9);
});

test('a cluster counts once, however many requests fail in it', async () => {
  const found = await read(counting(clusters(600, 5_000)));
  assert.ok(found.ok);
  assert.equal(found.value.ended, 'whole-span');
  assert.equal(found.value.slices.length, 48);
  assert.ok((found.value.slices[0]?.bad ?? 0) >= 10_000);
});

test('what was read before the time was over is the history', async () => {
  const limit = new AbortController();
  let asked = 0;
  const client = counting(clusters(600, 1));
  const found = await read(
    {
      query: async (...question) => {
        asked += 1;
        if (asked > 6) limit.abort();
        return limit.signal.aborted
          ? err({ code: 'unreachable', message: 'given up' })
          : client.query(...question);
      },
    },
    limit.signal,
  );
  assert.ok(found.ok);
  assert.deepEqual([found.value.ended, found.value.slices.length], ['out-of-time', 3]);
});

test('an answer that is too large is asked for in smaller parts, and no more than an entry can tell of', async () => {
  const client = counting(clusters(600, 1));
  const found = await read({
    query: async (expression, time, signal) =>
      Number(/\[(\d+)ms\]$/.exec(expression)?.[1]) > 500_000
        ? err({ code: 'too-large', message: 'more than 8 MB' })
        : client.query(expression, time, signal),
  });
  assert.ok(found.ok);
  assert.deepEqual([found.value.ended, found.value.slices.length], ['enough-samples', mostSlices]);
});
