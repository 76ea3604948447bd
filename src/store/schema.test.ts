import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { argv } from 'node:process';
import { test } from 'node:test';
import { catalogueFingerprint } from './fingerprint.ts';
import { createTestDatabase, testServer } from './testing/database.ts';

/**
 * The migrated schema, as it stands in schema.txt. Whoever adds a migration writes the file anew and reads the
 * difference: `./scripts/run src/store/schema.test.ts --update`. The text is the same on PostgreSQL 15 and 18 (see
 * PGBIN in testing/database.ts); a view would make it differ on 15.
 */
const committed = new URL('./schema.txt', import.meta.url);

test('the migrations make the schema that schema.txt shows', async (t) => {
  await using database = await createTestDatabase();
  const made = await catalogueFingerprint(database.pool);
  if (argv.includes('--update')) {
    writeFileSync(committed, made);
    return t.diagnostic('schema.txt is written anew');
  }
  assert.deepEqual(
    made.split('\n'),
    readFileSync(committed, 'utf8').split('\n'),
    `PostgreSQL ${(await testServer()).version}: if the difference is meant, run ./scripts/run src/store/schema.test.ts --update and commit it`,
  );
});
