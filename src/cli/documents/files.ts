import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CliFailure, usage } from '../failure.ts';
import { readStdin } from '../terminal.ts';

/** Larger than any file that is read to its end. */
const mostBytes = 20_000_000;
const mostFiles = 2_000;
const mostFolders = 8;

const isYaml = (name: string): boolean => /\.ya?ml$/.test(name);

/** The files that are meant by paths: files themselves, the *.yaml and *.yml of folders, `-` for stdin. */
export async function namedFiles(paths: readonly string[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const path of paths.length === 0 ? ['belay.yaml'] : paths) {
    if (!(await isFolder(path))) found.push(path);
    else {
      const files = (await readdir(path)).filter(isYaml).sort();
      if (files.length === 0) throw usage(`${path} holds no *.yaml`);
      found.push(...files.map((name) => join(path, name)));
    }
  }
  return found;
}

/**
 * As `namedFiles`, with the folders below: what lies deeper must not look as if it had been checked. Links to folders
 * and folders whose name begins with a dot are left out; a Helm chart is refused, because its files are no manifests yet.
 */
export async function filesBelow(paths: readonly string[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const path of paths.length === 0 ? ['belay.yaml'] : paths) {
    if (!(await isFolder(path))) found.push(path);
    else {
      const before = found.length;
      await walk(path, found, mostFolders);
      if (found.length === before) throw usage(`${path} holds no *.yaml`);
    }
  }
  return found;
}

async function walk(folder: string, found: string[], deeper: number): Promise<void> {
  const entries = (await readdir(folder, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1));
  if (entries.some(({ name }) => name === 'Chart.yaml'))
    throw usage(
      `${folder} is a Helm chart: its templates are manifests only once they are rendered`,
      `helm template NAME ${folder} | belay lint -`,
    );
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (entry.name.startsWith('.') || entry.name === 'node_modules') continue;
      if (deeper === 0)
        throw usage(`${path} is more than ${mostFolders} folders deep`, 'name the folders that are meant');
      await walk(path, found, deeper - 1);
    } else if (isYaml(entry.name)) found.push(path);
    if (found.length > mostFiles)
      throw usage(`there are more than ${mostFiles} files`, 'name the folders that are meant');
  }
}

async function isFolder(path: string): Promise<boolean> {
  if (path === '-') return false;
  const found = await stat(path).catch(() => null);
  if (found === null)
    throw usage(`there is no file ${path}`, 'belay init   writes a belay.yaml to begin with');
  return found.isDirectory();
}

/** The texts of files by their names, that of `-` by `stdin`. */
export async function readTexts(files: readonly string[]): Promise<readonly (readonly [string, string])[]> {
  const texts: (readonly [string, string])[] = [];
  for (const file of files)
    texts.push(file === '-' ? ['stdin', await readStdin(mostBytes)] : [file, await readText(file)]);
  return texts;
}

async function readText(file: string): Promise<string> {
  try {
    const { size } = await stat(file);
    if (size > mostBytes) throw new Error(`it has ${size} bytes, at most ${mostBytes} are read`);
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file));
  } catch (error) {
    throw new CliFailure('error', `cannot read ${file}: ${(error as Error).message}`);
  }
}
