import { type IncomingMessage, request as httpRequest, type RequestOptions } from 'node:http';

/** One request, with its body in memory. */
export interface HttpRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly signal: AbortSignal;
}

/**
 * Sends one request and resolves when the head of its answer is there; the answer is the stream of its body, which
 * has to be read or resumed. Follows no redirect: a token goes to the server that it was meant for. Rejects with the
 * signal's reason when that ends it. Not `fetch`, whose loading alone takes a third of a command that only looks.
 */
export async function send(url: string, request: HttpRequest): Promise<IncomingMessage> {
  const open = url.startsWith('https:') ? (await import('node:https')).request : httpRequest;
  const { method, headers, body, signal } = request;
  signal.throwIfAborted();
  const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  const options: RequestOptions = { method, headers: { ...headers, ...length }, signal };
  return new Promise((resolve, reject) => {
    const sent = open(url, options, resolve);
    // An error after the head of the answer is the answer's own.
    sent.on('error', (error) => reject(signal.aborted ? (signal.reason as Error) : error));
    sent.end(body);
  });
}

/** All of an answer as text. */
export async function textOf(answer: IncomingMessage): Promise<string> {
  let text = '';
  for await (const piece of answer.setEncoding('utf8')) text += piece as string;
  return text;
}

/** All of an answer as JSON; undefined where it is none, or broke off. */
export async function jsonOf(answer: IncomingMessage): Promise<unknown> {
  try {
    return JSON.parse(await textOf(answer)) as unknown;
  } catch {
    return undefined;
  }
}
