import type { LedgerEvent } from '../server/schemas-ledger.ts';
import type { ApiClient, Query } from './client.ts';
import { ApiRefusal } from './client.ts';

/** Silence for longer than this means that the line is dead: the server sends a comment every 15 s or sooner. */
const longestSilenceMs = 45_000;
const firstPauseMs = 250;
const longestPauseMs = 5_000;

/**
 * What the ledger gets from now on, or from `after`, as it comes. A broken line is taken up again behind the
 * last event that was seen, with growing pauses; a refusal is thrown.
 */
export async function* followEvents(
  client: ApiClient,
  query: Query,
  signal: AbortSignal,
  onGap: (message: string) => void = () => undefined,
): AsyncGenerator<LedgerEvent> {
  const schemas = await import('../server/schemas-ledger.ts');
  let last: string | null = null;
  let pause = firstPauseMs;
  while (!signal.aborted) {
    try {
      for await (const message of readStream(client, query, last, signal)) {
        pause = firstPauseMs;
        if (message.id !== null) last = message.id;
        const event = schemas.LedgerEvent.safeParse(parseJson(message.data));
        if (event.success) yield event.data;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ApiRefusal && error.status < 500 && error.status !== 429) throw error;
      onGap(`the event stream broke (${(error as Error).message}); trying again`);
    }
    await sleep(pause, signal);
    pause = Math.min(pause * 2, longestPauseMs);
  }
}

async function* readStream(
  client: ApiClient,
  query: Query,
  last: string | null,
  signal: AbortSignal,
): AsyncGenerator<ServerSentMessage> {
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), longestSilenceMs);
  try {
    const answer = await client.call('GET', '/v1/events', {
      query,
      headers: { accept: 'text/event-stream', ...(last === null ? {} : { 'last-event-id': last }) },
      timeoutMs: null,
      signal: AbortSignal.any([signal, silence.signal]),
    });
    const parser = new ServerSentParser();
    for await (const text of answer.setEncoding('utf8')) {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), longestSilenceMs);
      yield* parser.push(text as string);
    }
  } finally {
    clearTimeout(timer);
  }
}

export interface ServerSentMessage {
  readonly id: string | null;
  readonly event: string;
  readonly data: string;
}

/** Reads `text/event-stream` (WHATWG HTML, section 9.2.6) in pieces of any size. */
export class ServerSentParser {
  #rest = '';
  #id: string | null = null;
  #event = 'message';
  #data: string[] = [];

  /** The messages that are complete with this piece. */
  push(piece: string): readonly ServerSentMessage[] {
    const text = this.#rest + piece;
    // A carriage return at the very end may be half of a line end.
    const lines = text.replace(/\r\n|\r(?!$)/g, '\n').split('\n');
    this.#rest = lines.pop() ?? '';
    return lines.flatMap((line) => this.#line(line));
  }

  #line(line: string): readonly ServerSentMessage[] {
    if (line === '') {
      const message = { id: this.#id, event: this.#event, data: this.#data.join('\n') };
      const complete = this.#data.length > 0;
      this.#event = 'message';
      this.#data = [];
      return complete ? [message] : [];
    }
    const colon = line.indexOf(':');
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'data') this.#data.push(value);
    else if (field === 'id' && !value.includes('\u0000')) this.#id = value;
    else if (field === 'event') this.#event = value;
    return [];
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Waits, or until the signal ends it. */
export async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((done) => {
    const finish = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', finish);
      done();
    };
    const timer = setTimeout(finish, ms);
    signal.addEventListener('abort', finish);
  });
}
