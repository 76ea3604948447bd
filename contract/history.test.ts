import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { formatInstant } from '../src/core/model/time-format.ts';
import { Sample } from '../src/core/model/observation.ts';
import { Home, runBelay } from '../src/cli/testing/run-belay.ts';
import { Collector, appSource } from './collector.ts';
import { CountingTarget } from './counting-target.ts';
import { PrometheusProcess, prometheusProgram } from './prometheus-process.ts';

const slot = { project: 'demo', environment: 'production', service: 'app' } as const;

/** The environment as its owner wrote it: what the counting target exports. */
const documents = (url: string): string => `
apiVersion: belay.dev/v1alpha1
kind: Environment
metadata: { name: ${slot.environment}, project: ${slot.project} }
spec:
  driver: local
  metrics:
    source: prometheus
    url: ${url}
    requests: app_requests_total
    errors: app_requests_total{code=~"5.."}
    latency: { buckets: app_seconds_bucket }
    started: app_start_time_seconds
    saturation: app_busy
`;

async function historyFromTheCommandLine(): Promise<void> {
  using home = new Home();
  const stable = await CountingTarget.start('app-1', 'stable-0');
  stable.count('200', 300);
  stable.count('500', 3, 'slow');
  const prometheus = await PrometheusProcess.start([{ job: 'stable', address: stable.address }]);
  try {
    const arms = { canary: 'app-2', stable: 'app-1' };
    const collector = new Collector(appSource(prometheus.url), slot, arms, 10);
    await collector.untilNewer('app-1/stable-0');
    stable.count('200', 200);
    await collector.untilNewer('app-1/stable-0');
    writeFileSync(join(home.path, 'belay.yaml'), documents(prometheus.url));
    const asked = ['analysis', 'history', '--release', 'app-1', '--service', 'app', '--out', 'before.ndjson'];
    const end = Math.ceil(collector.last('app-1/stable-0')?.t ?? 0);
    // It is over, and whatever was scraped before it is there.
    await collector.until(() => (collector.last('app-1/stable-0')?.t ?? 0) > end);
    const before = formatInstant(1_000 * end);
    const ran = await runBelay(home, [...asked, '--before', before, '-o', 'json']);
    assert.equal(ran.code, 0, ran.stderr);

    const samples = readFileSync(join(home.path, 'before.ndjson'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => Sample.parse(JSON.parse(line)));
    const straight = await collector.metrics.history(
      slot,
      { stable: 'app-1', before: end },
      AbortSignal.timeout(30_000),
    );
    assert.ok(straight.ok);
    assert.deepEqual(samples, straight.value.samples);
    const last = samples.at(-1);
    assert.deepEqual(
      [last?.requests, last?.bad, last?.latencyMs],
      [503, { errors: 3 }, { '100': 500, '2500': 503, '+Inf': 503 }],
    );
    const summary = JSON.parse(ran.stdout) as { readonly slices: unknown; readonly ended: string };
    assert.deepEqual([summary.slices, summary.ended], [straight.value.slices, 'whole-span']);

    const later = collector.samples.map((sample) => JSON.stringify({ ...sample, t: sample.t + 3_600 }));
    writeFileSync(join(home.path, 'now.ndjson'), later.join('\n'));
    const played = await runBelay(home, ['analysis', 'replay', 'now.ndjson', '--history', 'before.ndjson']);
    assert.equal(played.code, 0, played.stderr);
    assert.match(played.stdout, /^final: hold/m);

    await prometheus.stop();
    const away = await runBelay(home, asked);
    assert.equal(away.code, 1);
    assert.match(away.stderr, /belay\.yaml:8:5: Prometheus: requests: ECONNREFUSED/);
  } finally {
    await prometheus.close();
    await stable.close();
  }
}

if (prometheusProgram() === null && process.env['CI'] === undefined) {
  process.stdout.write('# no Prometheus here: apt-get install prometheus, or PROMETHEUS=/path/to/it\n');
} else {
  test('prometheus: belay analysis history writes what the driver reads', historyFromTheCommandLine);
}
