import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { z } from 'zod';

/** What was asked of the stub. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** One recorded answer: it must be one that the schema allows, or the test itself is wrong. */
export type Answer = (asked: Asked) => { readonly status?: number; readonly body: unknown };

/** An answer of a route, checked by the schema of that route. */
export const answering =
  <S extends z.ZodType>(schema: S, body: z.input<S> | ((asked: Asked) => z.input<S>)): Answer =>
  (asked) => ({
    body: schema.parse(typeof body === 'function' ? (body as (asked: Asked) => z.input<S>)(asked) : body),
  });

/** A server in this process that answers as recorded; unknown routes are 404 problems. */
export class StubServer implements AsyncDisposable {
  readonly asked: Asked[] = [];
  readonly #answers: Readonly<Record<string, Answer>>;
  readonly #server: Server;
  readonly #streams = new Set<ServerResponse>();

  private constructor(answers: Readonly<Record<string, Answer>>) {
    this.#answers = answers;
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  /** `answers` by method and path, such as `GET /v1/slots`. */
  static async start(answers: Readonly<Record<string, Answer>>): Promise<StubServer> {
    const stub = new StubServer(answers);
    await new Promise<void>((done) => stub.#server.listen(0, '127.0.0.1', done));
    return stub;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Sends an event to everybody who follows. */
  push(event: unknown, id: string): void {
    for (const stream of this.#streams) stream.write(`id: ${id}\ndata: ${JSON.stringify(event)}\n\n`);
  }

  get followers(): number {
    return this.#streams.size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((done) => this.#server.close(() => done()));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const url = new URL(request.url ?? '/', 'http://stub');
    const asked: Asked = {
      method: request.method ?? '',
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      headers: request.headers,
      body: Buffer.concat(chunks).toString('utf8'),
    };
    this.asked.push(asked);
    if (url.pathname === '/v1/events') {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(': hello\n\n');
      this.#streams.add(response);
      response.on('close', () => this.#streams.delete(response));
      return;
    }
    const answer = this.#answers[`${asked.method} ${asked.path}`];
    const { status = 200, body } = answer?.(asked) ?? {
      status: 404,
      body: problem(404, 'not-found', `there is no ${asked.path}`),
    };
    response.writeHead(status, {
      'content-type': status >= 400 ? 'application/problem+json' : 'application/json',
    });
    response.end(Buffer.isBuffer(body) ? body : JSON.stringify(body));
  }
}

/** A refusal as the server writes it. */
export const problem = (
  status: number,
  code: string,
  detail: string,
  errors?: readonly { path: string; message: string }[],
): unknown => ({ type: `https://belay.dev/problems/${code}`, title: code, status, detail, code, errors });
