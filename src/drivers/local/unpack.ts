import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import type { Header } from 'tar-stream';
import { err, ok } from '../../core/model/result.ts';
import type { Result } from '../../core/model/result.ts';

/** What an archive may be at most. */
export interface UnpackLimits {
  readonly files: number;
  readonly fileBytes: number;
  readonly totalBytes: number;
}

export const defaultLimits: UnpackLimits = { files: 20_000, fileBytes: 64 << 20, totalBytes: 512 << 20 };

/** Headers and padding of one file: its own, an extended one, and what rounds each to 512. */
const overheadBytes = 4_096;

export interface UnpackError {
  readonly code: 'unsafe-archive' | 'too-large' | 'not-an-archive';
  readonly message: string;
}

class Refused extends Error {
  readonly code: UnpackError['code'];
  constructor(code: UnpackError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * Unpacks a gzipped tar into a folder that exists, is empty and is not read by anybody yet. Only regular files and
 * folders with relative names that stay inside are let in; the caller removes the folder when this fails.
 */
export async function unpackArchive(
  bytes: Uint8Array,
  folder: string,
  limits: UnpackLimits = defaultLimits,
): Promise<Result<{ readonly files: number }, UnpackError>> {
  const entries = extract();
  const gunzip = createGunzip();
  // What stands behind the archive's end, or between its files, is inflated too.
  const mostInflated = limits.totalBytes + limits.files * overheadBytes;
  let inflated = 0;
  gunzip.on('data', (chunk: Uint8Array) => {
    inflated += chunk.length;
    if (inflated > mostInflated)
      gunzip.destroy(new Refused('too-large', `more than ${mostInflated} bytes unpacked`));
  });
  // Errors of the source must reach whoever iterates over the entries.
  gunzip.on('error', (problem) => entries.destroy(problem));
  Readable.from([bytes]).pipe(gunzip).pipe(entries);
  let files = 0;
  let total = 0;
  try {
    for await (const entry of entries) {
      const target = checked(entry.header, limits);
      files += 1;
      total += entry.header.size;
      if (files > limits.files) throw new Refused('too-large', `more than ${limits.files} entries`);
      if (total > limits.totalBytes)
        throw new Refused('too-large', `more than ${limits.totalBytes} bytes unpacked`);
      if (entry.header.type === 'directory') {
        await mkdir(join(folder, target), { recursive: true });
        entry.resume();
      } else {
        await mkdir(dirname(join(folder, target)), { recursive: true });
        // `wx`: a name that comes twice is refused, never written over.
        await writeFile(join(folder, target), await buffer(entry), { flag: 'wx', mode: 0o644 });
      }
    }
    return ok({ files });
  } catch (problem) {
    gunzip.destroy();
    return err(asUnpackError(problem));
  }
}

function asUnpackError(problem: unknown): UnpackError {
  if (problem instanceof Refused) return { code: problem.code, message: problem.message };
  const { code, message } = problem as NodeJS.ErrnoException;
  if (code === 'EEXIST' || code === 'ENOTDIR' || code === 'EISDIR') {
    return { code: 'unsafe-archive', message: 'a name comes twice' };
  }
  if (code === 'ENOSPC' || code === 'EACCES') throw problem;
  return { code: 'not-an-archive', message: `cannot be read as a gzipped tar: ${message}` };
}

/** The relative path of an entry that may be unpacked; throws `Refused` for any other. */
function checked(header: Header, limits: UnpackLimits): string {
  const shown = JSON.stringify(header.name.slice(0, 200));
  if (header.type !== 'file' && header.type !== 'directory') {
    throw new Refused(
      'unsafe-archive',
      `${shown} is a ${header.type ?? 'special file'}; only files and folders are let in`,
    );
  }
  const name = header.name.replace(/^\.\//, '').replace(/\/$/, '');
  const parts = name.split('/');
  const unsafe =
    name === '' ||
    name.length > 1000 ||
    name.includes('\\') ||
    name.includes('\0') ||
    parts.some((part) => part === '' || part === '.' || part === '..' || /^[A-Za-z]:/.test(part));
  if (unsafe) throw new Refused('unsafe-archive', `${shown} is not a plain relative name`);
  if (header.size > limits.fileBytes) {
    throw new Refused('too-large', `${shown} has more than ${limits.fileBytes} bytes`);
  }
  return name;
}
