import assert from 'node:assert/strict';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { packArchive } from './archive.ts';
import { getArtifact, putArtifact } from './content-store.ts';
import { unpackArchive } from './unpack.ts';

describe('archive', () => {
  let root: string;
  before(() => {
    root = mkdtempSync(join(tmpdir(), 'belay-archive-'));
  });
  after(() => rmSync(root, { recursive: true, force: true }));

  const folderOf = (name: string, names: readonly string[], mode: number): string => {
    const folder = join(root, name);
    mkdirSync(join(folder, 'inner'), { recursive: true });
    for (const file of names) writeFileSync(join(folder, file), `content of ${file}`, { mode });
    return folder;
  };

  it('depends on names and contents only', async () => {
    const first = folderOf('first', ['b', 'a', 'inner/c'], 0o644);
    const second = folderOf('second', ['inner/c', 'a', 'b'], 0o600);
    utimesSync(join(second, 'a'), 1, 1);
    const [one, two] = [await packArchive(first), await packArchive(second)];
    assert.equal(one.digest, two.digest);
    writeFileSync(join(second, 'a'), 'content of A');
    assert.notEqual((await packArchive(second)).digest, one.digest);
  });

  it('comes back from the content store and unpacks to what it was made of', async () => {
    const { bytes, digest } = await packArchive(folderOf('third', ['a', 'inner/c'], 0o644));
    const store = join(root, 'store');
    assert.equal(await putArtifact(store, bytes), digest);
    const stored = await getArtifact(store, digest);
    assert.ok(stored.ok);
    const target = join(root, 'unpacked');
    mkdirSync(target);
    assert.deepEqual(await unpackArchive(stored.value, target), { ok: true, value: { files: 2 } });
    assert.equal(readFileSync(join(target, 'inner/c'), 'utf8'), 'content of inner/c');
    writeFileSync(join(store, 'sha256', digest.slice(7)), Buffer.concat([bytes, Buffer.from('x')]));
    const changed = await getArtifact(store, digest);
    assert.equal(changed.ok ? '' : changed.error.code, 'changed');
    const missing = await getArtifact(store, `sha256:${'0'.repeat(64)}`);
    assert.equal(missing.ok ? '' : missing.error.code, 'missing');
  });

  it('packs no links', async () => {
    const folder = folderOf('links', ['a'], 0o644);
    symlinkSync('/etc/passwd', join(folder, 'link'));
    await assert.rejects(packArchive(folder), /link is neither a file nor a folder/);
  });

  const crafted = async (
    ...entries: Parameters<ReturnType<typeof pack>['entry']>[0][]
  ): Promise<Uint8Array> => {
    const archive = pack();
    for (const entry of entries) archive.entry(entry, entry.type === undefined ? 'evil' : '');
    archive.finalize();
    return gzipSync(await buffer(archive));
  };

  it('unpacks nothing outside its folder, no links, nothing twice, nothing too large', async () => {
    const cases: [string, Uint8Array][] = [
      ['unsafe-archive', await crafted({ name: '../evil' })],
      ['unsafe-archive', await crafted({ name: '/tmp/evil' })],
      ['unsafe-archive', await crafted({ name: 'a/../../evil' })],
      ['unsafe-archive', await crafted({ name: 'a\\..\\evil' })],
      ['unsafe-archive', await crafted({ name: 'link', type: 'symlink', linkname: '/etc' })],
      ['unsafe-archive', await crafted({ name: 'link', type: 'link', linkname: 'x' })],
      ['unsafe-archive', await crafted({ name: 'pipe', type: 'fifo' })],
      ['unsafe-archive', await crafted({ name: 'a' }, { name: './a' })],
      ['unsafe-archive', await crafted({ name: 'a' }, { name: 'a/b' })],
      ['too-large', await crafted({ name: 'a' }, { name: 'b' }, { name: 'c' }, { name: 'd' })],
      ['not-an-archive', Buffer.from('not gzip')],
      ['not-an-archive', gzipSync(Buffer.alloc(2000, 1))],
      ['not-an-archive', (await crafted({ name: 'a' })).subarray(0, 40)],
      // A megabyte of nothing behind the end: cheap to send, dear to inflate.
      [
        'too-large',
        gzipSync(Buffer.concat([gunzipSync(await crafted({ name: 'a' })), Buffer.alloc(1 << 20)])),
      ],
    ];
    for (const [index, [code, bytes]] of cases.entries()) {
      const target = join(root, `case-${index}`);
      mkdirSync(target);
      const result = await unpackArchive(bytes, target, { files: 3, fileBytes: 100, totalBytes: 1000 });
      assert.equal(result.ok ? 'let in' : result.error.code, code, `case ${index}`);
    }
    assert.equal(readdirSync(root).includes('evil'), false);
    const big = await crafted({ name: 'a' });
    mkdirSync(join(root, 'big'));
    const result = await unpackArchive(big, join(root, 'big'), { files: 3, fileBytes: 3, totalBytes: 1000 });
    assert.equal(result.ok ? '' : result.error.code, 'too-large');
  });
});
