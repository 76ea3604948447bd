import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { writeImage } from './image-layout.ts';
import type { ImageFile } from './layer.ts';

/** The libraries that the loader of this machine finds for a program, by their paths. */
export async function librariesOf(program: string): Promise<readonly string[]> {
  const { stdout } = await promisify(execFile)('ldd', [program]);
  return [...stdout.matchAll(/(?:^|=>)\s*(\/\S+) \(0x/gm)].map(([, file = '']) => file);
}

/** Files of this machine at the paths where its loader looks for them. */
export const inPlace = (files: readonly string[]): readonly ImageFile[] =>
  files.map((file) => ({ path: file.slice(1), content: { file }, mode: 0o755 }));

/** Where `nodeFiles` puts Node. */
export const nodePath = '/bin/node';

/** This process's own Node with the libraries that it loads. */
export async function nodeFiles(): Promise<readonly ImageFile[]> {
  const program = { path: nodePath.slice(1), content: { file: process.execPath }, mode: 0o755 };
  return [program, ...inPlace(await librariesOf(process.execPath))];
}

/** The files of a folder, below `app/`. */
async function application(folder: string): Promise<readonly ImageFile[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((file) => ({ path: join('app', file.slice(folder.length + 1)), content: { file } }));
}

/**
 * Writes an image of a Node service from this process's own Node and the files of a folder.
 *
 * @param layout a new folder for the OCI image layout
 * @param start the file that starts the service, within the folder
 */
export async function writeNodeImage(layout: string, folder: string, start: string): Promise<void> {
  await writeImage(layout, {
    layers: [await nodeFiles(), await application(folder)],
    entrypoint: [nodePath, `/app/${start}`],
  });
}
