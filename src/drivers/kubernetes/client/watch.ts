import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { err, ok, type Result } from '../../../core/model/result.ts';
import { type ApiError, errorOf } from './api-error.ts';
import { pathOf, type Resource } from './resources.ts';
import { readText, type Transport } from './transport.ts';

/** One thing that a watch tells: an object as it is now, an object that is gone, or only how far it has come. */
export type WatchEvent<T> =
  | { readonly type: 'is'; readonly object: T; readonly resourceVersion: string }
  | { readonly type: 'gone'; readonly object: T; readonly resourceVersion: string }
  | { readonly type: 'bookmark'; readonly resourceVersion: string };

const Line = z.object({
  type: z.enum(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR']),
  object: z.unknown(),
});
const Versioned = z.object({ metadata: z.object({ resourceVersion: z.string() }) });
const Status = z.object({ code: z.int(), message: z.string().default('') });

export interface WatchQuery {
  readonly resource: Resource;
  readonly namespace: string;
  readonly labelSelector: string;
  readonly resourceVersion: string;
  /** After so many seconds the server ends the watch; it is then begun again where it stopped. */
  readonly timeoutSeconds: number;
}

/** How long after its time a watch may end before it is given up. */
const graceSeconds = 30;
/** An object of the API is smaller than this: etcd takes no larger ones. */
const longestLine = 4_000_000;

/**
 * Watches a kind in a namespace, with bookmarks. Gives events until the server ends it, which is no error; an error is
 * the last thing that comes. `expired` means that what came since `resourceVersion` is not kept any more: list again.
 */
export async function* watch<T>(
  transport: Transport,
  query: WatchQuery,
  schema: z.ZodType<T>,
  signal: AbortSignal,
): AsyncGenerator<Result<WatchEvent<T> | { readonly type: 'open' }, ApiError>> {
  const search = new URLSearchParams({
    watch: '1',
    allowWatchBookmarks: 'true',
    resourceVersion: query.resourceVersion,
    timeoutSeconds: String(query.timeoutSeconds),
    labelSelector: query.labelSelector,
  });
  const path = `${pathOf(query.resource, query.namespace)}?${search.toString()}`;
  // A connection that died without a word would be waited on for ever: the server has ended it by then.
  const limit = AbortSignal.timeout((query.timeoutSeconds + graceSeconds) * 1_000);
  const opened = await transport.open({ method: 'GET', path, signal: AbortSignal.any([signal, limit]) });
  if (!opened.ok) {
    yield opened;
    return;
  }
  const status = opened.value.statusCode ?? 0;
  if (status !== 200) {
    const text = await readText(opened.value, 1_000_000);
    yield err(text.ok ? errorOf(status, text.value) : text.error);
    return;
  }
  yield ok({ type: 'open' });
  yield* eventsIn(opened.value, schema);
}

async function* eventsIn<T>(
  response: IncomingMessage,
  schema: z.ZodType<T>,
): AsyncGenerator<Result<WatchEvent<T>, ApiError>> {
  let rest = '';
  try {
    for await (const part of response.setEncoding('utf8') as AsyncIterable<string>) {
      const lines = (rest + part).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > longestLine) {
        yield err({
          code: 'invalid-answer',
          message: `a watch told more than ${longestLine} characters at once`,
        });
        return;
      }
      for (const line of lines) {
        const event = eventOf(line, schema);
        yield event;
        if (!event.ok) return;
      }
    }
  } catch (error) {
    yield err({ code: 'lost', message: `the watch broke off: ${(error as Error).message}` });
  } finally {
    response.destroy();
  }
}

/** One line of a watch. */
function eventOf<T>(text: string, schema: z.ZodType<T>): Result<WatchEvent<T>, ApiError> {
  const strange = err({
    code: 'invalid-answer',
    message: 'a watch told something that is not understood',
  } as const);
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return strange;
  }
  const line = Line.safeParse(document);
  if (!line.success) return strange;
  const { type, object } = line.data;
  if (type === 'ERROR') {
    const status = Status.safeParse(object);
    return status.success ? err(errorOf(status.data.code, JSON.stringify(object))) : strange;
  }
  const versioned = Versioned.safeParse(object);
  if (!versioned.success) return strange;
  const { resourceVersion } = versioned.data.metadata;
  if (type === 'BOOKMARK') return ok({ type: 'bookmark', resourceVersion });
  const parsed = schema.safeParse(object);
  if (!parsed.success) return strange;
  return ok({ type: type === 'DELETED' ? 'gone' : 'is', object: parsed.data, resourceVersion });
}
