import { openAsBlob } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { err, ok, type Result } from '../../core/model/result.ts';
import type { UserPassword } from './docker-credentials.ts';
import { blobFile } from './layer.ts';
import type { Repository } from './repository.ts';

const Blob = z.object({ digest: z.string().regex(/^sha256:[0-9a-f]{64}$/) });
const Manifest = z.object({ mediaType: z.string(), config: Blob, layers: z.array(Blob) });
const Token = z.object({ token: z.string().optional(), access_token: z.string().optional() });

const callLimitMs = 30_000;
const uploadLimitMs = 600_000;

interface Request {
  readonly method: 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  readonly url: string;
  readonly type?: string;
  readonly body?: Blob | Buffer<ArrayBuffer>;
}

/**
 * One repository of a registry, by the distribution protocol, https://github.com/opencontainers/distribution-spec.
 * Credentials go to the registry and to the place that it asks tokens from, and over TLS only.
 */
export class RemoteRepository {
  readonly #repository: Repository;
  readonly #credentials: UserPassword | null;
  #authorization: string | null = null;

  constructor(repository: Repository, credentials: UserPassword | null) {
    this.#repository = repository;
    this.#credentials = repository.scheme === 'https' ? credentials : null;
  }

  get #base(): string {
    const { scheme, host, path } = this.#repository;
    return `${scheme}://${host === 'docker.io' ? 'registry-1.docker.io' : host}/v2/${path}`;
  }

  /** Pushes an image of a layout by its manifest's digest; what is there already is not sent again. */
  async push(layout: string, digest: string, signal: AbortSignal): Promise<Result<null, string>> {
    const bytes = await readFile(blobFile(layout, digest));
    const manifest = Manifest.parse(JSON.parse(bytes.toString('utf8')));
    for (const blob of [manifest.config, ...manifest.layers]) {
      const pushed = await this.#pushBlob(layout, blob.digest, signal);
      if (!pushed.ok) return pushed;
    }
    const put = {
      method: 'PUT',
      url: `${this.#base}/manifests/${digest}`,
      type: manifest.mediaType,
    } as const;
    return this.#expect({ ...put, body: bytes }, 'the manifest', signal);
  }

  /** Takes a manifest away, or finds it gone. Many registries do not let a client do that; the error says so. */
  async remove(digest: string, signal: AbortSignal): Promise<Result<null, string>> {
    const answer = await this.#call({ method: 'DELETE', url: `${this.#base}/manifests/${digest}` }, signal);
    if (!answer.ok) return answer;
    if (!answer.value.ok && answer.value.status !== 404)
      return err(await this.#refusal(answer.value, 'a removal'));
    await answer.value.body?.cancel();
    return ok(null);
  }

  async #pushBlob(layout: string, digest: string, signal: AbortSignal): Promise<Result<null, string>> {
    const there = await this.#call({ method: 'HEAD', url: `${this.#base}/blobs/${digest}` }, signal);
    if (!there.ok) return there;
    if (there.value.ok) return ok(null);
    const opened = await this.#call({ method: 'POST', url: `${this.#base}/blobs/uploads/` }, signal);
    if (!opened.ok) return opened;
    if (opened.value.status !== 202) return err(await this.#refusal(opened.value, 'an upload'));
    const url = new URL(opened.value.headers.get('location') ?? '', opened.value.url);
    url.searchParams.set('digest', digest);
    const body = await openAsBlob(blobFile(layout, digest));
    const put = { method: 'PUT', url: url.href, type: 'application/octet-stream', body } as const;
    return this.#expect(put, 'a layer', signal);
  }

  async #expect(request: Request, what: string, signal: AbortSignal): Promise<Result<null, string>> {
    const answer = await this.#call(request, signal);
    if (!answer.ok) return answer;
    if (!answer.value.ok) return err(await this.#refusal(answer.value, what));
    await answer.value.body?.cancel();
    return ok(null);
  }

  async #refusal(answer: Response, what: string): Promise<string> {
    const { host } = this.#repository;
    const said = (await answer.text()).slice(0, 200).replaceAll(/\s+/g, ' ');
    const fix = answer.status === 401 || answer.status === 403 ? `; see that docker login ${host} works` : '';
    return `${host} did not take ${what}: ${answer.status} ${said}${fix}`;
  }

  /** One request, and once more with what it asks for where it asks who we are. */
  async #call(request: Request, signal: AbortSignal): Promise<Result<Response, string>> {
    const first = await this.#once(request, signal);
    if (!first.ok || first.value.status !== 401) return first;
    const challenge = first.value.headers.get('www-authenticate') ?? '';
    const authorized = await this.#authorize(challenge, signal);
    if (!authorized.ok) return authorized;
    return authorized.value ? this.#once(request, signal) : first;
  }

  async #once({ method, url, type, body }: Request, signal: AbortSignal): Promise<Result<Response, string>> {
    // Where an upload is sent to another place, it carries what it needs in its address.
    const own = new URL(url).host === new URL(this.#base).host;
    const headers = {
      ...(type === undefined ? {} : { 'content-type': type }),
      ...(this.#authorization === null || !own ? {} : { authorization: this.#authorization }),
    };
    const limit = AbortSignal.timeout(body === undefined ? callLimitMs : uploadLimitMs);
    const bounded = AbortSignal.any([signal, limit]);
    try {
      return ok(
        await fetch(url, { method, headers, ...(body === undefined ? {} : { body }), signal: bounded }),
      );
    } catch (error) {
      signal.throwIfAborted();
      return err(unreachable(new URL(url).host, error as Error));
    }
  }

  /** Answers a challenge (RFC 9110, 11.6.1): true where there is something new to send. */
  async #authorize(challenge: string, signal: AbortSignal): Promise<Result<boolean, string>> {
    const basic =
      this.#credentials === null
        ? null
        : `Basic ${Buffer.from(`${this.#credentials.user}:${this.#credentials.password}`).toString('base64')}`;
    if (/^basic\b/i.test(challenge)) {
      const isNew = basic !== null && this.#authorization !== basic;
      this.#authorization = basic;
      return ok(isNew);
    }
    const realm = /\brealm="([^"]+)"/i.exec(challenge)?.[1];
    if (!/^bearer\b/i.test(challenge) || realm === undefined) return ok(false);
    if (this.#repository.scheme === 'https' && !realm.startsWith('https://'))
      return err(`${this.#repository.host} sends for tokens to ${realm}, which is not secure`);
    const url = new URL(realm);
    const service = /\bservice="([^"]+)"/i.exec(challenge)?.[1];
    if (service !== undefined) url.searchParams.set('service', service);
    url.searchParams.set('scope', `repository:${this.#repository.path}:pull,push`);
    return this.#takeToken(url, basic, signal);
  }

  async #takeToken(url: URL, basic: string | null, signal: AbortSignal): Promise<Result<boolean, string>> {
    try {
      const answer = await fetch(url, {
        headers: basic === null ? {} : { authorization: basic },
        signal: AbortSignal.any([signal, AbortSignal.timeout(callLimitMs)]),
      });
      if (!answer.ok) return err(await this.#refusal(answer, 'these credentials'));
      const token = Token.safeParse(await answer.json());
      const value = token.data?.token ?? token.data?.access_token;
      if (value === undefined) return err(`${url.host} gave no token`);
      this.#authorization = `Bearer ${value}`;
      return ok(true);
    } catch (error) {
      signal.throwIfAborted();
      return err(unreachable(url.host, error as Error));
    }
  }
}

function unreachable(host: string, { message, cause }: Error): string {
  const said = cause instanceof Error ? cause : null;
  const code = said !== null && 'code' in said ? String(said.code) : '';
  const fix = /ERR_SSL|EPROTO/.test(code) ? '; a registry without TLS is written http://HOST/PATH' : '';
  return `the registry ${host} cannot be reached: ${said?.message ?? message}${fix}`;
}
