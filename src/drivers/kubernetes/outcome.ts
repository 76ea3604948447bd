import { unreachable } from '../../core/model/result.ts';
import type { Outcome, Unreadable } from '../../ports/environment.ts';
import type { ApiError } from './client/api-error.ts';

export const failed = (message: string): Outcome => ({ outcome: 'failed', message });

/** What a call that wanted to change something has come to. */
export function outcomeOf({ code, message }: ApiError): Outcome {
  switch (code) {
    case 'not-sent':
    case 'not-found':
    case 'conflict':
    case 'forbidden':
    case 'invalid':
    case 'expired':
    case 'throttled':
      return failed(message);
    case 'lost':
    case 'invalid-answer':
      return { outcome: 'unknown', message };
    default:
      return unreachable(code);
  }
}

/** What a reading has come to. */
export function unreadableOf({ code, message }: ApiError): Unreadable {
  switch (code) {
    case 'not-sent':
    case 'lost':
    case 'throttled':
      return { code: 'unreachable', message };
    case 'not-found':
      return { code: 'not-found', message };
    case 'conflict':
    case 'forbidden':
    case 'invalid':
    case 'expired':
    case 'invalid-answer':
      return { code: 'invalid-answer', message };
    default:
      return unreachable(code);
  }
}
