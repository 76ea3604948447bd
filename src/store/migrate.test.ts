import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Pool } from 'pg';
import { inspectSchema, migrate } from './migrate.ts';
import type { MigrationError } from './migrate.ts';
import { readMigrations } from './migration-files.ts';
import { createTestDatabase } from './testing/database.ts';

const scratch = mkdtempSync(join(tmpdir(), 'belay-test-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

let folders = 0;
function folderOf(files: Readonly<Record<string, string>>): string {
  const folder = join(scratch, String((folders += 1)));
  mkdirSync(folder);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

const EMPTY = folderOf({});
const ONE = { '000001_first.sql': 'create table first (id integer);' };
const TWO = {
  ...ONE,
  '000002_second.sql': 'create table second (id integer);\ninsert into second values (7);',
};

async function failure(pool: Pool, folder: string): Promise<MigrationError> {
  const result = await migrate(pool, { folder });
  if (result.ok) assert.fail('it migrated');
  return result.error;
}

async function count(pool: Pool, statement: string): Promise<number> {
  return Number((await pool.query<{ count: string }>(statement)).rows[0]?.count);
}

test('applies what is pending in order, and nothing the second time', async () => {
  await using database = await createTestDatabase(EMPTY);
  const folder = folderOf(TWO);
  assert.deepEqual(await migrate(database.pool, { folder: folderOf(ONE) }), {
    ok: true,
    value: { version: 1, applied: ['000001_first.sql'] },
  });
  const before = await inspectSchema(database.pool, folder);
  assert.deepEqual(before.ok && [before.value.version, before.value.pending.map(({ name }) => name)], [
    1,
    ['000002_second.sql'],
  ]);
  assert.deepEqual(await migrate(database.pool, { folder }), {
    ok: true,
    value: { version: 2, applied: ['000002_second.sql'] },
  });
  assert.deepEqual(await migrate(database.pool, { folder }), {
    ok: true,
    value: { version: 2, applied: [] },
  });
  assert.deepEqual(await inspectSchema(database.pool, folder), {
    ok: true,
    value: { version: 2, pending: [] },
  });
  assert.equal(await count(database.pool, 'select count(*) from second'), 1);
});

test('peers that migrate at once apply each migration once between them', async () => {
  await using database = await createTestDatabase(EMPTY);
  const files: Record<string, string> = { '000001_first.sql': 'create table log (id integer)' };
  for (let n = 2; n <= 9; n += 1)
    files[`00000${n}_step.sql`] = `insert into log values (${n}); select pg_sleep(0.01)`;
  const folder = folderOf(files);
  const pools = [1, 2, 3, 4].map(() => new Pool({ ...database.connection, max: 1 }));
  const results = await Promise.all(pools.map((pool) => migrate(pool, { folder })));
  await Promise.all(pools.map((pool) => pool.end()));
  const applied = results.flatMap((result) =>
    result.ok ? result.value.applied : assert.fail(result.error.message),
  );
  assert.deepEqual(applied.sort(), Object.keys(files));
  assert.deepEqual(
    results.map((result) => result.ok && result.value.version),
    [9, 9, 9, 9],
  );
  assert.equal(await count(database.pool, 'select count(*) from log'), 8);
});

test('a program refuses a schema that is newer than it knows', async () => {
  await using database = await createTestDatabase(folderOf(TWO));
  const older = folderOf(ONE);
  const expected = {
    code: 'schema-newer',
    known: 1,
    found: 2,
    message: "the database's schema is version 2, this program knows 1: use a newer one",
  };
  assert.deepEqual(await failure(database.pool, older), expected);
  assert.deepEqual(await inspectSchema(database.pool, older), { ok: false, error: expected });
});

test('a migration that was edited after it was applied is refused; line ends do not count', async () => {
  await using database = await createTestDatabase(folderOf(TWO));
  const windows = folderOf({
    ...TWO,
    '000002_second.sql': TWO['000002_second.sql'].replaceAll('\n', '\r\n'),
  });
  assert.equal((await migrate(database.pool, { folder: windows })).ok, true);
  const error = await failure(
    database.pool,
    folderOf({ ...TWO, '000001_first.sql': 'create table first (id bigint);' }),
  );
  assert.deepEqual([error.code, 'file' in error && error.file], ['edited', '000001_first.sql']);
});

test('a migration that fails is named with its line, and leaves nothing behind', async () => {
  await using database = await createTestDatabase(EMPTY);
  const folder = folderOf({
    ...ONE,
    '000002_wrong.sql': 'create table half (id integer);\n\nalter table nowhere\n  add x integer;',
  });
  const error = await failure(database.pool, folder);
  assert.deepEqual(error, {
    code: 'failed',
    file: '000002_wrong.sql',
    line: undefined,
    sqlState: '42P01',
    message: '000002_wrong.sql: relation "nowhere" does not exist',
  });
  const syntax = await failure(
    database.pool,
    folderOf({ ...ONE, '000002_wrong.sql': 'select 1;\n\ncreate tabel x ();' }),
  );
  assert.equal(syntax.message, '000002_wrong.sql line 3: syntax error at or near "tabel"');
  assert.equal(
    await count(database.pool, `select count(*) from pg_class where relname in ('half', 'first')`),
    1,
  );
  assert.equal(await count(database.pool, 'select count(*) from schema_migration'), 1);
});

test('a breaking migration needs the word of the caller, except in a new database', async () => {
  const breaking = { '000002_cut.sql': '-- breaking\ndrop table first;' };
  await using fresh = await createTestDatabase(EMPTY);
  const folder = folderOf({ ...ONE, ...breaking });
  assert.equal((await migrate(fresh.pool, { folder })).ok, true);
  await using used = await createTestDatabase(folderOf(ONE));
  const error = await failure(used.pool, folder);
  assert.deepEqual([error.code, 'file' in error && error.file], ['breaking', '000002_cut.sql']);
  assert.deepEqual(await migrate(used.pool, { folder, allowBreaking: true }), {
    ok: true,
    value: { version: 2, applied: ['000002_cut.sql'] },
  });
  const { rows } = await used.pool.query('select number, breaking from schema_migration order by number');
  assert.deepEqual(rows, [
    { number: 1, breaking: false },
    { number: 2, breaking: true },
  ]);
});

test('a lock that is not free in time is said, and the migration can be tried again', async () => {
  await using database = await createTestDatabase(folderOf(ONE));
  const folder = folderOf({ ...ONE, '000002_add.sql': 'alter table first add name text;' });
  const reader = await database.pool.connect();
  await reader.query('begin');
  await reader.query('select * from first');
  const result = await migrate(database.pool, { folder, lockTimeoutMs: 50 });
  assert.equal(result.ok ? 'migrated' : result.error.code, 'lock-timeout');
  await reader.query('commit');
  reader.release();
  assert.equal((await migrate(database.pool, { folder, lockTimeoutMs: 50 })).ok, true);
});

test('files that cannot be migrations are refused before anything is applied', () => {
  const message = (files: Readonly<Record<string, string>>): string => {
    const result = readMigrations(folderOf({ 'README.md': 'not a migration', ...files }));
    return result.ok ? 'accepted' : result.error.message;
  };
  assert.equal(message(TWO), 'accepted');
  assert.equal(message({ '1_first.sql': '' }), '1_first.sql is not named like 000001_name.sql');
  assert.equal(message({ '000002_second.sql': '' }), '000002_second.sql should have the number 000001');
  assert.equal(message({ ...ONE, '000001_twin.sql': '' }), '000001_twin.sql should have the number 000002');
  assert.equal(
    message({ '000001_first.sql': 'select 1;\n  COMMIT;' }),
    '000001_first.sql line 2 has "COMMIT;", but a file is one transaction',
  );
  const body = 'do $$\nbegin\n  perform 1;\nend;\n$$;';
  assert.equal(message({ '000001_first.sql': body }), 'accepted');
});
