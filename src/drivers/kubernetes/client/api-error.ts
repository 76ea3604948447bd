import { z } from 'zod';

/**
 * How a call of the API server ended that brought no usable answer.
 * - `not-sent`: it was not reached, or there are no credentials: nothing was changed
 * - `lost`: the call may have arrived, the answer has not, or it is a server error
 * - `not-found`, `conflict` (another version, or another owner), `forbidden` (401, 403), `invalid` (400, 422),
 *   `expired` (410: a list or watch has to begin anew), `throttled` (429): the server has refused it; nothing was changed
 * - `invalid-answer`: an answer that we do not understand
 */
export interface ApiError {
  readonly code:
    | 'not-sent'
    | 'lost'
    | 'not-found'
    | 'conflict'
    | 'forbidden'
    | 'invalid'
    | 'expired'
    | 'throttled'
    | 'invalid-answer';
  readonly message: string;
}

const Status = z.object({ kind: z.literal('Status'), message: z.string() });

const codes: Readonly<Record<number, ApiError['code']>> = {
  400: 'invalid',
  401: 'forbidden',
  403: 'forbidden',
  404: 'not-found',
  409: 'conflict',
  410: 'expired',
  422: 'invalid',
  429: 'throttled',
};

/** The error that an answer stands for, with the server's own words. */
export function errorOf(status: number, text: string): ApiError {
  const code = codes[status] ?? (status >= 500 ? 'lost' : 'invalid-answer');
  return { code, message: `${wordsOf(text)} (${status})` };
}

/** A `Status` object's message; the server's words are bounded, because they go into the ledger. */
function wordsOf(text: string): string {
  try {
    const parsed = Status.safeParse(JSON.parse(text));
    if (parsed.success) return parsed.data.message.slice(0, 300);
  } catch {
    // Not every answer is an object of the API: a proxy may stand before it.
  }
  return `the API server answered: ${text.slice(0, 100).replaceAll(/\s+/g, ' ')}`;
}
