import { err, ok } from '../../../core/model/result.ts';
import type { Result } from '../../../core/model/result.ts';
import { resolveSecret } from '../../secret-file.ts';
import type { ApplyRequest } from '../protocol.ts';

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
