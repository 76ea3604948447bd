import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './command.ts';
import { type ImageFile, writeImage } from './image-layout.ts';

/** The program with the libraries that it loads, at the paths where it looks for them. */
async function withLibraries(program: string, path: string): Promise<readonly ImageFile[]> {
  const listed = await run('ldd', [program]);
  const libraries = [...listed.matchAll(/(?:^|=>)\s*(\/\S+) \(0x/gm)].map(([, file = '']) => file);
  return [
    { path, content: { file: program }, mode: 0o755 },
    ...libraries.map((file) => ({ path: file.slice(1), content: { file }, mode: 0o755 })),
  ];
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
    layers: [await withLibraries(process.execPath, 'bin/node'), await application(folder)],
    entrypoint: ['/bin/node', `/app/${start}`],
  });
}
