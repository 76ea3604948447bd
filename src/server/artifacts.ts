import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '../core/model/digest.ts';
import { ok } from '../core/model/result.ts';
import { type Answer, refuse } from './refusal.ts';

/** An artifact of more bytes is refused. */
export const mostArtifactBytes = 200_000_000;

const pathOf = (folder: string, digest: Digest): string =>
  join(folder, 'sha256', digest.slice('sha256:'.length));

/** The size of an artifact in the content folder; null where it is not there. */
export async function artifactSize(folder: string, digest: Digest): Promise<number | null> {
  try {
    return (await stat(pathOf(folder, digest))).size;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

/** Reads an artifact as it lies in the folder; it was checked when it came in. */
export const readArtifact = (folder: string, digest: Digest) => createReadStream(pathOf(folder, digest));

/**
 * Takes an artifact in: written beside its place, hashed on the way, and moved there only if its digest is the one
 * that was named. The same bytes again change nothing. Whatever goes wrong, no half of it stays.
 */
export async function storeArtifact(
  folder: string,
  digest: Digest,
  body: AsyncIterable<Uint8Array>,
): Promise<Answer<{ readonly bytes: number; readonly created: boolean }>> {
  await mkdir(join(folder, 'sha256'), { recursive: true, mode: 0o700 });
  const temporary = join(folder, 'sha256', `.upload-${randomBytes(8).toString('hex')}`);
  try {
    const written = await write(temporary, body);
    if (!written.ok) return written;
    if (written.value.digest !== digest) {
      return refuse(422, 'digest-mismatch', `these bytes have digest ${written.value.digest}, not ${digest}`);
    }
    const created = (await artifactSize(folder, digest)) === null;
    await rename(temporary, pathOf(folder, digest));
    return ok({ bytes: written.value.bytes, created });
  } catch (error) {
    if (codeOf(error) === 'ENOSPC' || codeOf(error) === 'EDQUOT')
      return refuse(507, 'no-space', 'the artifact folder has no space left');
    throw error;
  } finally {
    await unlink(temporary).catch((error: unknown) => {
      // It has been moved, or was never made.
      if (codeOf(error) !== 'ENOENT') throw error;
    });
  }
}

async function write(
  path: string,
  body: AsyncIterable<Uint8Array>,
): Promise<Answer<{ readonly bytes: number; readonly digest: Digest }>> {
  const sha256 = createHash('sha256');
  let bytes = 0;
  const file = await open(path, 'wx', 0o600);
  try {
    for await (const chunk of body) {
      bytes += chunk.byteLength;
      if (bytes > mostArtifactBytes)
        return refuse(413, 'too-large', `an artifact of more than ${mostArtifactBytes} bytes is refused`);
      sha256.update(chunk);
      await file.writeFile(chunk);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return ok({ bytes, digest: `sha256:${sha256.digest('hex')}` });
}

const codeOf = (error: unknown): string | null =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
