import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { z } from 'zod';
import { Name } from '../../../core/model/name.ts';
import { err, ok } from '../../../core/model/result.ts';
import type { Result } from '../../../core/model/result.ts';
import { ApplyRequest, RemoveRequest, ShiftRequest } from '../protocol.ts';
import type { Slot } from './slot.ts';

const MAXIMUM_BODY_BYTES = 1 << 20;

/** What the control API works on. */
export interface Controlled {
  /** The slot of these names, if this agent serves it. */
  slot(project: string, environment: string, service: string): Slot | undefined;
  exposition(): string;
  /** Called for each authenticated call: the control plane lives. */
  onCall(): void;
  onBug(problem: unknown): void;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

const notFound: Answer = { status: 404, body: { error: 'not found' } };
const refused = (message: string): Answer => ({ status: 400, body: { error: message } });

/**
 * The control API on the loopback interface. Every route asks for the bearer token; see `protocol.ts` for the
 * bodies. `PUT|DELETE /v1/slots/P/E/S/workloads/R`, `PUT …/weights`, `GET /v1/slots/P/E/S`, `GET …/counters`,
 * `GET …/diagnostics/R`, `GET /metrics`.
 */
export class ControlServer {
  readonly #controlled: Controlled;
  readonly #tokenHash: Buffer;
  readonly #server: Server;

  constructor(controlled: Controlled, token: string) {
    this.#controlled = controlled;
    this.#tokenHash = sha256(token);
    this.#server = createServer((request, response) => void this.#handle(request, response));
  }

  /** Resolves with the port; rejects if the port is taken. */
  listen(port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', () => resolve((this.#server.address() as AddressInfo).port));
    });
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      if (!this.#isAllowed(request)) {
        send(response, { status: 401, body: { error: 'the bearer token is missing or wrong' } });
        return;
      }
      // Whoever scrapes is not the control plane, and does not stand for its being there.
      if (request.method === 'GET' && request.url === '/metrics') {
        response
          .writeHead(200, { 'content-type': 'text/plain; version=0.0.4' })
          .end(this.#controlled.exposition());
        return;
      }
      this.#controlled.onCall();
      send(response, await this.#route(request));
    } catch (problem) {
      this.#controlled.onBug(problem);
      if (!response.headersSent) send(response, { status: 500, body: { error: 'internal error' } });
    }
  }

  #isAllowed(request: IncomingMessage): boolean {
    const given = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1];
    return given !== undefined && timingSafeEqual(sha256(given), this.#tokenHash);
  }

  async #route(request: IncomingMessage): Promise<Answer> {
    const [version, slots, project, environment, service, part, release, ...more] = (request.url ?? '')
      .slice(1)
      .split('/');
    if (version !== 'v1' || slots !== 'slots' || more.length > 0) return notFound;
    const slot = this.#controlled.slot(project ?? '', environment ?? '', service ?? '');
    if (slot === undefined) return notFound;
    const operation = `${request.method} ${part ?? ''}${release === undefined ? '' : '/'}`;
    switch (operation) {
      case 'GET ':
        return { status: 200, body: slot.report() };
      case 'GET counters':
        return { status: 200, body: slot.counters() };
      case 'GET diagnostics/':
        return { status: 200, body: slot.diagnostics(release ?? '') };
      case 'PUT weights': {
        const body = await readJson(request, ShiftRequest);
        return body.ok ? { status: 200, body: slot.shift(body.value) } : refused(body.error);
      }
      case 'PUT workloads/': {
        const body = await readJson(request, ApplyRequest);
        const name = Name.safeParse(release);
        if (!name.success) return refused('not the name of a release');
        return body.ok ? { status: 200, body: await slot.apply(name.data, body.value) } : refused(body.error);
      }
      case 'DELETE workloads/': {
        const body = await readJson(request, RemoveRequest);
        return body.ok
          ? { status: 200, body: slot.remove(release ?? '', body.value.generation) }
          : refused(body.error);
      }
      default:
        return notFound;
    }
  }
}

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();

function send(response: ServerResponse, answer: Answer): void {
  response.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(answer.body));
}

async function readJson<T extends z.ZodType>(
  request: IncomingMessage,
  schema: T,
): Promise<Result<z.infer<T>, string>> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAXIMUM_BODY_BYTES) return err('the body is too large');
    chunks.push(chunk);
  }
  let document: unknown;
  try {
    document = JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    return err('the body is not JSON');
  }
  const parsed = schema.safeParse(document);
  if (parsed.success) return ok(parsed.data);
  const issue = parsed.error.issues[0];
  return err(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not valid'}`);
}
