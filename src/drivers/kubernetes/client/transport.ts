import { Agent as HttpAgent, type IncomingMessage, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, type AgentOptions, request as httpsRequest } from 'node:https';
import { err, ok, type Result } from '../../../core/model/result.ts';
import type { ApiError } from './api-error.ts';
import type { Connection, Credentials } from './connection.ts';

export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With its query. */
  readonly path: string;
  readonly body?: string;
  readonly contentType?: string;
  readonly signal: AbortSignal;
}

/** Calls at once, unless it is said otherwise; more wait for a free connection. */
const usualConnections = 8;

/**
 * HTTP to one API server: kept connections, the credentials of the moment, TLS checked against the cluster's own
 * authority. Never follows a redirect, and never repeats a call but for one that was refused for an old token.
 */
export class Transport {
  readonly #connection: Connection;
  readonly #base: URL;
  readonly #connections: number;
  #agent: HttpAgent | HttpsAgent | null = null;
  #agentFor: string | null = null;

  constructor(connection: Connection, connections = usualConnections) {
    this.#connection = connection;
    this.#connections = connections;
    this.#base = new URL(connection.server);
  }

  get server(): string {
    return this.#connection.server;
  }

  /** The answer's head with its body still to be read, whatever its status. */
  async open(call: Call): Promise<Result<IncomingMessage, ApiError>> {
    const first = await this.#once(call);
    if (!first.ok || first.value.statusCode !== 401) return first;
    // The token was rotated or revoked since it was read: once more with a new reading, never in a loop.
    first.value.resume();
    this.#connection.refused();
    return this.#once(call);
  }

  /** To the same server as the same, with connections of its own without a limit: a watch holds one for minutes. */
  forWatches(): Transport {
    return new Transport(this.#connection, Infinity);
  }

  close(): void {
    this.#agent?.destroy();
  }

  async #once(call: Call): Promise<Result<IncomingMessage, ApiError>> {
    const got = await this.#connection.credentials();
    if (!got.ok) return err({ code: 'not-sent', message: got.error });
    if (call.signal.aborted) return err({ code: 'not-sent', message: 'there was no time left to call' });
    const secure = this.#base.protocol === 'https:';
    const headers: Record<string, string> = { accept: 'application/json', 'user-agent': 'belay' };
    // A token never goes over a connection that others can read.
    if (secure && got.value.token !== null) headers['authorization'] = `Bearer ${got.value.token}`;
    if (call.body !== undefined) {
      headers['content-type'] = call.contentType ?? 'application/json';
      headers['content-length'] = String(Buffer.byteLength(call.body));
    }
    const options = {
      protocol: this.#base.protocol,
      hostname: this.#base.hostname.replace(/^\[|\]$/g, ''),
      port: this.#base.port,
      path: this.#base.pathname.replace(/\/$/, '') + call.path,
      method: call.method,
      headers,
      agent: this.#agentWith(got.value, secure),
      signal: call.signal,
    };
    return new Promise((resolve) => {
      const request = secure ? httpsRequest(options) : httpRequest(options);
      request.once('response', (response) => resolve(ok(response)));
      request.once('error', (error: NodeJS.ErrnoException) => resolve(err(failureOf(error))));
      request.end(call.body);
    });
  }

  /** One agent as long as the client certificate is the same. */
  #agentWith(credentials: Credentials, secure: boolean): HttpAgent | HttpsAgent {
    const certificate = credentials.certificate?.cert ?? '';
    if (this.#agent !== null && this.#agentFor === certificate) return this.#agent;
    this.#agent?.destroy();
    this.#agentFor = certificate;
    this.#agent = secure
      ? new HttpsAgent(this.#tls(credentials))
      : new HttpAgent({ keepAlive: true, maxSockets: this.#connections });
    return this.#agent;
  }

  #tls({ certificate }: Credentials): AgentOptions {
    const { ca, serverName, insecure } = this.#connection;
    return {
      keepAlive: true,
      maxSockets: this.#connections,
      minVersion: 'TLSv1.2',
      rejectUnauthorized: !insecure,
      ...(ca === null ? {} : { ca }),
      ...(serverName === null ? {} : { servername: serverName }),
      ...(certificate === null ? {} : { cert: certificate.cert, key: certificate.key }),
    };
  }
}

const notSentCodes = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);

function failureOf(error: NodeJS.ErrnoException): ApiError {
  const code = error.code ?? error.name;
  const isTls = /CERT|SELF_SIGNED|ERR_TLS|ERR_SSL|UNABLE_TO_VERIFY/.test(code);
  return {
    code: notSentCodes.has(code) || isTls ? 'not-sent' : 'lost',
    message: `the API server could not be asked: ${error.message} (${code})`,
  };
}

/** Reads a body of at most `most` bytes as text. */
export async function readText(response: IncomingMessage, most: number): Promise<Result<string, ApiError>> {
  const parts: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const part of response as AsyncIterable<Buffer>) {
      bytes += part.byteLength;
      if (bytes > most) {
        response.destroy();
        return err({ code: 'invalid-answer', message: `an answer of more than ${most} bytes is not read` });
      }
      parts.push(part);
    }
  } catch (error) {
    return err({ code: 'lost', message: `the answer broke off: ${(error as Error).message}` });
  }
  return ok(Buffer.concat(parts).toString('utf8'));
}
