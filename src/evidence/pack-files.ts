import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pack } from 'tar-stream';
import { refuse, type Refusal } from '../core/ledger/refusal.ts';
import { ok, type Result } from '../core/model/result.ts';
import type { EvidenceFiles } from './export.ts';

/** Writes a pack into a folder that is empty or not there yet: files of two packs are never mixed. */
export async function writePack(
  folder: string,
  files: EvidenceFiles,
): Promise<Result<undefined, Refusal<'folder-not-empty'>>> {
  await mkdir(folder, { recursive: true });
  if ((await readdir(folder)).length > 0) return refuse('folder-not-empty', `${folder} is not empty`);
  for (const [path, bytes] of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), bytes, { flag: 'wx' });
  }
  return ok(undefined);
}

/** A pack as a tar stream whose bytes depend on the files alone. */
export function tarOf(files: EvidenceFiles): Readable {
  const archive = pack();
  for (const [name, bytes] of files) {
    const header = { name, mode: 0o644, mtime: new Date(0), uid: 0, gid: 0, uname: '', gname: '' };
    archive.entry({ ...header, type: 'file' }, Buffer.from(bytes));
  }
  archive.finalize();
  return Readable.from(archive, { objectMode: false });
}
