import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { z } from 'zod';
import type { ExitCode } from './exit-codes.ts';
import { CliFailure } from './failure.ts';
import { jsonOf, send } from './http.ts';
import type { Settings } from './settings.ts';

export type Query = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** A refusal by the server, with its stable `code`, so that a command can react to it. */
export class ApiRefusal extends CliFailure {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, exit: ExitCode, message: string, next: readonly string[]) {
    super(exit, message, next);
    this.status = status;
    this.code = code;
  }
}

/**
 * Talks to one server as one subject. Every call has a time limit. Answers are checked by their schema, but for
 * those that are only looked at (`glance`): loading the schemas would take longer than all the rest of such a command.
 */
export class ApiClient {
  readonly settings: Settings;

  constructor(settings: Settings) {
    this.settings = settings;
  }

  async get<S extends z.ZodType>(path: string, query: Query, schema: S): Promise<z.output<S>> {
    const answer = await this.call('GET', path, { query });
    return this.#read(answer, schema);
  }

  /**
   * Reads what is only shown or searched. That the answer is an object with these fields is all that is checked;
   * what it means is for the server to check once more when something is asked of it.
   */
  async glance<T extends object>(
    path: string,
    query: Query,
    ...fields: readonly (keyof T & string)[]
  ): Promise<T> {
    const answer = await this.call('GET', path, { query });
    const body = await jsonOf(answer);
    const isObject = typeof body === 'object' && body !== null;
    const missing = isObject ? fields.find((field) => !(field in body)) : '';
    if (missing === undefined) return body as T;
    throw unexpectedAnswer(missing, isObject ? 'is missing' : 'no JSON object');
  }

  /** Sends a command once, however often it is sent: a retry by hand with the same key has no second effect. */
  async mutate<S extends z.ZodType>(
    method: 'POST' | 'DELETE',
    path: string,
    body: unknown,
    schema: S,
    query: Query = {},
  ): Promise<z.output<S>> {
    const answer = await this.call(method, path, {
      query,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      headers: {
        'idempotency-key': randomUUID(),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
    });
    return this.#read(answer, schema);
  }

  async put<S extends z.ZodType>(
    path: string,
    bytes: Uint8Array<ArrayBuffer>,
    schema: S,
  ): Promise<z.output<S>> {
    const answer = await this.call('PUT', path, {
      body: bytes,
      headers: { 'content-type': 'application/octet-stream', 'idempotency-key': randomUUID() },
      timeoutMs: Math.max(this.settings.requestTimeoutMs, 120_000),
    });
    return this.#read(answer, schema);
  }

  /** One call, and its answer as a stream to be read; throws `ApiRefusal` on a refusal. `timeoutMs: null` only for streams, whose silence is watched by their reader. */
  async call(
    method: string,
    path: string,
    request: {
      readonly query?: Query;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string | Uint8Array<ArrayBuffer>;
      readonly timeoutMs?: number | null;
      readonly signal?: AbortSignal;
    } = {},
  ): Promise<IncomingMessage> {
    const { url, token, requestTimeoutMs } = this.settings;
    const limit = request.timeoutMs === undefined ? requestTimeoutMs : request.timeoutMs;
    const signals = [
      ...(limit === null ? [] : [AbortSignal.timeout(limit)]),
      ...(request.signal === undefined ? [] : [request.signal]),
    ];
    const answer = await send(`${url}${path}${queryString(request.query ?? {})}`, {
      method,
      headers: {
        accept: 'application/json',
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...request.headers,
      },
      ...(request.body === undefined ? {} : { body: request.body }),
      signal: AbortSignal.any(signals),
    }).catch((error: unknown) => {
      if (request.signal?.aborted === true) throw error;
      throw unreachableServer(url, error, limit);
    });
    const { statusCode = 0 } = answer;
    if (statusCode < 200 || statusCode > 299) throw await refusal(statusCode, answer);
    return answer;
  }

  async #read<S extends z.ZodType>(answer: IncomingMessage, schema: S): Promise<z.output<S>> {
    const body = await jsonOf(answer);
    const parsed = schema.safeParse(body);
    if (parsed.success) return parsed.data;
    const issue = parsed.error.issues[0];
    throw unexpectedAnswer(issue?.path.join('.') ?? '', issue?.message ?? 'no JSON');
  }
}

const unexpectedAnswer = (place: string, what: string): CliFailure =>
  new CliFailure(
    'error',
    `the server’s answer is not what this version of belay expects (${place}: ${what})`,
    ['compare the versions of client and server: belay doctor'],
  );

/** A path of the API with its parts escaped. */
export function apiPath(strings: TemplateStringsArray, ...parts: readonly string[]): string {
  return strings.reduce(
    (path, text, i) => path + text + (i < parts.length ? encodeURIComponent(parts[i] ?? '') : ''),
    '',
  );
}

function queryString(query: Query): string {
  const pairs = Object.entries(query).flatMap(([key, value]) =>
    value === null || value === undefined ? [] : [[key, String(value)] as [string, string]],
  );
  return pairs.length === 0 ? '' : `?${new URLSearchParams(pairs).toString()}`;
}

function unreachableServer(url: string, error: unknown, limit: number | null): CliFailure {
  if (error instanceof DOMException && error.name === 'TimeoutError') {
    return new CliFailure('timedOut', `${url} did not answer within ${(limit ?? 0) / 1000} s`, [
      'belay doctor',
    ]);
  }
  const { code, message } = error as NodeJS.ErrnoException;
  const why = code ?? message;
  return new CliFailure('error', `cannot reach the server at ${url} (${why})`, [
    'belay up       starts one for your own work',
    'belay doctor   looks for what is wrong',
  ]);
}

/** Refusals by a rule or a freeze, by the problem’s code. */
const policyCodes = /frozen|freeze|quarantin|policy|barred|window/;

async function refusal(status: number, answer: IncomingMessage): Promise<ApiRefusal> {
  const { Problem } = await import('../server/schemas.ts');
  const problem = Problem.safeParse(await jsonOf(answer));
  if (!problem.success) {
    const exit = status === 401 || status === 403 ? 'notAllowed' : 'error';
    return new ApiRefusal(status, 'unknown', exit, `the server answered ${status}`, []);
  }
  const { detail, title, code, errors } = problem.data;
  const places = (errors ?? []).map(
    (e) => `\n  ${e.path}: ${e.message}${e.fix === undefined || e.fix === '' ? '' : `; ${e.fix}`}`,
  );
  const message = `${detail === '' ? title : detail}${places.join('')}`;
  return new ApiRefusal(status, code, exitOf(status, code), message, nextOf(status, code));
}

function exitOf(status: number, code: string): ExitCode {
  if (status === 401) return 'notAllowed';
  if (policyCodes.test(code)) return 'heldByPolicy';
  return status === 403 ? 'notAllowed' : 'error';
}

function nextOf(status: number, code: string): readonly string[] {
  if (code === 'barred-approver') return ['ask somebody else to approve it: belay why shows who may not'];
  if (status === 401)
    return ['give a token by BELAY_TOKEN or --token-file; an admin makes one: belay token create'];
  if (status === 403) return ['belay doctor   shows what this token may do'];
  return [];
}
