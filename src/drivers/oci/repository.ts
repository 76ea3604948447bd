import { err, ok, type Result } from '../../core/model/result.ts';

/** Where images of one name lie: HOST[:PORT]/PATH, and how it is reached. */
export interface Repository {
  readonly host: string;
  readonly path: string;
  /** `http` only where somebody has said so: what is pushed could be changed on its way. */
  readonly scheme: 'https' | 'http';
}

// https://github.com/opencontainers/distribution-spec, "Pulling manifests": the form of <name>.
const pathForm = /^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$/;
const hostForm = /^([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(:\d{1,5})?$/;
const mostPath = 200;

/** Reads `[http://]HOST[:PORT]/PATH`; the error says what was expected. */
export function parseRepository(text: string): Result<Repository, string> {
  const bare = text.replace(/^https?:\/\//, '');
  const slash = bare.indexOf('/');
  const [host, path] = slash < 0 ? [bare, ''] : [bare.slice(0, slash), bare.slice(slash + 1)];
  const isHost = hostForm.test(host) && (/[.:[]/.test(host) || host === 'localhost');
  if (!isHost || !pathForm.test(path) || path.length > mostPath)
    return err(
      `${text} is no repository: expected HOST/PATH such as registry.example/team/demo, in lower case and without a tag; http:// before it for a registry without TLS`,
    );
  return ok({ host, path, scheme: text.startsWith('http://') ? 'http' : 'https' });
}
