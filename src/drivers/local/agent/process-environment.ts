import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { err, ok } from '../../../core/model/result.ts';
import type { Result } from '../../../core/model/result.ts';
import type { ApplyRequest } from '../protocol.ts';

const REFERENCE = /^file:([A-Za-z0-9_][A-Za-z0-9._-]{0,200})$/;
const MAXIMUM_BYTES = 65_536;

/** Set by the agent; a configuration may not set them, as they decide which program runs. */
const RESERVED = /^(PATH|HOME|LD_.*|DYLD_.*|NODE_OPTIONS)$/;

/**
 * The environment of a workload's processes: a minimum, the parameters, and the secrets, whose values exist only
 * here and in the processes: never in a log, on a command line or in a message.
 */
export async function processEnvironment(
  configuration: ApplyRequest['configuration'],
  folders: { readonly secrets: string; readonly home: string },
): Promise<Result<Readonly<Record<string, string>>, string>> {
  const { parameters, secrets } = configuration;
  const reserved = [...Object.keys(parameters), ...secrets.map(({ name }) => name)].find((name) =>
    RESERVED.test(name),
  );
  if (reserved !== undefined) return err(`the variable ${reserved} cannot be configured`);
  const resolved: Record<string, string> = {};
  for (const secret of secrets) {
    const value = await resolveSecret(secret.reference, folders.secrets);
    if (!value.ok) return err(`secret ${secret.name}: ${value.error}`);
    resolved[secret.name] = value.value;
  }
  return ok({
    PATH: process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin',
    HOME: folders.home,
    LANG: 'C.UTF-8',
    ...parameters,
    ...resolved,
  });
}

async function resolveSecret(reference: string, folder: string): Promise<Result<string, string>> {
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
