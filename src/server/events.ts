import type { EntryFilter, PlacedEntry } from '../store/history.ts';
import { readAfter } from '../store/history.ts';
import type { ServerParts } from './parts.ts';
import { eventView } from './views/entry-view.ts';

const heartbeatMs = 15_000;
/** Entries that are read at once. */
const pageSize = 200;

/** What a stream of events shows, and from where. */
export interface EventStream {
  readonly filter: EntryFilter;
  /** The index of the last entry that the reader has seen. */
  readonly after: number;
  /** Whether the reader may still read; asked now and then, so that a revoked token ends its streams. */
  readonly mayGoOn: () => Promise<boolean>;
  readonly onEnd: () => void;
}

const encoder = new TextEncoder();
const format = (placed: PlacedEntry): string =>
  `id: ${placed.index}\ndata: ${JSON.stringify(eventView(placed))}\n\n`;

/**
 * Server-sent events over the sequenced entries, in their order and without a gap: what is read next is kept as an
 * index of the log, so nothing is missed between two looks. Ends when the reader goes, his token ends, or the server
 * closes; the reader then comes again with the last id he saw.
 */
export function eventStream(parts: ServerParts, options: EventStream): ReadableStream<Uint8Array> {
  const gone = new AbortController();
  const end = AbortSignal.any([gone.signal, parts.closing]);
  let { after } = options;
  let checkedAt = performance.now();
  let ended = false;
  const finish = (): void => {
    if (!ended) options.onEnd();
    ended = true;
  };

  /** The next events as text; a comment when there was none for a while; null when the stream ends. */
  const next = async (): Promise<string | null> => {
    for (;;) {
      if (end.aborted) return null;
      if (performance.now() - checkedAt >= heartbeatMs) {
        if (!(await options.mayGoOn())) return null;
        checkedAt = performance.now();
        return ': still here\n\n';
      }
      const upTo = await parts.feed.last();
      const page = upTo > after ? await readAfter(parts.pool, after, upTo, options.filter, pageSize) : [];
      after = page.length < pageSize ? Math.max(after, upTo) : (page.at(-1)?.index ?? upTo);
      if (page.length > 0) return page.map(format).join('');
      const left = Math.max(0, heartbeatMs - (performance.now() - checkedAt));
      await parts.feed.waitBeyond(after, left, end);
    }
  };

  return new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(encoder.encode('retry: 1000\n\n')),
    pull: async (controller) => {
      try {
        const text = await next();
        if (text !== null) return controller.enqueue(encoder.encode(text));
        finish();
        controller.close();
      } catch (error) {
        finish();
        throw error;
      }
    },
    cancel: () => {
      gone.abort();
      finish();
    },
  });
}
