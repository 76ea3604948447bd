import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { err, ok } from '../core/model/result.ts';
import type { Result } from '../core/model/result.ts';

const REFERENCE = /^file:([A-Za-z0-9_][A-Za-z0-9._-]{0,200})$/;
const MAXIMUM_BYTES = 65_536;

/**
 * The secret that a reference `file:NAME` stands for: the content of that file in the folder, without a last line
 * break. An error names the reference and never what is in the file.
 */
export async function resolveSecret(reference: string, folder: string): Promise<Result<string, string>> {
  const name = REFERENCE.exec(reference)?.[1];
  if (name === undefined) return err('its reference is not of the form file:NAME');
  try {
    const path = join(folder, name);
    const { size } = await stat(path);
    if (size > MAXIMUM_BYTES) return err(`the file of ${reference} is too large`);
    const value = (await readFile(path, 'utf8')).replace(/\r?\n$/, '');
    return value.includes('\0') ? err(`the file of ${reference} is not text`) : ok(value);
  } catch (problem) {
    return err(
      `the file of ${reference} cannot be read (${(problem as NodeJS.ErrnoException).code ?? 'error'})`,
    );
  }
}
