import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '../../core/model/digest.ts';
import { err, ok } from '../../core/model/result.ts';
import type { Result } from '../../core/model/result.ts';
import { digestOf } from './archive.ts';

export interface ContentError {
  readonly code: 'missing' | 'changed' | 'too-large';
  readonly message: string;
}

/** No archive of more bytes is read. */
const MAXIMUM_BYTES = 256 << 20;

const pathOf = (folder: string, digest: Digest): string =>
  join(folder, 'sha256', digest.slice('sha256:'.length));

/** Keeps bytes in the content store `folder`, under their digest. The same bytes twice are one file. */
export async function putArtifact(folder: string, bytes: Uint8Array): Promise<Digest> {
  const digest = digestOf(bytes);
  await mkdir(join(folder, 'sha256'), { recursive: true, mode: 0o700 });
  const temporary = join(folder, 'sha256', `.${randomBytes(8).toString('hex')}`);
  await writeFile(temporary, bytes, { flag: 'wx', mode: 0o600 });
  await rename(temporary, pathOf(folder, digest)); // whole or not at all, also if we die here
  return digest;
}

/** The bytes of a digest, checked against it: what is handed out has this digest, whatever lies on the disk. */
export async function getArtifact(folder: string, digest: Digest): Promise<Result<Uint8Array, ContentError>> {
  const path = pathOf(folder, digest);
  let bytes: Uint8Array;
  try {
    if ((await stat(path)).size > MAXIMUM_BYTES) {
      return err({ code: 'too-large', message: `artifact ${digest} has more than ${MAXIMUM_BYTES} bytes` });
    }
    bytes = await readFile(path);
  } catch (problem) {
    const { code = 'unreadable' } = problem as NodeJS.ErrnoException;
    return err({ code: 'missing', message: `artifact ${digest} is not in the content store (${code})` });
  }
  if (digestOf(bytes) !== digest) {
    return err({
      code: 'changed',
      message: `the bytes stored for artifact ${digest} have another digest: ${digestOf(bytes)}`,
    });
  }
  return ok(bytes);
}
