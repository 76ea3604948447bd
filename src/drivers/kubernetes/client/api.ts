import { z } from 'zod';
import { err, ok, type Result } from '../../../core/model/result.ts';
import { type ApiError, errorOf } from './api-error.ts';
import { pathOf, type Resource, selectorOf } from './resources.ts';
import { type Call, readText, type Transport } from './transport.ts';

/** The name under which our fields are owned in server-side apply. */
export const fieldManager = 'belay';

/** An object as it is sent: its head, and whatever its kind has. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly resourceVersion?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

const mostAnswerBytes = 16_000_000;
const pageSize = 500;
const callLimitMs = 10_000;

/** Calls of the Kubernetes API, with errors as values. None is repeated: whoever asks knows whether it may be. */
export class KubernetesApi {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  get transport(): Transport {
    return this.#transport;
  }

  get<T>(
    resource: Resource,
    namespace: string,
    name: string,
    schema: z.ZodType<T>,
    signal: AbortSignal,
  ): Promise<Result<T, ApiError>> {
    return this.call({ method: 'GET', path: pathOf(resource, namespace, name), signal }, schema);
  }

  /** All objects of a kind with these labels, as they are now and not as a cache has them; page after page. */
  async list<T>(
    resource: Resource,
    namespace: string,
    labels: Readonly<Record<string, string>>,
    schema: z.ZodType<T>,
    signal: AbortSignal,
  ): Promise<Result<readonly T[], ApiError>> {
    const page = z.object({
      metadata: z.object({ continue: z.string().optional() }).optional(),
      items: z.array(schema),
    });
    const items: T[] = [];
    let next: string | undefined;
    do {
      const query = new URLSearchParams({
        labelSelector: selectorOf(labels),
        limit: String(pageSize),
        ...(next === undefined ? {} : { continue: next }),
      });
      const path = `${pathOf(resource, namespace)}?${query.toString()}`;
      const got = await this.call({ method: 'GET', path, signal }, page);
      if (!got.ok) return got;
      items.push(...got.value.items);
      next = got.value.metadata?.continue === '' ? undefined : got.value.metadata?.continue;
    } while (next !== undefined);
    return ok(items);
  }

  /**
   * Server-side apply with our field manager. Takes over fields that others own: what a release is, is ours to say.
   * With a `resourceVersion` in the manifest it is a `conflict` when the object has changed since.
   */
  apply<T>(
    resource: Resource,
    namespace: string,
    manifest: Manifest,
    schema: z.ZodType<T>,
    signal: AbortSignal,
  ): Promise<Result<T, ApiError>> {
    const query = `fieldManager=${fieldManager}&force=true`;
    const path = `${pathOf(resource, namespace, manifest.metadata.name)}?${query}`;
    const body = JSON.stringify(manifest);
    return this.call(
      { method: 'PATCH', path, body, contentType: 'application/apply-patch+yaml', signal },
      schema,
    );
  }

  /** JSON merge patch (RFC 7396); a `resourceVersion` in it guards it as above. */
  patch<T>(
    resource: Resource,
    namespace: string,
    name: string,
    patch: unknown,
    schema: z.ZodType<T>,
    signal: AbortSignal,
  ): Promise<Result<T, ApiError>> {
    const path = `${pathOf(resource, namespace, name)}?fieldManager=${fieldManager}`;
    const body = JSON.stringify(patch);
    return this.call(
      { method: 'PATCH', path, body, contentType: 'application/merge-patch+json', signal },
      schema,
    );
  }

  create<T>(
    resource: Resource,
    namespace: string,
    manifest: Manifest,
    schema: z.ZodType<T>,
    signal: AbortSignal,
  ): Promise<Result<T, ApiError>> {
    const path = `${pathOf(resource, namespace)}?fieldManager=${fieldManager}`;
    return this.call({ method: 'POST', path, body: JSON.stringify(manifest), signal }, schema);
  }

  /**
   * Deletes an object. `foreground` keeps it, marked, until all that depends on it is gone. What is not there is
   * deleted. With a version, only that very object as it was then, else it is a `conflict`.
   */
  async delete(
    resource: Resource,
    namespace: string,
    name: string,
    options: {
      readonly propagation: 'foreground' | 'background';
      readonly only?: { readonly uid: string; readonly resourceVersion: string };
    },
    signal: AbortSignal,
  ): Promise<Result<null, ApiError>> {
    const body = JSON.stringify({
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      propagationPolicy: options.propagation === 'foreground' ? 'Foreground' : 'Background',
      ...(options.only === undefined ? {} : { preconditions: options.only }),
    });
    const path = pathOf(resource, namespace, name);
    const done = await this.call({ method: 'DELETE', path, body, signal }, z.unknown());
    return done.ok || done.error.code === 'not-found' ? ok(null) : done;
  }

  /** One call, its answer checked against a schema. */
  async call<T>(call: Call, schema: z.ZodType<T>): Promise<Result<T, ApiError>> {
    const text = await this.text(call);
    return text.ok ? parsedAs(text.value, schema) : text;
  }

  /** One call whose answer is taken as it is. */
  async text(call: Call): Promise<Result<string, ApiError>> {
    const signal = AbortSignal.any([call.signal, AbortSignal.timeout(callLimitMs)]);
    const opened = await this.#transport.open({ ...call, signal });
    if (!opened.ok) return opened;
    const text = await readText(opened.value, mostAnswerBytes);
    if (!text.ok) return text;
    const status = opened.value.statusCode ?? 0;
    return status < 200 || status > 299 ? err(errorOf(status, text.value)) : text;
  }
}

function parsedAs<T>(text: string, schema: z.ZodType<T>): Result<T, ApiError> {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return err({ code: 'invalid-answer', message: 'the answer is no JSON' });
  }
  const parsed = schema.safeParse(document);
  if (parsed.success) return ok(parsed.data);
  const [issue] = parsed.error.issues;
  return err({
    code: 'invalid-answer',
    message: `the answer is not as expected: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`,
  });
}
