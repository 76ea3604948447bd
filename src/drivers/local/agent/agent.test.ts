import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { readToken } from './config.ts';
import { processIdentity } from './process-identity.ts';
import { eventually, makeEnvironment, slot } from '../testing/environment.ts';
import type { TestEnvironment } from '../testing/environment.ts';

const signal = new AbortController().signal;

async function withStable(
  environment: TestEnvironment,
  changes: Parameters<TestEnvironment['spec']>[2] = {},
): Promise<void> {
  const spec = environment.spec('tiny-v1', 1, changes);
  assert.deepEqual(await environment.driver.desiredState.applyWorkload(slot, spec, signal), {
    outcome: 'done',
  });
  await environment.until(({ workloads }) => workloads[0]?.ready === spec.replicas);
  const target = { generation: 1, weights: [{ release: 'tiny-v1', weight: 100 }] };
  assert.deepEqual(await environment.driver.traffic.shift(slot, target, signal), { outcome: 'done' });
}

interface Told {
  readonly env: Record<string, string>;
  readonly argv: string[];
  readonly pid: number;
}

const tell = async (environment: TestEnvironment): Promise<Told> =>
  JSON.parse((await environment.request('/environment')).body) as Told;

describe('agent: a process and its environment', () => {
  let environment: TestEnvironment;
  before(async () => {
    environment = await makeEnvironment();
    const digest = `sha256:${'1'.repeat(64)}`;
    const secrets = [{ name: 'PASSWORD', reference: 'file:password', version: '1' }];
    await withStable(environment, {
      configuration: { digest, parameters: { COLOUR: 'green' }, bundle: null, secrets },
    });
  });
  after(() => environment.close());

  it('gives a process its parameters, secrets and port, and nothing else of the agent’s environment', async () => {
    const told = await tell(environment);
    assert.deepEqual(Object.keys(told.env).sort(), ['COLOUR', 'HOME', 'LANG', 'PASSWORD', 'PATH', 'PORT']);
    assert.equal(told.env['COLOUR'], 'green');
    assert.equal(told.env['PASSWORD'], 'correct horse');
    assert.equal(told.argv.join(' ').includes('correct'), false);
  });

  it('writes no secret to a log or a state file', () => {
    for (const file of ['agent.log', 'config.json', 'fence.json', 'processes.json', 'endpoint.json']) {
      assert.equal(
        readFileSync(join(environment.folder, file), 'utf8').includes('correct horse'),
        false,
        file,
      );
    }
  });

  it('refuses references that lead out of the secrets folder, and variables that choose the program', async () => {
    const digest = `sha256:${'2'.repeat(64)}`;
    const secret = (reference: string) => ({
      digest,
      parameters: {},
      bundle: null,
      secrets: [{ name: 'P', reference, version: '1' }],
    });
    for (const configuration of [
      secret('file:../agent/token'),
      secret('file:/etc/passwd'),
      secret('file:missing'),
      secret('vault:password'),
      { digest, parameters: { NODE_OPTIONS: '--inspect' }, bundle: null, secrets: [] },
    ]) {
      const spec = environment.spec('tiny-v2', 1, { configuration });
      assert.equal(
        (await environment.driver.desiredState.applyWorkload(slot, spec, signal)).outcome,
        'failed',
      );
    }
    assert.deepEqual((await environment.observe()).workloads.length, 1);
  });

  it('starts another process, with a name of its own, for one that crashed', async () => {
    const first = await tell(environment);
    assert.equal((await environment.request('/crash')).status, 502);
    await eventually(
      () => tell(environment).catch(() => undefined),
      (told) => told !== undefined && told.pid !== first.pid,
    );
    const samples = await environment.driver.metrics.scrape(
      slot,
      { canary: 'tiny-v2', stable: 'tiny-v1', weights: null },
      signal,
    );
    assert.ok(samples.ok);
    const pods = samples.value.filter(({ pod }) => !pod.endsWith('-none'));
    assert.equal(pods.length, 2);
    const errors = pods.map(({ bad }) => bad['errors'] ?? 0);
    // At least the request that made it crash; others may have come before its end was noticed.
    assert.ok(Math.max(...errors) >= 1);
    assert.equal(Math.min(...errors), 0);
  });

  it('asks for its token on every route', async () => {
    for (const path of ['/metrics', `/v1/slots/demo/test/tiny`, '/']) {
      const { status } = await fetch(environment.agent.endpoint.control + path);
      assert.equal(status, 401);
      const wrong = await fetch(environment.agent.endpoint.control + path, {
        headers: { authorization: 'Bearer x' },
      });
      assert.equal(wrong.status, 401);
    }
  });

  it('exposes its counters in the Prometheus format', async () => {
    const token = readFileSync(join(environment.folder, 'token'), 'utf8');
    const headers = { authorization: `Bearer ${token}` };
    const text = await (await fetch(`${environment.agent.endpoint.control}/metrics`, { headers })).text();
    assert.match(text, /^# TYPE belay_edge_requests_total counter$/m);
    assert.match(
      text,
      /^belay_edge_requests_total\{project="demo",environment="test",service="tiny",release="tiny-v1",pod="tiny-v1-[0-9a-f]{8}"\} \d+$/m,
    );
    assert.match(text, /^belay_edge_request_duration_milliseconds_bucket\{.*,le="250"\} \d+$/m);
    assert.match(text, /^belay_edge_upstream_start_time_seconds\{.*\} \d{10}(\.\d+)?$/m);
    assert.match(text, /^belay_edge_weight_percent\{.*release="tiny-v1"\} 100$/m);
  });

  it('answers for no slot but its own, and refuses an artifact that is not what it is called', async () => {
    const other = await environment.driver.observer.observe({ ...slot, environment: 'elsewhere' }, signal);
    assert.equal(other.ok ? '' : other.error.code, 'not-found');
    const digest = `sha256:${'a'.repeat(64)}`;
    writeFileSync(join(environment.folder, '..', 'artifacts', 'sha256', 'a'.repeat(64)), 'something else');
    const spec = environment.spec('tiny-v2', 1, { artifact: digest });
    const outcome = await environment.driver.desiredState.applyWorkload(slot, spec, signal);
    assert.match(outcome.outcome === 'failed' ? outcome.message : '', /have another digest/);
  });

  it('refuses a token that is too short', () => {
    writeFileSync(join(environment.folder, 'short'), 'short');
    const config = { tokenFile: join(environment.folder, 'short') } as Parameters<typeof readToken>[0];
    assert.throws(() => readToken(config), /less than 32/);
  });
});

describe('agent: its end', () => {
  it('leaves no process behind on SIGTERM, also not one that ignores it', async () => {
    const environment = await makeEnvironment();
    try {
      await withStable(environment, {
        replicas: 2,
        configuration: {
          digest: `sha256:${'3'.repeat(64)}`,
          parameters: { STUBBORN: '1' },
          bundle: null,
          secrets: [],
        },
      });
      const pids = [(await tell(environment)).pid, (await tell(environment)).pid];
      assert.equal(new Set(pids).size, 2);
      await environment.agent.stop();
      assert.equal(await environment.agent.exited, 0);
      assert.deepEqual(pids.map(processIdentity), [undefined, undefined]);
      const observed = await environment.driver.observer.observe(slot, signal);
      assert.equal(observed.ok ? '' : observed.error.code, 'unreachable');
      const spec = environment.spec('tiny-v1', 1);
      const outcome = await environment.driver.desiredState.applyWorkload(slot, spec, signal);
      assert.equal(outcome.outcome, 'failed');
    } finally {
      await environment.close();
    }
  });

  it('after kill -9 the next agent ends what was left, keeps the fence, and starts empty', async () => {
    const environment = await makeEnvironment({ parentPid: undefined });
    try {
      await environment.driver.desiredState.applyWorkload(slot, environment.spec('tiny-v1', 7), signal);
      await environment.until(({ workloads }) => workloads[0]?.ready === 1);
      const target = { generation: 7, weights: [{ release: 'tiny-v1', weight: 100 }] };
      await environment.driver.traffic.shift(slot, target, signal);
      const { pid } = await tell(environment);
      process.kill(environment.agent.endpoint.pid, 'SIGKILL');
      await environment.agent.exited;
      assert.notEqual(processIdentity(pid), undefined);
      // A process of somebody else that the list of the dead agent names wrongly must live.
      const file = join(environment.folder, 'processes.json');
      const listed = JSON.parse(readFileSync(file, 'utf8')) as unknown[];
      const foreign = spawn('sleep', ['60'], { detached: true });
      writeFileSync(
        file,
        JSON.stringify([...listed, { pid: foreign.pid, identity: `${foreign.pid}-other-1` }]),
      );
      await environment.startAgain();
      await eventually(
        () => processIdentity(pid),
        (identity) => identity === undefined,
      );
      assert.equal(foreign.signalCode ?? foreign.exitCode, null);
      foreign.kill();
      const observed = await environment.observe();
      assert.deepEqual(observed, { generation: 7, workloads: [], weights: [], level: 'confirmed' });
      const old = environment.spec('tiny-v1', 6);
      const outcome = await environment.driver.desiredState.applyWorkload(slot, old, signal);
      assert.deepEqual(outcome, { outcome: 'stale', generation: 7 });
    } finally {
      await environment.close();
    }
  });

  it('ends with the process that it was told to follow', async () => {
    const parent = spawn('sleep', ['60']);
    const environment = await makeEnvironment({ parentPid: parent.pid });
    try {
      await withStable(environment);
      const { pid } = await tell(environment);
      parent.kill('SIGKILL');
      assert.equal(await environment.agent.exited, 0);
      assert.equal(processIdentity(pid), undefined);
    } finally {
      await environment.close();
    }
  });

  it('lets no second agent work on its folder', async () => {
    const environment = await makeEnvironment();
    try {
      await assert.rejects(environment.startAgain(), /another agent \(process \d+\) works on/);
      assert.equal((await environment.observe()).generation, 0);
    } finally {
      await environment.close();
    }
  });
});

describe('agent: the control plane is lost', () => {
  it('retreats to the stable release after the time that its configuration says', async () => {
    const onControlPlaneLoss = { mode: 'retreat', afterMs: 600 } as const;
    const { project, service } = slot;
    const environment = await makeEnvironment({ slots: [{ project, service, onControlPlaneLoss }] });
    try {
      await withStable(environment);
      await environment.driver.desiredState.applyWorkload(slot, environment.spec('tiny-v2', 1), signal);
      await environment.until(
        ({ workloads }) => workloads.length === 2 && workloads.every(({ ready }) => ready === 1),
      );
      // The canary has the greater share: the stable one is the one that is named first.
      const weights = [
        { release: 'tiny-v1', weight: 10 },
        { release: 'tiny-v2', weight: 90 },
      ];
      await environment.driver.traffic.shift(slot, { generation: 1, weights }, signal);
      const log = join(environment.folder, 'agent.log');
      const token = readFileSync(join(environment.folder, 'token'), 'utf8');
      const headers = { authorization: `Bearer ${token}` };
      await eventually(
        async () => {
          // A Prometheus that goes on scraping is not the control plane.
          await (await fetch(`${environment.agent.endpoint.control}/metrics`, { headers })).text();
          return readFileSync(log, 'utf8');
        },
        (text) => text.includes('retreated'),
      );
      assert.deepEqual((await environment.observe()).weights, [{ release: 'tiny-v1', weight: 100 }]);
    } finally {
      await environment.close();
    }
  });
});
