import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Findings } from './report.ts';

/** Bounds of what a stranger's pack may cost. */
export const packLimits = {
  files: 300_000,
  depth: 3,
  fileBytes: 400_000_000,
  allBytes: 1_600_000_000,
} as const;

/** Files of a pack by path. */
export type PackFiles = ReadonlyMap<string, Uint8Array>;

/**
 * Reads every file below a folder. Follows no link and reads nothing that is not a regular file; what is there beyond
 * that, or beyond the limits, is a finding.
 */
export async function readPack(folder: string, findings: Findings): Promise<PackFiles> {
  const files = new Map<string, Uint8Array>();
  try {
    await readFolder(folder, '', 1, { files, bytes: 0 }, findings);
  } catch (error) {
    findings.fail(
      'files',
      folder,
      `cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  return files;
}

interface Reading {
  readonly files: Map<string, Uint8Array>;
  bytes: number;
}

async function readFolder(
  root: string,
  prefix: string,
  depth: number,
  reading: Reading,
  findings: Findings,
): Promise<void> {
  for (const entry of await readdir(join(root, prefix), { withFileTypes: true })) {
    const path = prefix === '' ? entry.name : `${prefix}/${entry.name}`;
    if (entry.isDirectory() && depth < packLimits.depth) {
      await readFolder(root, path, depth + 1, reading, findings);
    } else if (entry.isFile()) {
      await readOne(root, path, reading, findings);
    } else {
      findings.fail('files', path, 'is neither a regular file nor a folder of a pack');
    }
  }
}

async function readOne(root: string, path: string, reading: Reading, findings: Findings): Promise<void> {
  const { size } = await lstat(join(root, path));
  const fits =
    size <= packLimits.fileBytes &&
    reading.bytes + size <= packLimits.allBytes &&
    reading.files.size < packLimits.files;
  if (!fits) {
    findings.fail('files', path, 'is too large, or one file too many');
    return;
  }
  reading.bytes += size;
  reading.files.set(path, await readFile(join(root, path)));
}
