import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { eventually, makeEnvironment, slot } from '../testing/environment.ts';
import type { Sample } from '../../../core/model/observation.ts';
import type { TestEnvironment } from '../testing/environment.ts';

const signal = new AbortController().signal;

describe('edge', () => {
  let environment: TestEnvironment;
  before(async () => {
    environment = await makeEnvironment();
    await environment.driver.desiredState.applyWorkload(
      slot,
      environment.spec('tiny-v1', 1, { replicas: 2 }),
      signal,
    );
    await environment.driver.desiredState.applyWorkload(slot, environment.spec('tiny-v2', 1), signal);
    await environment.until(({ workloads }) => workloads.reduce((sum, { ready }) => sum + ready, 0) === 3);
  });
  after(() => environment.close());

  const shift = (generation: number, v1: number, v2: number) =>
    environment.driver.traffic.shift(
      slot,
      {
        generation,
        weights: [
          { release: 'tiny-v1', weight: v1 },
          { release: 'tiny-v2', weight: v2 },
        ],
      },
      signal,
    );
  const counted = async () => {
    const samples = await environment.driver.metrics.scrape(
      slot,
      { canary: 'tiny-v2', stable: 'tiny-v1', weights: null },
      signal,
    );
    assert.ok(samples.ok);
    const sum = (arm: string, read: (sample: Sample) => number): number =>
      samples.value.filter((sample) => sample.arm === arm).reduce((all, sample) => all + read(sample), 0);
    return {
      stable: {
        requests: sum('stable', (one) => one.requests),
        errors: sum('stable', (one) => one.bad['errors'] ?? 0),
      },
      canary: {
        requests: sum('canary', (one) => one.requests),
        errors: sum('canary', (one) => one.bad['errors'] ?? 0),
      },
      slow: sum('canary', (one) => one.requests - (one.latencyMs['100'] ?? 0)),
    };
  };

  it('answers 503 while no release has traffic', async () => {
    assert.equal((await environment.request('/')).status, 503);
  });

  it('refuses weights that do not add up, and traffic for what is not ready', async () => {
    assert.equal((await shift(1, 50, 40)).outcome, 'failed');
    const target = { generation: 1, weights: [{ release: 'tiny-v9', weight: 100 }] };
    const outcome = await environment.driver.traffic.shift(slot, target, signal);
    assert.deepEqual(outcome, { outcome: 'failed', message: 'no process of tiny-v9 is ready' });
    assert.deepEqual((await environment.observe()).weights, []);
  });

  it('shares requests by weight, says who answered, and counts what the client counts', async () => {
    assert.deepEqual(await shift(1, 70, 30), { outcome: 'done' });
    const seen: Record<string, number> = {};
    for (let sent = 0; sent < 400; sent += 1) {
      const { release = '', body } = await environment.request('/');
      assert.equal(release, `tiny-${body}`);
      seen[release] = (seen[release] ?? 0) + 1;
    }
    const canary = seen['tiny-v2'] ?? 0;
    assert.ok(canary > 65 && canary < 180, `about 120 of 400 go to the canary, not ${canary}`); // six sigma
    const { stable, canary: counts } = await counted();
    assert.deepEqual([stable.requests, counts.requests], [400 - canary, canary]);
    assert.equal(stable.errors + counts.errors, 0);
  });

  it('counts an answer of 5xx and one that breaks off as errors, and passes both on', async () => {
    assert.deepEqual(await shift(2, 0, 100), { outcome: 'done' });
    const before = await counted();
    assert.equal((await environment.request('/fail')).status, 500);
    await assert.rejects(environment.request('/break'));
    // The client may know that it broke off before the edge has counted it.
    const now = await eventually(counted, ({ canary }) => canary.requests === before.canary.requests + 2);
    assert.equal(now.canary.errors - before.canary.errors, 2);
  });

  it('measures how long answers take', async () => {
    const before = await counted();
    await environment.request('/?wait=120');
    assert.equal((await counted()).slow - before.slow, 1);
  });

  it('says which client it forwards for, and passes no hop-by-hop header on', async () => {
    const headers = { 'keep-alive': 'timeout=1', te: 'trailers', expect: '100-continue', 'x-own': 'kept' };
    const { body } = await environment.request('/headers', { headers });
    const received = JSON.parse(body) as Record<string, string>;
    assert.equal(received['x-own'], 'kept');
    assert.equal(received['x-forwarded-for'], '127.0.0.1');
    assert.equal(received['connection'], 'keep-alive');
    assert.deepEqual(
      [received['keep-alive'], received['te'], received['expect']],
      [undefined, undefined, undefined],
    );
  });

  it('closes the connection of a client that asks for it', async () => {
    const socket = connect(
      Number(new URL(environment.agent.endpoint.slots[0]?.edge ?? '').port),
      '127.0.0.1',
    );
    socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    assert.match(await text(socket), /^HTTP\/1\.1 200 OK\r\n[^]*connection: close[^]*v2/i);
  });

  it('lets nobody smuggle a second request in the body of a DELETE', async () => {
    const socket = connect(
      Number(new URL(environment.agent.endpoint.slots[0]?.edge ?? '').port),
      '127.0.0.1',
    );
    socket.write(
      'DELETE / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nGET /\r\n0\r\n\r\n',
    );
    assert.match(await text(socket), /^HTTP\/1\.1 411 /);
  });

  it('lets requests that are open end when their release loses its traffic and is removed', async () => {
    const open = environment.request('/?wait=400');
    await environment.until(({ workloads }) =>
      workloads.some(({ release, open: count }) => release === 'tiny-v2' && count === 1),
    );
    assert.deepEqual(await shift(3, 100, 0), { outcome: 'done' });
    const target = { generation: 3, release: 'tiny-v2' };
    assert.deepEqual(await environment.driver.desiredState.removeWorkload(slot, target, signal), {
      outcome: 'done',
    });
    assert.equal((await environment.request('/')).release, 'tiny-v1');
    const { status, release, body } = await open;
    assert.deepEqual([status, release, body], [200, 'tiny-v2', 'v2']);
    const observed = await environment.until(({ workloads }) => workloads.length === 1);
    assert.deepEqual(observed.weights, [{ release: 'tiny-v1', weight: 100 }]);
  });

  it('sends no request twice: one to a process that dies is answered 502', async () => {
    const before = await counted();
    assert.equal((await environment.request('/crash')).status, 502);
    const now = await counted();
    assert.deepEqual(
      [now.stable.requests - before.stable.requests, now.stable.errors - before.stable.errors],
      [1, 1],
    );
  });
});
