import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { pack } from 'tar-stream';
import type { Digest } from '../../core/model/digest.ts';

/** An artifact's archive and its identity. */
export interface Archive {
  readonly bytes: Uint8Array;
  readonly digest: Digest;
}

/** The SHA-256 of bytes, as the identity of an artifact. */
export const digestOf = (bytes: Uint8Array): Digest =>
  `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/**
 * Packs a folder's regular files as a gzipped tar whose bytes depend on the files' names and contents only: names
 * sorted by code unit, times and owners zero, every mode 0644, no time or system in the gzip header (RFC 1952).
 * Throws on links and special files, which an artifact may not hold.
 */
export async function packArchive(folder: string): Promise<Archive> {
  const names = await filesBelow(folder, '');
  const archive = pack();
  const packed = buffer(archive);
  for (const name of names.sort()) {
    const content = await readFile(join(folder, name));
    archive.entry(
      { name, mode: 0o644, mtime: new Date(0), uid: 0, gid: 0, uname: '', gname: '', type: 'file' },
      content,
    );
  }
  archive.finalize();
  const bytes = await promisify(gzip)(await packed, { level: 9 });
  bytes[9] = 255; // the "operating system" field, which zlib fills in by platform: unknown
  return { bytes, digest: digestOf(bytes) };
}

async function filesBelow(root: string, prefix: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(join(root, prefix), { withFileTypes: true })) {
    const name = prefix === '' ? entry.name : `${prefix}/${entry.name}`;
    if (entry.isDirectory()) found.push(...(await filesBelow(root, name)));
    else if (entry.isFile()) found.push(name);
    else throw new Error(`${name} is neither a file nor a folder: an artifact holds nothing else`);
  }
  return found;
}
