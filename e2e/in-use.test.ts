import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { dataIn } from '../src/store/embedded/cluster-folder.ts';
import { eventually } from './eventually.ts';
import { Launched } from './launched.ts';
import { Traces } from './remains.ts';

/** Starts `belay up` on a data folder and a port, both of which may be taken. */
const up = (traces: Traces, port: number): Launched =>
  new Launched(['up', '--data', join(traces.folder, 'data'), '--port', String(port)], {
    env: traces.environment,
  });

test('a port or a data folder in use, or one of another version: up says so, with a way out, and leaves nothing running', async () => {
  using traces = new Traces();
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const { port } = taken.address() as AddressInfo;
  try {
    const refused = up(traces, port);
    assert.equal(await refused.closed, 1, refused.output);
    assert.match(refused.output, new RegExp(`port ${port} on 127.0.0.1 is in use; choose another`));
    assert.doesNotMatch(refused.output, /^\s+at /m, 'words, not a stack');
    await eventually('nothing runs', () => traces.processes().length === 0, 5_000);
  } finally {
    taken.close();
  }

  const first = up(traces, 0);
  const [, url] = await first.said(/BELAY_URL=(\S+)/);
  const second = up(traces, 0);
  assert.equal(await second.closed, 1, second.output);
  assert.match(second.output, /the database did not start: a PostgreSQL server works on .*data/);
  assert.match(second.output, /fix: stop the Belay that uses it, or choose another data folder/);
  assert.equal((await fetch(`${url}/readyz`)).status, 200, 'the first one works on');

  first.interrupt();
  assert.equal(await first.closed, 0, first.output);
  await eventually('nothing runs', () => traces.processes().length === 0, 5_000);
  assert.deepEqual(traces.files(), []);

  writeFileSync(join(dataIn(join(traces.folder, 'data')), 'PG_VERSION'), '9\n');
  const older = up(traces, 0);
  assert.equal(await older.closed, 1, older.output);
  assert.match(older.output, /the data in .* was written by PostgreSQL 9/);
  assert.match(
    older.output,
    /fix: start it with the programs of PostgreSQL 9, or choose another data folder/,
  );
  await eventually('nothing runs', () => traces.processes().length === 0, 5_000);
});
