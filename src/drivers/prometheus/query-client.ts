import type { MetricsAuthentication, PrometheusSource } from '../../core/model/metrics-source.ts';
import { err, ok } from '../../core/model/result.ts';
import type { Result } from '../../core/model/result.ts';
import type { Unreadable } from '../../ports/environment.ts';
import { resolveSecret } from '../secret-file.ts';
import { parseAnswer, type Series } from './answer.ts';

/** More than this of one answer is not read. */
const MAXIMUM_BYTES = 8 << 20;
const LONGEST_REASON = 300;

/** Why a query brought nothing. Two causes more than the port knows: what a check or the history acts on. */
export interface QueryError {
  readonly code: Unreadable['code'] | 'bad-query' | 'too-large';
  readonly message: string;
}

/** Asks one Prometheus. `secrets` is the folder of the files that references name. */
export interface QueryClient {
  /** Evaluates at `time` (seconds), or at Prometheus' own now. */
  query(expression: string, time: number | null, signal: AbortSignal): Promise<Result<Answered, QueryError>>;
}

export interface Answered {
  readonly series: readonly Series[];
  /** Prometheus' clock in milliseconds, by the second; null where it does not say. */
  readonly date: number | null;
}

export type ClientSource = Pick<PrometheusSource, 'url' | 'timeout' | 'authentication'>;

/** One call of `/api/v1/query` each, never repeated, never redirected: credentials go to the address that was given. */
export function createQueryClient(source: ClientSource, secrets: string | null): QueryClient {
  return {
    query: async (expression, time, signal) => {
      const authorization = await authorizationOf(source.authentication, secrets);
      if (!authorization.ok) return authorization;
      const body = new URLSearchParams({ query: expression, timeout: `${source.timeout}ms` });
      if (time !== null) body.set('time', time.toFixed(3));
      const limit = AbortSignal.timeout(source.timeout);
      try {
        signal.throwIfAborted();
        const response = await fetch(`${source.url.replace(/\/$/, '')}/api/v1/query`, {
          method: 'POST',
          redirect: 'manual',
          headers: { accept: 'application/json', 'user-agent': 'belay', ...authorization.value },
          body,
          signal: AbortSignal.any([signal, limit]),
        });
        const text = await readBounded(response);
        return text.ok ? answerOf(response, text.value) : text;
      } catch (problem) {
        return err({ code: 'unreachable', message: causeOf(problem, limit, source.timeout) });
      }
    },
  };
}

/** Read at each call: a secret that was replaced counts from then on. */
async function authorizationOf(
  authentication: MetricsAuthentication | undefined,
  secrets: string | null,
): Promise<Result<Readonly<Record<string, string>>, QueryError>> {
  if (authentication === undefined) return ok({});
  const reference = authentication.type === 'bearer' ? authentication.token : authentication.password;
  if (secrets === null)
    return err({ code: 'unreachable', message: `this server has no secrets folder for ${reference}` });
  const secret = await resolveSecret(reference, secrets);
  if (!secret.ok) return err({ code: 'unreachable', message: secret.error });
  if (!/^[\x20-\x7e]+$/.test(secret.value))
    return err({ code: 'unreachable', message: `the file of ${reference} is not one line of ASCII text` });
  if (authentication.type === 'bearer') return ok({ authorization: `Bearer ${secret.value}` });
  const pair = Buffer.from(`${authentication.username}:${secret.value}`, 'utf8').toString('base64');
  return ok({ authorization: `Basic ${pair}` });
}

async function readBounded(response: Response): Promise<Result<string, QueryError>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = response.body?.getReader();
  for (;;) {
    const read = await reader?.read();
    if (read === undefined || read.done) break;
    size += read.value.length;
    if (size > MAXIMUM_BYTES) {
      await reader?.cancel();
      return err({
        code: 'too-large',
        message: `its answer has more than ${MAXIMUM_BYTES >> 20} MB: narrow the selectors or the window`,
      });
    }
    chunks.push(read.value);
  }
  return ok(Buffer.concat(chunks).toString('utf8'));
}

function answerOf(response: Response, text: string): Result<Answered, QueryError> {
  const { status } = response;
  if (status === 401 || status === 403)
    return err({ code: 'unreachable', message: `it refuses the credentials, or wants some (${status})` });
  if (status >= 300 && status < 400)
    return err({
      code: 'unreachable',
      message: `it redirects (${status}), which is not followed: give the address that it redirects to`,
    });
  const parsed = parseAnswer(text);
  if (status === 400 || status === 422) {
    const message = parsed.ok ? `it answered ${status}` : parsed.error;
    return err({ code: status === 400 ? 'bad-query' : 'invalid-answer', message: cut(message) });
  }
  if (status !== 200)
    return err({ code: 'unreachable', message: cut(`it answered ${status}${reasonIn(text, parsed)}`) });
  if (!parsed.ok) return err({ code: 'invalid-answer', message: cut(parsed.error) });
  const date = Date.parse(response.headers.get('date') ?? '');
  return ok({ series: parsed.value, date: Number.isNaN(date) ? null : date });
}

/** What a proxy says in place of Prometheus is not worth repeating. */
const reasonIn = (text: string, parsed: Result<unknown, string>): string =>
  text.startsWith('{') && !parsed.ok ? `: ${parsed.error}` : '';

const cut = (text: string): string =>
  text.length > LONGEST_REASON ? `${text.slice(0, LONGEST_REASON)}…` : text;

/** `fetch` hides the system's error behind a `TypeError: fetch failed`. */
function causeOf(problem: unknown, limit: AbortSignal, timeout: number): string {
  if (limit.aborted) return `no whole answer within ${timeout} ms`;
  const outer = problem as NodeJS.ErrnoException;
  if (outer.name === 'AbortError' || outer.name === 'TimeoutError') return 'the time for this look was over';
  const inner = (outer.cause ?? outer) as NodeJS.ErrnoException;
  return inner.code ?? inner.message;
}
