import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { replay } from '../src/core/analysis/replay.ts';
import { profileOf } from '../src/core/analysis/profile.ts';
import { AnalysisProfile } from '../src/core/model/gate.ts';
import { PrometheusSource } from '../src/core/model/metrics-source.ts';
import type { SlotKey } from '../src/core/model/name.ts';
import { Sample } from '../src/core/model/observation.ts';
import {
  eventually,
  makeEnvironment,
  slot as tinySlot,
  type TestEnvironment,
} from '../src/drivers/local/testing/environment.ts';
import { checkSource } from '../src/drivers/prometheus/check.ts';
import { createQueryClient } from '../src/drivers/prometheus/query-client.ts';
import { appSource, Collector } from './collector.ts';
import { CountingTarget } from './counting-target.ts';
import { PrometheusProcess, prometheusProgram } from './prometheus-process.ts';

/*
 * The Prometheus driver against a real Prometheus, which scrapes every second. Needs Debian's package: the tests are
 * there where it is, and always in CI, where a missing one fails.
 */

const signal = new AbortController().signal;
const slot: SlotKey = { project: 'demo', environment: 'production', service: 'app' };
const arms = { canary: 'app-2', stable: 'app-1' };

if (prometheusProgram() === null && process.env['CI'] === undefined) {
  process.stdout.write('# no Prometheus here: apt-get install prometheus, or PROMETHEUS=/path/to/it\n');
} else {
  describe('prometheus: the counters of applications, each scraped by itself', () => applications());
  describe('prometheus: the counters of Belay’s edge', () => edge());
  test('prometheus: basic authentication', basicAuthentication);
}

function applications(): void {
  let prometheus: PrometheusProcess;
  let stable: CountingTarget;
  let canary: CountingTarget;
  let late: CountingTarget;
  let collector: Collector;
  const pods = ['app-1/stable-0', 'app-2/canary-0'] as const;

  before(async () => {
    stable = await CountingTarget.start('app-1', 'stable-0');
    canary = await CountingTarget.start('app-2', 'canary-0');
    late = await CountingTarget.start('app-2', 'canary-1');
    late.goAway();
    prometheus = await PrometheusProcess.start([
      { job: 'stable', address: stable.address },
      { job: 'canary', address: canary.address },
      { job: 'late', address: late.address },
    ]);
    collector = new Collector(appSource(prometheus.url), slot, arms, 10);
  });
  after(async () => {
    await prometheus?.close();
    await Promise.all([stable, canary, late].map((target) => target?.close()));
  });

  it('says that there is nothing yet, which is neither zero nor an empty answer', async () => {
    await collector.until(() => collector.failure?.code === 'not-found');
    assert.match(collector.failure?.message ?? '', /no sample of app-1 in the last 8 s/);
  });

  it('gives raw counters of both arms, added up over status codes, in milliseconds', async () => {
    stable.count('200', 900);
    stable.count('404', 50, 'slow');
    stable.count('500', 3);
    canary.count('200', 99);
    canary.count('503', 1, 'slow');
    await collector.untilNewer(...pods);
    const last = collector.last(pods[0]);
    assert.deepEqual(Sample.parse(last), last);
    const { t, started, ...rest } = last ?? assert.fail();
    assert.deepEqual(rest, {
      arm: 'stable',
      pod: 'app-1/stable-0',
      weight: 0.1,
      requests: 953,
      bad: { errors: 3 },
      latencyMs: { '100': 903, '2500': 953, '+Inf': 953 },
      saturation: 0.5,
    });
    assert.ok(started !== undefined && started < t && t - started < 60);
    const other = collector.last(pods[1]);
    assert.deepEqual(
      [other?.arm, other?.requests, other?.bad, other?.latencyMs],
      ['canary', 100, { errors: 1 }, { '100': 99, '2500': 100, '+Inf': 100 }],
    );
  });

  it('gives each scrape once', async () => {
    const { length } = collector.samples;
    await collector.until(() => collector.samples.length >= length + 6);
    for (const pod of pods) {
      const times = collector.of(pod).map(({ t }) => t);
      assert.deepEqual(
        times,
        [...new Set(times)].sort((a, b) => a - b),
      );
    }
  });

  it('shows the reset of a counter as it is, so that an analysis counts what came since', async () => {
    await collector.untilCounted(...pods);
    const before = collector.counted('canary');
    canary.restart();
    canary.count('200', 25);
    canary.count('500', 5);
    await collector.untilNewer(...pods);
    canary.count('200', 20);
    await collector.untilCounted(...pods);
    const since = collector.counted('canary');
    assert.equal(since.requests - before.requests, 50);
    assert.equal((since.bad['errors'] ?? 0) - (before.bad['errors'] ?? 0), 5);
    const [first, last] = [collector.of(pods[1])[0], collector.last(pods[1])];
    assert.ok((last?.requests ?? 0) < (first?.requests ?? 0));
    assert.ok((last?.started ?? 0) > (first?.started ?? 0));
  });

  it('leaves out the scrapes that were missed, and loses none of the requests', async () => {
    const before = { canary: collector.counted('canary'), stable: collector.counted('stable') };
    canary.goAway();
    canary.count('200', 70);
    stable.count('200', 700);
    const gone = Date.now() / 1000;
    await collector.until(() => (collector.last(pods[0])?.t ?? 0) > gone + 2.5);
    assert.ok((collector.last(pods[1])?.t ?? 0) <= gone + 0.5);
    canary.comeBack();
    await collector.untilCounted(...pods);
    // Without a canary there was no boundary: the gap is one interval, for both arms.
    const grown = (arm: 'canary' | 'stable') => collector.counted(arm).requests - before[arm].requests;
    assert.deepEqual([grown('canary'), grown('stable')], [70, 700]);
  });

  it('takes in a process that begins in the middle, and all its requests', async () => {
    // While the canary has nothing to say there is no boundary, so that none comes between its start and its first scrape.
    canary.goAway();
    await collector.untilCounted(pods[0]);
    const before = collector.counted('canary').requests;
    late.restart();
    late.count('200', 40);
    late.comeBack();
    await collector.untilCounted(pods[0], 'app-2/canary-1');
    assert.equal(collector.counted('canary').requests - before, 40);
    late.goAway();
    canary.comeBack();
  });

  it('holds with a reason while Prometheus is away, and goes on when it is back', async () => {
    const before = collector.counted('stable').requests;
    await prometheus.stop('SIGKILL');
    await collector.until(() => collector.failure !== null);
    assert.deepEqual([collector.failure?.code], ['unreachable']);
    assert.match(collector.failure?.message ?? '', /^Prometheus: requests: ECONNREFUSED$/);
    stable.count('200', 1_000);
    await prometheus.startAgain();
    await collector.untilCounted(...pods);
    assert.equal(collector.failure, null);
    assert.equal(collector.counted('stable').requests - before, 1_000);
  });

  it('puts a sample down to the weight that it was scraped at', async () => {
    const changed = Date.now() / 1000;
    collector.canaryWeight = 50;
    await collector.untilNewer(...pods);
    await collector.until(() => collector.last(pods[0])?.weight === 0.5);
    for (const { t, weight } of collector.samples) assert.equal(weight, t < changed + 1 ? 0.1 : 0.5);
    assert.ok(collector.of(pods[0]).some(({ t }) => t > changed));
  });

  it('reads the history backwards, as an analysis takes it, and the same twice', async () => {
    const asked = { stable: 'app-1', before: Date.now() / 1000 };
    const first = await collector.metrics.history(slot, asked, signal);
    const again = await collector.metrics.history(slot, asked, signal);
    assert.ok(first.ok && again.ok);
    assert.deepEqual(again.value, first.value);
    const { samples, slices, ended } = first.value;
    assert.equal(ended, 'whole-span');
    assert.equal(
      slices.reduce((sum, one) => sum + one.to - one.from, 0),
      86_400,
    );
    assert.ok(samples.length >= 1);
    assert.equal(
      samples.length,
      slices.reduce((sum, one) => sum + one.samples, 0),
    );
    for (const sample of samples) {
      assert.deepEqual(Sample.parse(sample), sample);
      assert.deepEqual([sample.arm, sample.pod], ['stable', pods[0]]);
    }
    assert.match(slices.at(-1)?.digest ?? '', /^sha256:[0-9a-f]{64}$/);
    const profile = profileOf(AnalysisProfile.parse({ latency: { aboveMs: 100 } }));
    const later = collector.samples.filter(({ t }) => t > (samples.at(-1)?.t ?? 0));
    assert.equal(replay(later, samples, profile).final.move, 'hold');
  });

  it('tells of the failures in a history', async () => {
    stable.count('500', 600);
    await collector.untilNewer(pods[0]);
    stable.count('500', 600);
    await collector.untilNewer(pods[0]);
    const read = await collector.metrics.history(
      slot,
      { stable: 'app-1', before: Date.now() / 1000 },
      signal,
    );
    assert.ok(read.ok);
    assert.equal(read.value.ended, 'whole-span');

    assert.ok((read.value.slices.at(-1)?.bad ?? 0) >= 1_200);
  });

  it('does not take errors that are not counted for none', async () => {
    const blind = new Collector(
      appSource(prometheus.url, { errors: 'app_requests_total{status=~"5.."}' }),
      slot,
      arms,
      10,
    );
    await blind.look();
    assert.equal(blind.failure?.code, 'not-found');
    assert.match(
      blind.failure?.message ?? '',
      /errors: there is no series of app_requests_total\{status!="",release=~"app-[12]"\}/,
    );
  });

  it('tries the queries of a document', async () => {
    const found = async (changes: object, service = slot) =>
      (
        await checkSource(
          createQueryClient(appSource(prometheus.url), null),
          appSource(prometheus.url, changes),
          [service],
          signal,
        )
      ).map(({ severity, path, message }) => `${severity} ${path} ${message}`);
    assert.deepEqual(await found({}), []);
    assert.match(
      (await found({ errors: 'app_requests_total{code=~"5["}' })).join(),
      /^error \/errors Prometheus does not understand it: .*error parsing regexp/,
    );
    assert.deepEqual(await found({ requests: 'app_request_total{service="${service}"}' }), [
      'warning /requests app_request_total{service="app"} returns no series now',
    ]);
    assert.deepEqual(await found({ errors: 'app_requests_total{status="500"}' }), [
      'warning /errors app_requests_total{status!=""} returns no series now',
    ]);
    assert.match(
      (await found({ release: { label: 'version' } })).join(),
      /none of its \d+ series has a label version/,
    );
    assert.match(
      (await found({ pod: 'container' })).join(),
      /warning \/requests \d+ of its series have no label container/,
    );
  });

  it('tells apart the processes of one arm that carry the same name', async () => {
    late.comeBack();
    late.count('200', 1);
    const alone = new Collector(appSource(prometheus.url, { pod: 'release' }), slot, arms, 10);
    await alone.until(() => alone.failure?.code === 'invalid-answer');
    assert.match(
      alone.failure?.message ?? '',
      /do not have their samples at the same times: name in metrics\.pod/,
    );
  });

  it('says so when what it reads has grown stale', async () => {
    for (const target of [stable, canary, late]) target.goAway();
    await collector.until(() => collector.failure?.code === 'not-found');
    assert.match(collector.failure?.message ?? '', /no sample of app-1 in the last 8 s/);
  });
}

function edge(): void {
  let environment: TestEnvironment;
  let prometheus: PrometheusProcess;
  before(async () => {
    environment = await makeEnvironment();
    const { driver } = environment;
    for (const release of ['tiny-v1', 'tiny-v2'])
      await driver.desiredState.applyWorkload(tinySlot, environment.spec(release, 1), signal);
    await environment.until(
      ({ workloads }) => workloads.length === 2 && workloads.every(({ ready }) => ready === 1),
    );
    prometheus = await PrometheusProcess.start([
      {
        job: 'edge',
        address: new URL(environment.agent.endpoint.control).host,
        tokenFile: join(environment.folder, 'token'),
      },
    ]);
  });
  after(async () => {
    await prometheus?.close();
    await environment?.close();
  });

  it('needs no more than an address, and ends where the edge’s own counters are', async () => {
    const { driver } = environment;
    const shared = [
      { release: 'tiny-v1', weight: 70 },
      { release: 'tiny-v2', weight: 30 },
    ];
    assert.deepEqual(await driver.traffic.shift(tinySlot, { generation: 1, weights: shared }, signal), {
      outcome: 'done',
    });
    const source = PrometheusSource.parse({ source: 'prometheus', url: prometheus.url, every: 0 });
    const tinyArms = { canary: 'tiny-v2', stable: 'tiny-v1' };
    const collector = new Collector(source, tinySlot, tinyArms, 30);
    await collector.until(() => collector.samples.length >= 2);
    for (let sent = 0; sent < 100; sent += 1) await environment.request(sent % 10 === 0 ? '/fail' : '/');
    await environment.request('/crash');
    await eventually(
      () => environment.request('/'),
      ({ status }) => status === 200,
    );
    const own = await driver.metrics.scrape(tinySlot, { ...tinyArms, weights: null }, signal);
    assert.ok(own.ok);
    const started = own.value.filter(({ requests }) => requests > 0);
    assert.ok(started.length >= 2);
    await collector.untilNewer(
      ...own.value
        .filter(({ pod }) => !pod.endsWith('-none'))
        .slice(-1)
        .map(({ arm, pod }) => `${tinyArms[arm]}/${pod}`),
    );
    await delay(1_200);
    await collector.look();
    for (const { t: _, ready: _ready, pod, ...expected } of started) {
      const {
        t,
        pod: named,
        ...got
      } = collector.last(`${tinyArms[expected.arm]}/${pod}`) ?? assert.fail(pod);
      assert.ok(t > 0 && named.endsWith(pod));
      assert.deepEqual(got, expected);
    }
  });

  it('takes a token by reference only, and reads it at each call', () => {
    const text = readFileSync(join(environment.folder, 'token'), 'utf8').trim();
    const written = PrometheusSource.safeParse({
      source: 'prometheus',
      url: prometheus.url,
      authentication: { type: 'bearer', token: text },
    });
    assert.equal(written.success, false);
    assert.equal(JSON.stringify(written.error).includes(text), false);
  });
}

async function basicAuthentication(): Promise<void> {
  // bcrypt of `correct horse`, at the least cost.
  const web = `basic_auth_users: { belay: '$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e' }`;
  const folder = mkdtempSync(join(tmpdir(), 'belay-secrets-'));
  const prometheus = await PrometheusProcess.start([], web);
  try {
    const source = (password: string) =>
      PrometheusSource.parse({
        source: 'prometheus',
        url: prometheus.url,
        authentication: { type: 'basic', username: 'belay', password: `file:${password}` },
      });
    writeFileSync(join(folder, 'right'), 'correct horse\n');
    writeFileSync(join(folder, 'wrong'), 'battery staple\n');
    const right = await createQueryClient(source('right'), folder).query('vector(1)', null, signal);
    assert.ok(right.ok);
    assert.deepEqual(right.value.series[0]?.values[0]?.[1], '1');
    const wrong = await createQueryClient(source('wrong'), folder).query('vector(1)', null, signal);
    assert.deepEqual(wrong, {
      ok: false,
      error: { code: 'unreachable', message: 'it refuses the credentials, or wants some (401)' },
    });
  } finally {
    await prometheus.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
