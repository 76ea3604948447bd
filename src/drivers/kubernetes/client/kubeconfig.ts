import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { err, ok, type Result } from '../../../core/model/result.ts';
import type { Connection } from './connection.ts';
import { ExecCredentials, ExecSection } from './exec-credential.ts';
import { TokenFile } from './token-file.ts';

const ClusterSection = z.object({
  server: z.url(),
  'certificate-authority': z.string().optional(),
  'certificate-authority-data': z.base64().optional(),
  'tls-server-name': z.string().optional(),
  'insecure-skip-tls-verify': z.boolean().optional(),
  'proxy-url': z.string().optional(),
});

const UserSection = z.object({
  'client-certificate': z.string().optional(),
  'client-certificate-data': z.base64().optional(),
  'client-key': z.string().optional(),
  'client-key-data': z.base64().optional(),
  token: z.string().optional(),
  tokenFile: z.string().optional(),
  username: z.string().optional(),
  as: z.string().optional(),
  'auth-provider': z.unknown().optional(),
  exec: ExecSection.optional(),
});

/** What Belay reads of a kubeconfig; the rest (preferences, extensions) is left alone. */
const Kubeconfig = z.object({
  'current-context': z.string().nullish(),
  contexts: z
    .array(z.object({ name: z.string(), context: z.object({ cluster: z.string(), user: z.string() }) }))
    .nullish(),
  clusters: z.array(z.object({ name: z.string(), cluster: ClusterSection })).nullish(),
  users: z.array(z.object({ name: z.string(), user: UserSection.nullish() })).nullish(),
});

interface Named<T> {
  readonly value: T;
  /** The folder of the file that it is from: its paths are relative to that. */
  readonly folder: string;
}

interface Merged {
  readonly files: readonly string[];
  current: string | null;
  readonly contexts: Map<string, Named<{ cluster: string; user: string }>>;
  readonly clusters: Map<string, Named<z.infer<typeof ClusterSection>>>;
  readonly users: Map<string, Named<z.infer<typeof UserSection>>>;
}

/** The files of a kubeconfig: those that KUBECONFIG lists, else the one in the home folder. */
export function kubeconfigFiles(
  environment: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  const listed = (environment['KUBECONFIG'] ?? '').split(delimiter).filter((file) => file !== '');
  return listed.length > 0 ? listed : [join(homedir(), '.kube', 'config')];
}

/**
 * The connection that a context stands for; the current one where none is named. Of several files the first that
 * names a thing wins, as kubectl has it. `now` in milliseconds. The error says what is missing or not supported,
 * never a value.
 */
export async function connectionOf(
  files: readonly string[],
  context: string | null,
  now: () => number,
): Promise<Result<Connection, string>> {
  const merged = await readAll(files);
  if (!merged.ok) return merged;
  const where = files.join(', ');
  const name = context ?? merged.value.current;
  if (name === null) return err(`${where} has no current-context; name one`);
  const found = merged.value.contexts.get(name);
  if (found === undefined)
    return err(
      `there is no context ${name} in ${where}; there is ${[...merged.value.contexts.keys()].join(', ') || 'none'}`,
    );
  const cluster = merged.value.clusters.get(found.value.cluster);
  if (cluster === undefined)
    return err(`context ${name} names cluster ${found.value.cluster}, which is not in ${where}`);
  const user = merged.value.users.get(found.value.user);
  if (user === undefined)
    return err(`context ${name} names user ${found.value.user}, which is not in ${where}`);
  return connect(name, cluster, user, now);
}

async function readAll(files: readonly string[]): Promise<Result<Merged, string>> {
  const merged: Merged = { files, current: null, contexts: new Map(), clusters: new Map(), users: new Map() };
  for (const file of files) {
    let text: string;
    try {
      text = await readFile(file, 'utf8');
    } catch (error) {
      return err(`the kubeconfig ${file} cannot be read: ${(error as Error).message}`);
    }
    const parsed = parseKubeconfig(text);
    if (!parsed.ok) return err(`the kubeconfig ${file} is not usable: ${parsed.error}`);
    merge(merged, parsed.value, dirname(file));
  }
  return ok(merged);
}

function parseKubeconfig(text: string): Result<z.infer<typeof Kubeconfig>, string> {
  let document: unknown;
  try {
    document = parse(text, { version: '1.1', maxAliasCount: 0 });
  } catch {
    // The parser's message quotes the text, which may hold a secret.
    return err('it is no YAML');
  }
  const parsed = Kubeconfig.safeParse(document);
  if (parsed.success) return ok(parsed.data);
  return err(parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '));
}

function merge(merged: Merged, file: z.infer<typeof Kubeconfig>, folder: string): void {
  const add = <T>(to: Map<string, Named<T>>, name: string, value: T): void => {
    if (!to.has(name)) to.set(name, { value, folder });
  };
  const current = file['current-context'] ?? '';
  if (merged.current === null && current !== '') merged.current = current;
  for (const { name, context } of file.contexts ?? []) add(merged.contexts, name, context);
  for (const { name, cluster } of file.clusters ?? []) add(merged.clusters, name, cluster);
  for (const { name, user } of file.users ?? []) add(merged.users, name, user ?? {});
}

async function connect(
  context: string,
  cluster: Named<z.infer<typeof ClusterSection>>,
  user: Named<z.infer<typeof UserSection>>,
  now: () => number,
): Promise<Result<Connection, string>> {
  const refused = unsupported(cluster.value, user.value);
  if (refused !== null) return err(`context ${context} ${refused}`);
  const ca = await pem(cluster, 'certificate-authority', 'certificate-authority-data');
  if (!ca.ok) return ca;
  const cert = await pem(user, 'client-certificate', 'client-certificate-data');
  if (!cert.ok) return cert;
  const key = await pem(user, 'client-key', 'client-key-data');
  if (!key.ok) return key;
  if ((cert.value === null) !== (key.value === null))
    return err(`context ${context} has a client certificate or its key, and not both`);
  const certificate = cert.value === null || key.value === null ? null : { cert: cert.value, key: key.value };
  const { exec, token, tokenFile } = user.value;
  const base = {
    server: cluster.value.server.replace(/\/+$/, ''),
    ca: ca.value,
    serverName: cluster.value['tls-server-name'] ?? null,
    insecure: cluster.value['insecure-skip-tls-verify'] ?? false,
  };
  if (exec !== undefined) {
    const program = new ExecCredentials(exec, now);
    return ok({ ...base, credentials: () => program.credentials(), refused: () => program.forget() });
  }
  if (tokenFile !== undefined) {
    const file = new TokenFile(resolve(user.folder, tokenFile), now);
    const credentials: Connection['credentials'] = async () => {
      const read = await file.token();
      return read.ok ? ok({ token: read.value, certificate }) : read;
    };
    return ok({ ...base, credentials, refused: () => file.forget() });
  }
  const fixed = ok({ token: token ?? null, certificate });
  return ok({ ...base, credentials: () => Promise.resolve(fixed), refused: () => undefined });
}

/** What other clients can do and this one does not: said, and never left out silently. */
function unsupported(
  cluster: z.infer<typeof ClusterSection>,
  user: z.infer<typeof UserSection>,
): string | null {
  if (cluster['proxy-url'] !== undefined) return 'wants a proxy (proxy-url), which is not supported';
  if (user['auth-provider'] !== undefined)
    return 'uses an auth-provider, which Kubernetes has taken out; use an exec plugin';
  if (user.username !== undefined) return 'uses a user name and password, which is not supported';
  if (user.as !== undefined) return 'impersonates another user, which is not supported';
  return null;
}

const resolve = (folder: string, file: string): string => (isAbsolute(file) ? file : join(folder, file));

/** A certificate or key, from the kubeconfig itself or from the file that it names. */
async function pem<K extends string>(
  { value, folder }: Named<{ readonly [P in K | `${K}-data`]?: string | undefined }>,
  file: K,
  data: `${K}-data`,
): Promise<Result<string | null, string>> {
  const inline = value[data];
  if (inline !== undefined) return ok(Buffer.from(inline, 'base64').toString('utf8'));
  const path = value[file];
  if (path === undefined) return ok(null);
  try {
    return ok(await readFile(resolve(folder, path), 'utf8'));
  } catch (error) {
    return err(`${file} ${path} cannot be read: ${(error as Error).message}`);
  }
}
