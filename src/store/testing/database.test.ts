import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { processTable } from '../embedded/process-table.ts';
import { createTestDatabase } from './database.ts';

const folder = mkdtempSync(join(tmpdir(), 'belay-test-'));
writeFileSync(join(folder, '000001_first.sql'), 'create table first (id integer);');
after(() => rmSync(folder, { recursive: true, force: true }));

test('each test has a database of its own from the same template', async () => {
  await using first = await createTestDatabase(folder);
  await using second = await createTestDatabase(folder);
  await first.pool.query('insert into first values (1)');
  assert.deepEqual((await second.pool.query('select * from first')).rows, []);
  await second.drop();
  await assert.rejects(first.pool.query('select 1').then(() => second.pool.query('select 1')));
  const { rows } = await first.pool.query(
    'select count(*)::integer as n from pg_database where datname = $1',
    [second.connection.database],
  );
  assert.deepEqual(rows, [{ n: 0 }]);
});

test('a test process that ends leaves neither a server nor data', async () => {
  const script = `
    const { createTestDatabase, testServer } = await import(${JSON.stringify(new URL('database.ts', import.meta.url).href)});
    const database = await createTestDatabase(${JSON.stringify(folder)});
    const { rows } = await database.pool.query('show data_directory');
    await database.drop();
    console.log(JSON.stringify([(await testServer()).pids, rows[0].data_directory]));`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string];
  const [code] = (await once(child, 'exit')) as [number];
  assert.equal(code, 0);
  const [pids, data] = JSON.parse(line) as [{ postmaster: number; guard: number }, string];
  assert.equal(processTable.identity(pids.postmaster), undefined);
  assert.equal(processTable.identity(pids.guard), undefined);
  assert.equal(existsSync(data), false);
});
