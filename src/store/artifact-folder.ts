import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '../core/model/digest.ts';
import { err, ok, type Result } from '../core/model/result.ts';
import { type ArtifactRefusal, type ArtifactStore, otherDigest, tooLarge } from '../ports/artifacts.ts';

const mostBytes = 200_000_000;

/** Artifacts as files in `sha256/` of a folder, which servers and the agents of `local` environments share. */
export function artifactFolder(folder: string): ArtifactStore {
  const pathOf = (digest: Digest): string => join(folder, 'sha256', digest.slice('sha256:'.length));
  const size = async (digest: Digest): Promise<number | null> => {
    try {
      return (await stat(pathOf(digest))).size;
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return null;
      throw error;
    }
  };
  return {
    mostBytes,
    size,
    read: async (digest) => {
      const bytes = await size(digest);
      return bytes === null ? null : { bytes, content: createReadStream(pathOf(digest)) };
    },
    // Written beside its place, hashed on the way, and moved there only once its digest is known to be right.
    store: async (digest, body) => {
      await mkdir(join(folder, 'sha256'), { recursive: true, mode: 0o700 });
      const temporary = join(folder, 'sha256', `.upload-${randomBytes(8).toString('hex')}`);
      try {
        const written = await write(temporary, body);
        if (!written.ok) return written;
        if (written.value.digest !== digest) return err(otherDigest(written.value.digest, digest));
        const created = (await size(digest)) === null;
        await rename(temporary, pathOf(digest));
        return ok({ bytes: written.value.bytes, created });
      } catch (error) {
        if (codeOf(error) === 'ENOSPC' || codeOf(error) === 'EDQUOT')
          return err({ code: 'no-space', message: 'the artifact folder has no space left' });
        throw error;
      } finally {
        await unlink(temporary).catch((error: unknown) => {
          // It has been moved, or was never made.
          if (codeOf(error) !== 'ENOENT') throw error;
        });
      }
    },
  };
}

async function write(
  path: string,
  body: AsyncIterable<Uint8Array>,
): Promise<Result<{ readonly bytes: number; readonly digest: Digest }, ArtifactRefusal>> {
  const sha256 = createHash('sha256');
  let bytes = 0;
  const file = await open(path, 'wx', 0o600);
  try {
    for await (const chunk of body) {
      bytes += chunk.byteLength;
      if (bytes > mostBytes) return err(tooLarge(mostBytes));
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
