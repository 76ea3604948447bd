import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import type { SlotKey } from '../../src/core/model/name.ts';
import { putArtifact } from '../../src/drivers/local/content-store.ts';
import { createLocalDriver } from '../../src/drivers/local/driver.ts';
import { startAgentProcess } from '../../src/drivers/local/start-agent.ts';
import type { AgentProcess } from '../../src/drivers/local/start-agent.ts';
import { eventually } from '../../src/drivers/local/testing/environment.ts';
import type { EnvironmentDriver } from '../../src/ports/environment.ts';
import { testServer } from '../../src/store/testing/database.ts';
import { buildShop, shopVersions } from './build.ts';
import type { ShopArtifact, ShopVersion } from './build.ts';
import { createShopDatabase } from './database.ts';
import type { ShopDatabase } from './database.ts';
import { Load } from './load.ts';
import type { LoadReport } from './load.ts';
import { testShop } from './test.ts';

const slot: SlotKey = { project: 'demo', environment: 'production', service: 'shop' };
const signal = new AbortController().signal;

describe('shop: built and tested', () => {
  const folder = mkdtempSync(join(tmpdir(), 'belay-shop-'));
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('gives the same digest twice, another for each version, in a small archive', async () => {
    const digests = new Set<string>();
    for (const version of shopVersions) {
      const [first, second] = [await buildShop(version, folder), await buildShop(version, folder)];
      assert.equal(first.digest, second.digest);
      assert.deepEqual(readFileSync(first.file), Buffer.from(second.bytes));
      assert.ok(first.bytes.length < 200_000, `${version}: ${first.bytes.length} bytes`);
      digests.add(first.digest);
    }
    assert.equal(digests.size, shopVersions.length);
  });

  it('passes its unit tests in every version, bugs and all, and says so in JUnit XML', async () => {
    for (const version of shopVersions) {
      const { passed, xml } = await testShop(version);
      assert.equal(passed, true, xml);
      assert.equal(xml.match(/<testcase /g)?.length, 6);
      assert.equal(xml.includes('<failure'), false);
    }
  });
});

describe('shop: in an environment', () => {
  const root = mkdtempSync(join(tmpdir(), 'belay-shop-'));
  const artifacts = new Map<ShopVersion, ShopArtifact>();
  let agent: AgentProcess | undefined;
  let database: ShopDatabase;
  let driver: EnvironmentDriver;
  let edge = '';

  before(async () => {
    const { connection } = await testServer();
    database = await createShopDatabase(connection, 'shop_test');
    const store = join(root, 'artifacts');
    const secrets = join(root, 'secrets');
    mkdirSync(secrets, { mode: 0o700 });
    writeFileSync(join(secrets, 'shop-database'), database.password, { mode: 0o600 });
    for (const version of shopVersions) {
      const artifact = await buildShop(version, join(root, 'out'));
      await putArtifact(store, artifact.bytes);
      artifacts.set(version, artifact);
    }
    const started = await startAgentProcess({
      folder: join(root, 'agent'),
      artifacts: store,
      secrets,
      environment: slot.environment,
      slots: [{ project: slot.project, service: slot.service }],
      parentPid: process.pid,
    });
    assert.ok(started.ok, started.ok ? '' : started.error);
    agent = started.value;
    edge = agent.edge(slot.project, slot.service) ?? '';
    driver = createLocalDriver(agent.folder);
  });
  after(async () => {
    await agent?.stop();
    rmSync(root, { recursive: true, force: true });
  });

  const observe = async () => {
    const observed = await driver.observer.observe(slot, signal);
    assert.ok(observed.ok);
    return observed.value;
  };
  const start = async (version: ShopVersion, generation: number, replicas = 1): Promise<void> => {
    const artifact = artifacts.get(version);
    assert.ok(artifact !== undefined);
    const spec = {
      generation,
      release: `shop-${version}`,
      artifact: artifact.digest,
      replicas,
      configuration: {
        digest: `sha256:${'0'.repeat(64)}`,
        parameters: database.parameters,
        bundle: null,
        secrets: [{ name: 'SHOP_DATABASE_PASSWORD', reference: 'file:shop-database', version: '1' }],
      },
    };
    assert.deepEqual(await driver.desiredState.applyWorkload(slot, spec, signal), { outcome: 'done' });
  };
  const isReady = (version: ShopVersion) =>
    eventually(observe, ({ workloads }) =>
      workloads.some(({ release, ready, desired }) => release === `shop-${version}` && ready === desired),
    );
  const shift = async (generation: number, ...weights: [ShopVersion, number][]): Promise<void> => {
    const named = weights.map(([version, weight]) => ({ release: `shop-${version}`, weight }));
    const outcome = await driver.traffic.shift(slot, { generation, weights: named }, signal);
    assert.deepEqual(outcome, { outcome: 'done' });
  };
  const remove = async (generation: number, version: ShopVersion): Promise<void> => {
    const target = { generation, release: `shop-${version}` };
    assert.deepEqual(await driver.desiredState.removeWorkload(slot, target, signal), { outcome: 'done' });
    await eventually(observe, ({ workloads }) =>
      workloads.every(({ release }) => release !== `shop-${version}`),
    );
  };
  const seen = (report: LoadReport, version: ShopVersion) =>
    report.releases[`shop-${version}`] ?? { requests: 0, failures: 0, firstSeen: 0, lastSeen: 0 };
  const load = (profile: 'production' | 'smoke', seed: number): Load =>
    new Load({ edge, profile, rate: 150, seed, seconds: 30 });

  it('takes a good version to a tenth of the traffic and back without one failed request', async () => {
    await start('v1', 1, 2);
    await isReady('v1');
    await shift(1, ['v1', 100]);
    const traffic = load('production', 7);
    await start('v2', 1);
    await isReady('v2');
    await shift(1, ['v1', 90], ['v2', 10]);
    await eventually(
      () => traffic.report(),
      (report) => seen(report, 'v2').requests >= 15,
    );
    await shift(1, ['v1', 100]);
    await remove(1, 'v2');
    const arms = { canary: 'shop-v2', stable: 'shop-v1', weights: null };
    const report = await traffic.stop();
    const samples = await driver.metrics.scrape(slot, arms, signal);
    assert.ok(samples.ok);
    const counted = samples.value.reduce((sum, { requests }) => sum + requests, 0);
    assert.equal(counted, seen(report, 'v1').requests);
    assert.equal(seen(report, 'v1').requests + seen(report, 'v2').requests, report.sent);
    assert.deepEqual([report.failures, report.unsent, report.open], [0, 0, 0]);
  });

  it('meets the bug of v3 in production’s traffic only', async () => {
    await start('v3', 2);
    await isReady('v3');
    await shift(2, ['v3', 100]);
    const smoke = new Load({ edge, profile: 'smoke', rate: 150, seed: 3, seconds: 30, requests: 200 });
    assert.deepEqual(seen(await smoke.done, 'v3').failures, 0);
    const real = new Load({ edge, profile: 'production', rate: 150, seed: 3, seconds: 30, requests: 300 });
    const { requests, failures } = seen(await real.done, 'v3');
    assert.equal(requests, 300);
    assert.ok(failures >= 6 && failures <= 40, `about 18 of 300 fail, not ${failures}`);
    const samples = await driver.metrics.scrape(
      slot,
      { canary: 'shop-v3', stable: null, weights: null },
      signal,
    );
    assert.ok(samples.ok);
    assert.equal(samples.value[0]?.bad['errors'], failures);
    await shift(2, ['v1', 100]);
    await remove(2, 'v3');
  });

  it('meets the slowness of v4 in production’s traffic only, and without failures', async () => {
    await start('v4', 3);
    await isReady('v4');
    await shift(3, ['v4', 100]);
    const smoke = new Load({ edge, profile: 'smoke', rate: 150, seed: 4, seconds: 30, requests: 200 });
    const calm = (await smoke.done).serviceMs;
    const slow = async (): Promise<number> => {
      const samples = await driver.metrics.scrape(
        slot,
        { canary: 'shop-v4', stable: null, weights: null },
        signal,
      );
      assert.ok(samples.ok);
      return samples.value.reduce(
        (sum, { requests, latencyMs }) => sum + requests - (latencyMs['250'] ?? 0),
        0,
      );
    };
    const before = await slow();
    const real = new Load({ edge, profile: 'production', rate: 150, seed: 4, seconds: 30, requests: 300 });
    const report = await real.done;
    assert.equal(report.failures, 0);
    const late = (await slow()) - before;
    assert.ok(late >= 5 && late <= 35, `about 16 of 300 are slow, not ${late}`);
    assert.ok(report.serviceMs.p50 < 100, `the others are served as usual: ${report.serviceMs.p50} ms`);
    assert.ok(calm.p95 < 250, `a smoke test sees nothing: ${calm.p95} ms`);
    await shift(3, ['v1', 100]);
    await remove(3, 'v4');
  });

  it('starts v6, which never becomes ready, and v5, which does', async () => {
    await start('v6', 4);
    await start('v5', 4);
    await isReady('v5');
    const log = join(root, 'agent', 'agent.log');
    const observed = await observe();
    assert.equal(observed.workloads.find(({ release }) => release === 'shop-v6')?.ready, 0);
    const outcome = await driver.traffic.shift(
      slot,
      { generation: 4, weights: [{ release: 'shop-v6', weight: 100 }] },
      signal,
    );
    assert.equal(outcome.outcome, 'failed');
    assert.equal(readFileSync(log, 'utf8').includes(database.password), false);
    await remove(4, 'v6');
    await remove(4, 'v5');
  });

  it('refuses what it cannot do, and exposes its metrics', async () => {
    const post = async (body: string) => (await fetch(`${edge}/checkout`, { method: 'POST', body })).status;
    assert.equal(await post('{'), 400);
    assert.equal(await post('{"customerId":7,"items":[{"productId":999,"quantity":1}]}'), 400);
    assert.equal(await post('{"customerId":99999,"items":[{"productId":9,"quantity":1}]}'), 400);
    assert.equal(await post('{"customerId":7,"items":[{"productId":9,"quantity":1}],"voucher":"NO"}'), 400);
    assert.equal(
      await post('{"customerId":7,"items":[{"productId":9,"quantity":1}],"voucher":"SPRING10"}'),
      201,
    );
    assert.equal((await fetch(`${edge}/orders/99999999`)).status, 404);
    assert.equal((await fetch(`${edge}/nothing`)).status, 404);
    const { products } = (await (await fetch(`${edge}/products`)).json()) as { products: unknown[] };
    assert.equal(products.length, 50);
    const metrics = await (await fetch(`${edge}/metrics`)).text();
    assert.match(metrics, /^shop_requests_total\{route="(checkout|products|refused)",code="\d+"\} \d+$/m);
  });

  it('is loaded by a process of its own that reports on stdout', async () => {
    const words = ['--edge', edge, '--profile', 'smoke', '--rate', '50', '--seconds', '1.2'];
    const child = spawn(process.execPath, [join(import.meta.dirname, 'load.ts'), ...words], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const reports: LoadReport[] = [];
    for await (const line of createInterface(child.stdout)) reports.push(JSON.parse(line) as LoadReport);
    const last = reports.at(-1);
    assert.ok(last !== undefined && reports.length >= 2);
    assert.ok(last.sent > 20);
    assert.deepEqual([last.failures, last.open, seen(last, 'v1').requests], [0, 0, last.sent]);
  });
});
