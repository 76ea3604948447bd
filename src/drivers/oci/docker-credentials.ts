import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { err, ok, type Result } from '../../core/model/result.ts';

export interface UserPassword {
  readonly user: string;
  readonly password: string;
}

const Configuration = z.looseObject({
  auths: z.record(z.string(), z.looseObject({ auth: z.base64().optional() })).default({}),
  credHelpers: z.record(z.string(), z.string()).default({}),
  credsStore: z.string().optional(),
});

const Answer = z.object({ Username: z.string(), Secret: z.string() });
const helperLimitMs = 15_000;

/** Docker Hub's credentials are kept under the address of an older interface. */
const keyOf = (host: string): string => (host === 'docker.io' ? 'https://index.docker.io/v1/' : host);

/**
 * What `docker login` has kept for a registry: in the configuration itself, or with the helper that it names
 * (https://github.com/docker/docker-credential-helpers). Null where nothing is kept. The error shows no value.
 */
export async function dockerCredentials(
  host: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Result<UserPassword | null, string>> {
  const file = join(environment['DOCKER_CONFIG'] ?? join(homedir(), '.docker'), 'config.json');
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ok(null);
    return err(`${file} cannot be read: ${(error as Error).message}`);
  }
  const configuration = parsed(text);
  if (configuration === null) return err(`${file} is not as Docker writes it`);
  const { auths, credHelpers, credsStore } = configuration;
  const helper = credHelpers[host] ?? credsStore;
  const kept = auths[keyOf(host)]?.auth;
  if (kept !== undefined) return decoded(kept, file);
  return helper === undefined ? ok(null) : ask(helper, keyOf(host), environment);
}

function parsed(text: string): z.infer<typeof Configuration> | null {
  try {
    return Configuration.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}

function decoded(auth: string, file: string): Result<UserPassword, string> {
  const text = Buffer.from(auth, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon > 0
    ? ok({ user: text.slice(0, colon), password: text.slice(colon + 1) })
    : err(`${file} holds credentials that are no USER:PASSWORD`);
}

function ask(
  helper: string,
  key: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Result<UserPassword | null, string>> {
  const program = `docker-credential-${helper}`;
  return new Promise((resolve) => {
    const options = { timeout: helperLimitMs, env: { ...environment } };
    const child = execFile(program, ['get'], options, (error, stdout) => {
      if (/credentials not found/i.test(stdout)) return resolve(ok(null));
      if (error !== null) return resolve(err(`${program} did not answer: ${error.code ?? error.signal}`));
      const answer = answerIn(stdout);
      if (answer === null) return resolve(err(`${program} printed no credentials`));
      if (answer.Username === '<token>')
        return resolve(err(`${program} keeps an identity token for ${key}, which is not supported`));
      return resolve(ok({ user: answer.Username, password: answer.Secret }));
    });
    // A helper that is not there, or reads nothing, is told of by the answer above.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(key);
  });
}

function answerIn(text: string): z.infer<typeof Answer> | null {
  try {
    return Answer.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}
