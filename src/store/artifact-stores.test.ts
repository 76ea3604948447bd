import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import type { Digest } from '../core/model/digest.ts';
import type { ArtifactStore } from '../ports/artifacts.ts';
import { artifactFolder } from './artifact-folder.ts';
import { artifactTable } from './artifact-table.ts';
import { createTestDatabase } from './testing/database.ts';

const digestOf = (bytes: Uint8Array): Digest => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

const inFolder = async (play: (store: ArtifactStore) => Promise<void>): Promise<void> => {
  const folder = await mkdtemp(join(tmpdir(), 'belay-artifacts-'));
  try {
    await play(artifactFolder(folder));
  } finally {
    await rm(folder, { recursive: true });
  }
};

const inDatabase = async (play: (store: ArtifactStore) => Promise<void>): Promise<void> => {
  await using database = await createTestDatabase();
  await play(artifactTable(database.poolAs('belay_server')));
};

for (const [where, given] of [
  ['folder', inFolder],
  ['table', inDatabase],
] as const)
  test(`a ${where} of artifacts gives back what came in, and takes nothing under another digest`, async () => {
    await given(async (store) => {
      const bytes = Buffer.from('apiVersion: v1\0\xff');
      const digest = digestOf(bytes);
      assert.equal(await store.size(digest), null);
      assert.equal(await store.read(digest), null);
      for (const created of [true, false]) {
        const stored = await store.store(digest, Readable.from([bytes.subarray(0, 3), bytes.subarray(3)]));
        assert.deepEqual(stored, { ok: true, value: { bytes: bytes.length, created } });
      }
      assert.equal(await store.size(digest), bytes.length);
      const found = await store.read(digest);
      assert.equal(found?.bytes, bytes.length);
      assert.deepEqual(await buffer(Readable.from(found?.content ?? [])), bytes);
      const other = digestOf(Buffer.from('other'));
      const refused = await store.store(other, Readable.from([bytes]));
      assert.equal(refused.ok ? '' : refused.error.code, 'digest-mismatch');
      assert.equal(await store.size(other), null);
    });
  });

test('a table refuses what is too large before it holds all of it', async () => {
  await inDatabase(async (store) => {
    let sent = 0;
    const endless = async function* () {
      for (;;) yield await Promise.resolve(Buffer.alloc(1_000_000, (sent += 1)));
    };
    const refused = await store.store(digestOf(Buffer.alloc(0)), endless());
    assert.equal(refused.ok ? '' : refused.error.code, 'too-large');
    assert.equal(sent, store.mostBytes / 1_000_000 + 1);
  });
});
