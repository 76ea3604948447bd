import type { Result } from '../core/model/result.ts';

/** Every code that a refused request can carry; clients may rely on them. */
export type RefusalCode =
  // the request itself
  | 'invalid-json'
  | 'invalid-request'
  | 'unsupported-media-type'
  | 'too-large'
  | 'not-found'
  | 'key-in-hand'
  | 'key-of-other-request'
  // who asks
  | 'not-authenticated'
  | 'not-allowed'
  | 'too-many-requests'
  | 'person-needed'
  | 'barred-approver'
  // how things stand
  | 'unknown-project'
  | 'unknown-document'
  | 'unknown-environment'
  | 'unknown-release'
  | 'unknown-stage'
  | 'unknown-gate'
  | 'unknown-promotion'
  | 'unknown-freeze'
  | 'unknown-artifact'
  | 'unknown-token'
  | 'ambiguous-pipeline'
  | 'invalid-documents'
  | 'release-exists'
  | 'already-sealed'
  | 'too-many-attachments'
  | 'invalid-report'
  | 'digest-mismatch'
  | 'already-requested'
  | 'already-stable'
  | 'rollback-impossible'
  | 'reason-needed'
  | 'promotion-ended'
  | 'plan-missing'
  | 'plan-changed'
  | 'no-approval-asked'
  | 'already-approved'
  | 'nothing-to-waive'
  | 'not-waivable'
  | 'already-rejected'
  | 'already-paused'
  | 'not-paused'
  | 'already-going-back'
  | 'freeze-over'
  | 'nothing-signed'
  | 'not-sequenced'
  | 'not-available'
  | 'too-many-streams'
  | 'no-space'
  | 'fault';

/** Why a request is refused, in the words of RFC 9457. */
export interface Refusal {
  readonly status: 400 | 401 | 403 | 404 | 409 | 413 | 415 | 422 | 429 | 500 | 501 | 503 | 507;
  readonly code: RefusalCode;
  readonly detail: string;
  readonly errors?: readonly Finding[];
  /** Seconds. */
  readonly retryAfter?: number;
}

/** One place in what was sent, what is wrong with it, and what would be right. */
export interface Finding {
  readonly path: string;
  readonly message: string;
  readonly fix?: string;
}

export type Answer<T> = Result<T, Refusal>;

/** A refusal as a result. */
export const refuse = (
  status: Refusal['status'],
  code: RefusalCode,
  detail: string,
  errors?: readonly Finding[],
): { readonly ok: false; readonly error: Refusal } => ({
  ok: false,
  error: { status, code, detail, ...(errors === undefined ? {} : { errors }) },
});

const titles: Readonly<Record<Refusal['status'], string>> = {
  400: 'Bad request',
  401: 'Not authenticated',
  403: 'Not allowed',
  404: 'Not found',
  409: 'Conflict',
  413: 'Too large',
  415: 'Unsupported media type',
  422: 'Unprocessable',
  429: 'Too many requests',
  500: 'Internal error',
  501: 'Not available here',
  503: 'Unavailable',
  507: 'No space left',
};

/** The response of a refusal: `application/problem+json`. */
export function problemResponse(refusal: Refusal): Response {
  const headers = new Headers({ 'content-type': 'application/problem+json' });
  if (refusal.retryAfter !== undefined) headers.set('retry-after', String(refusal.retryAfter));
  if (refusal.status === 401) headers.set('www-authenticate', 'Bearer');
  const body = {
    type: `https://belay.dev/problems/${refusal.code}`,
    title: titles[refusal.status],
    status: refusal.status,
    detail: refusal.detail,
    code: refusal.code,
    ...(refusal.errors === undefined ? {} : { errors: refusal.errors }),
  };
  return new Response(JSON.stringify(body), { status: refusal.status, headers });
}
