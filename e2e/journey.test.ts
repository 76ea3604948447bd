import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Home, type Ran, runBelay } from '../src/cli/testing/run-belay.ts';
import { SlotList } from '../src/server/schemas.ts';
import { Customers } from './customers.ts';
import { eventually } from './eventually.ts';
import { Launched } from './launched.ts';
import { Traces } from './remains.ts';
import { goodVersion, writeTiny } from './tiny.ts';

const commit = '9f8d1110a4e34b5d1c8f0c6a2b7e9d3f5a1c2b3d';

test('a user’s own service, from belay up to verified evidence', async () => {
  using traces = new Traces();
  const up = new Launched(['up', '--data', join(traces.folder, 'data'), '--port', '0'], {
    env: traces.environment,
  });
  try {
    const [, url = '', token = ''] = await up.said(/export BELAY_URL=(\S+) BELAY_TOKEN=(\S+)/);
    using home = new Home();
    const env = { BELAY_URL: url, BELAY_TOKEN: token };
    const belay = (...args: readonly string[]): Promise<Ran> => runBelay(home, args, { env });
    /** A command that has to succeed; returns what it printed as data. */
    const done = async (...args: readonly string[]): Promise<string> => {
      const ran = await belay(...args);
      // What the server says of it, too: a wait that does not end must not have to be guessed at.
      const why =
        ran.code === 0 ? '' : (await belay('why', 'tiny', '-o', 'json')).stdout + up.output.slice(-4_000);
      assert.equal(ran.code, 0, `belay ${args.join(' ')}\n${ran.stdout}${ran.stderr}${why}`);
      return ran.stdout;
    };

    assert.equal(await done('init', '--service', 'tiny', '--project', 'demo'), 'belay.yaml\n');
    const file = join(home.path, 'belay.yaml');
    // As a user would, where ten seconds are too long to watch.
    writeFileSync(
      file,
      readFileSync(file, 'utf8').replaceAll('10s', '1s').replace('marginPoints: 2', 'marginPoints: 10'),
    );
    await done('lint', 'belay.yaml');
    assert.match(await done('apply', '-f', 'belay.yaml'), /pipeline\/tiny created/i);

    const release = async (name: string, source?: string): Promise<void> => {
      await writeTiny(join(home.path, name), goodVersion(name));
      if (source !== undefined) writeFileSync(join(home.path, name, 'server.cjs'), source);
      mkdirSync(join(home.path, 'out'), { recursive: true });
      const archive = `out/${name}.tar.gz`;
      assert.match(await done('artifact', 'pack', name, '--file', archive), /^sha256:[0-9a-f]{64}\n$/);
      await done(
        'release',
        'open',
        'tiny',
        name,
        '-n',
        'demo',
        '--commit',
        commit,
        '--contributor',
        'dev-ada',
      );
      writeFileSync(join(home.path, 'unit.xml'), '<testsuite name="u"><testcase name="works"/></testsuite>');
      await done('release', 'attach', name, '--tests', 'unit.xml', '--artifact', archive);
      await done('release', 'seal', name, '--artifact', archive);
    };

    await release('v1');
    await done('promote', 'v1', '--wait=promoted', '--timeout', '60s');
    const [, edge = ''] = await up.said(/tiny in local answers at (\S+)/);
    const customers = new Customers(edge);
    try {
      await eventually('customers are served', () => customers.requests('v1') > 0);
      await release('v2');
      const promoted = done('promote', 'v2', '--wait=promoted', '--timeout', '60s');
      const why = await eventually('why tells of v2', async () => {
        const said = await done('why', 'tiny');
        return /v2/.test(said) ? said : null;
      });
      assert.doesNotMatch(why, /pending/i);
      await promoted;
    } finally {
      await customers.stop();
    }
    assert.deepEqual(customers.problems, {});
    assert.ok(customers.requests('v2') > 0);

    const starts = join(home.path, 'starts-of-v3');
    await release(
      'v3',
      `console.error('no database, password=hunter2');
       require('node:fs').appendFileSync(${JSON.stringify(starts)}, 'once more ');
       process.exitCode = 7;`,
    );
    await done('promote', 'v3');
    await eventually(
      'v3 has ended and is tried again',
      () => existsSync(starts) && readFileSync(starts, 'utf8').split(' ').length > 2,
    );
    await done('abort', 'v3', '--note', 'does not start');
    const said = await eventually('what v3 said was kept', async () => {
      const kept = await belay('diagnostics', 'tiny');
      return kept.code === 0 ? kept.stdout : null;
    });
    assert.match(said, /^v3 in local, aborted at .*does not start/);
    assert.match(said, /v3-[0-9a-f]+: ended with exit code 7\n {2}no database, password=\[removed\]\n/);

    assert.match(await done('status'), /tiny\s.*v2/);
    assert.match(await done('history', 'tiny'), /v2/);
    assert.match(await done('where', commit), /v2/);
    const { slots } = SlotList.parse(JSON.parse(await done('status', 'tiny', '-o', 'json')));
    assert.equal(slots[0]?.stable?.release, 'v2');

    await done('evidence', 'export', 'v2', '-d', 'pack');
    const unknown = await belay('evidence', 'verify', 'pack');
    assert.equal(unknown.code, 6, 'without a key from elsewhere the pack could be anybody’s');
    const [, key = ''] = await up.said(/evidence verify --key:\s+(\S+)/);
    assert.match(await done('evidence', 'verify', 'pack', '--key', key), /outcome: verified/);
    writeFileSync(join(home.path, 'samples.ndjson'), await done('evidence', 'samples', 'pack'));
    const replayed = JSON.parse(
      (await belay('analysis', 'replay', 'samples.ndjson', '-o', 'json')).stdout,
    ) as { readonly decisions: readonly unknown[] };
    assert.ok(replayed.decisions.length > 0, 'what a rollout was judged by can be played again');
    await done('evidence', 'export', 'v3', '-d', 'pack-of-v3');
    await done('evidence', 'export', 'v1', '-d', 'pack-of-v1');
    assert.equal((await belay('evidence', 'samples', 'pack-of-v1')).code, 1, 'v1 was compared with nothing');
    assert.match(await done('evidence', 'verify', 'pack-of-v3', '--key', key), /outcome: verified/);

    const refused = await runBelay(home, ['status'], { env: { BELAY_URL: url, BELAY_TOKEN: 'wrong' } });
    assert.equal(refused.code, 4, refused.stderr);
    assert.equal((await belay('promote', 'v9')).code, 2);
    assert.equal((await belay('prmote', 'v2')).code, 2);
  } finally {
    up.interrupt();
    assert.equal(await up.closed, 0, up.output);
  }
  await eventually('nothing runs', () => traces.processes().length === 0, 5_000);
  assert.deepEqual(traces.files(), []);
});
