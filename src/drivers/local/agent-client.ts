import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { z } from 'zod';
import { err, ok } from '../../core/model/result.ts';
import type { Result } from '../../core/model/result.ts';
import { Endpoint, ENDPOINT_FILE, TOKEN_FILE } from './protocol.ts';

const DEFAULT_TIMEOUT_MS = 5000;

/** How a call ended that brought no usable answer. */
export interface CallError {
  /**
   * - `not-sent`: the agent was not reached, or has refused the call: nothing was changed
   * - `not-found`: it does not serve this slot
   * - `lost`: the call may have arrived, the answer has not
   * - `invalid-answer`: an answer that we do not understand
   */
  readonly code: 'not-sent' | 'not-found' | 'lost' | 'invalid-answer';
  readonly message: string;
}

export interface CallOptions {
  readonly method: 'GET' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  readonly signal: AbortSignal;
}

/** Reads where the agent of a folder listens. Read for each call: a restarted agent may have another port. */
export async function readEndpoint(folder: string): Promise<Result<Endpoint, CallError>> {
  try {
    const parsed = Endpoint.safeParse(JSON.parse(await readFile(join(folder, ENDPOINT_FILE), 'utf8')));
    return parsed.success
      ? ok(parsed.data)
      : err({ code: 'invalid-answer', message: 'the endpoint file is not valid' });
  } catch (problem) {
    const code = (problem as NodeJS.ErrnoException).code;
    const message =
      code === 'ENOENT'
        ? 'no agent serves this environment yet'
        : `its agent cannot be found: ${code ?? 'unknown'}`;
    return err({ code: 'not-sent', message });
  }
}

/** One call of the agent's control API, never repeated. */
export async function callAgent<T extends z.ZodType>(
  folder: string,
  schema: T,
  options: CallOptions,
): Promise<Result<z.infer<T>, CallError>> {
  const endpoint = await readEndpoint(folder);
  if (!endpoint.ok) return endpoint;
  const response = await send(folder, endpoint.value, options);
  if (!response.ok) return response;
  const { status, text } = response.value;
  if (status === 404) return err({ code: 'not-found', message: 'the agent does not serve this slot' });
  if (status >= 500) return err({ code: 'lost', message: `the agent answered ${status}` });
  if (status !== 200)
    return err({ code: 'not-sent', message: `the agent answered ${status}: ${text.slice(0, 500)}` });
  try {
    const parsed = schema.safeParse(JSON.parse(text));
    return parsed.success ? ok(parsed.data) : err({ code: 'invalid-answer', message: parsed.error.message });
  } catch {
    return err({ code: 'invalid-answer', message: 'the answer is not JSON' });
  }
}

async function send(
  folder: string,
  endpoint: Endpoint,
  options: CallOptions,
): Promise<Result<{ readonly status: number; readonly text: string }, CallError>> {
  try {
    const token = (await readFile(join(folder, TOKEN_FILE), 'utf8')).trim();
    options.signal.throwIfAborted();
    const response = await fetch(endpoint.control + options.path, {
      method: options.method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: options.body === undefined ? null : JSON.stringify(options.body),
      signal: AbortSignal.any([options.signal, AbortSignal.timeout(DEFAULT_TIMEOUT_MS)]),
    });
    return ok({ status: response.status, text: await response.text() });
  } catch (problem) {
    const { code, message } = causeOf(problem);
    const notSent = code === 'ECONNREFUSED' || code === 'ENOENT';
    return err({ code: notSent ? 'not-sent' : 'lost', message });
  }
}

/** `fetch` hides the system's error behind a `TypeError: fetch failed`. */
function causeOf(problem: unknown): { readonly code: string; readonly message: string } {
  const outer = problem as NodeJS.ErrnoException;
  const inner = (outer.cause ?? outer) as NodeJS.ErrnoException;
  return { code: inner.code ?? '', message: inner.message };
}
