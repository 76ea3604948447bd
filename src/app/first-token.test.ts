import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { principalOf } from '../server/tokens.ts';
import { createTestDatabase } from '../store/testing/database.ts';
import { firstToken } from './first-token.ts';

test('a first token that a file gives is taken once and never shown; without the file nothing is made up', async () => {
  await using database = await createTestDatabase();
  const pool = database.poolAs('belay_server');
  const folder = await mkdtemp(join(tmpdir(), 'belay-token-'));
  try {
    const file = join(folder, 'token');
    await assert.rejects(firstToken(pool, file), /BELAY_FIRST_TOKEN_FILE cannot be read \(ENOENT\)/);
    await writeFile(file, 'hunter2');
    await assert.rejects(firstToken(pool, file), (error: Error) => !error.message.includes('hunter2'));
    const secret = `belay_${'a'.repeat(43)}`;
    await writeFile(file, `${secret}\n`);
    assert.deepEqual(await Promise.all([firstToken(pool, file), firstToken(pool, file)]), [null, null]);
    assert.equal((await principalOf(pool, secret))?.subject.id, 'admin');
    await rm(file);
    assert.equal(await firstToken(pool, file), null);
  } finally {
    await rm(folder, { recursive: true });
  }
});
