import { randomUUID } from 'node:crypto';
import type { z } from 'zod';
import { Problem } from '../../server/schemas.ts';

const callLimitMs = 15_000;

/** An answer that was not what was asked for. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** The API as one identity sees it: the demo goes through the same door as everybody. */
export class Client {
  readonly #url: string;
  readonly #token: string;

  constructor(url: string, token: string) {
    this.#url = url;
    this.#token = token;
  }

  async get<S extends z.ZodType>(path: string, schema: S): Promise<z.output<S>> {
    return schema.parse(await (await this.#call('GET', path, undefined)).json());
  }

  async post<S extends z.ZodType>(path: string, body: unknown, schema: S): Promise<z.output<S>> {
    return schema.parse(await (await this.#call('POST', path, JSON.stringify(body))).json());
  }

  async delete<S extends z.ZodType>(path: string, schema: S): Promise<z.output<S>> {
    return schema.parse(await (await this.#call('DELETE', path, undefined)).json());
  }

  async putBytes(path: string, bytes: Uint8Array): Promise<void> {
    await this.#call('PUT', path, new Uint8Array(bytes));
  }

  async bytes(path: string): Promise<Uint8Array> {
    return new Uint8Array(await (await this.#call('GET', path, undefined)).arrayBuffer());
  }

  async #call(
    method: string,
    path: string,
    body: string | Uint8Array<ArrayBuffer> | undefined,
  ): Promise<Response> {
    const response = await fetch(`${this.#url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.#token}`,
        ...(method === 'GET' ? {} : { 'idempotency-key': randomUUID() }),
        ...(body === undefined
          ? {}
          : { 'content-type': typeof body === 'string' ? 'application/json' : 'application/octet-stream' }),
      },
      ...(body === undefined ? {} : { body }),
      signal: AbortSignal.timeout(callLimitMs),
    });
    if (response.ok) return response;
    const problem = Problem.safeParse(await response.json().catch(() => undefined));
    const said = problem.success ? problem.data : { code: 'unknown', detail: response.statusText };
    throw new ApiError(response.status, said.code, `${method} ${path}: ${response.status} ${said.detail}`);
  }
}
