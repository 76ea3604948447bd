import { hash, randomBytes } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import { routePath } from 'hono/route';
import { claimKey, giveUpKey, keepAnswer } from '../store/idempotency.ts';
import type { Principal } from './access.ts';
import type { ServerParts } from './parts.ts';
import { Quota } from './quota.ts';
import { type Answer, problemResponse, refuse } from './refusal.ts';
import { parseStrictJson } from './strict-json.ts';
import { principalOf } from './tokens.ts';
import { ok } from '../core/model/result.ts';

/** What the door leaves for those behind it. */
export interface DoorVariables {
  principal: Principal;
  /** Names what a command makes: the same for the same subject and idempotency key, else random. Eight hex digits. */
  commandId: string;
}
export type DoorEnv = { Variables: DoorVariables };

/** A JSON body of more bytes is refused. */
const mostBodyBytes = 1_000_000;

/** Counts and logs every answer, by the route's pattern and without any content. */
export const watch =
  (parts: ServerParts): MiddlewareHandler<DoorEnv> =>
  async (c, next) => {
    const started = performance.now();
    await next();
    const ms = performance.now() - started;
    c.res.headers.set('cache-control', 'no-store');
    c.res.headers.set('x-content-type-options', 'nosniff');
    const route = routePath(c, -1);
    parts.metrics.answered(c.req.method, route, c.res.status, ms / 1000);
    const subject = (c.get('principal') as Principal | undefined)?.subject.id;
    parts.log.info(
      { method: c.req.method, route, status: c.res.status, ms: Math.round(ms), subject },
      'answered',
    );
  };

/** Lets in who has a token that counts, as often as his quota allows. */
export function authenticate(parts: ServerParts): MiddlewareHandler<DoorEnv> {
  const quota = new Quota(parts.quota);
  return async (c, next) => {
    const header = c.req.header('authorization') ?? '';
    const secret = /^Bearer ([\x21-\x7e]+)$/i.exec(header)?.[1];
    const principal = secret === undefined ? null : await principalOf(parts.pool, secret);
    if (principal === null) {
      const detail =
        secret === undefined ? 'no bearer token was sent' : 'the token is unknown, expired or revoked';
      return problemResponse(refuse(401, 'not-authenticated', detail).error);
    }
    const wait = quota.take(principal.token, performance.now());
    if (wait !== null) {
      const { error } = refuse(429, 'too-many-requests', `this token's quota is used up for ${wait} s`);
      return problemResponse({ ...error, retryAfter: wait });
    }
    c.set('principal', principal);
    await next();
    return undefined;
  };
}

/** Reads a body, as far as a JSON body may reach. */
async function readBody(c: Context<DoorEnv>): Promise<Answer<Uint8Array>> {
  const tooLarge = refuse(413, 'too-large', `a body of more than ${mostBodyBytes} bytes is refused`);
  if (Number(c.req.header('content-length') ?? 0) > mostBodyBytes) return tooLarge;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  // Leaving the loop early cancels what is still to come.
  for await (const chunk of c.req.raw.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > mostBodyBytes) return tooLarge;
    chunks.push(chunk);
  }
  return ok(Buffer.concat(chunks));
}

const isJson = /^application\/json\s*(;\s*charset=utf-8\s*)?$/i;

/** Reads and checks a command's JSON before any schema sees it. The body is kept for the schema as what was checked. */
export const strictBody = (): MiddlewareHandler<DoorEnv> => async (c, next) => {
  if (c.req.method !== 'POST') return next();
  if (!isJson.test(c.req.header('content-type') ?? '')) {
    return problemResponse(refuse(415, 'unsupported-media-type', 'expected application/json').error);
  }
  const body = await readBody(c);
  if (!body.ok) return problemResponse(body.error);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body.value);
  } catch {
    return problemResponse(refuse(400, 'invalid-json', 'the body is not UTF-8').error);
  }
  const parsed = parseStrictJson(text);
  if (!parsed.ok) return problemResponse(refuse(400, 'invalid-json', parsed.error).error);
  // The framework keeps promises here, whatever its types say; its JSON reader then reads what was checked.
  c.req.bodyCache.text = Promise.resolve(text) as never;
  return next();
};

/** Answers that hold a secret are kept nowhere: such a command sent again makes another one. */
const secretAnswers = new Set(['/v1/tokens']);
const keyShape = /^[\x21-\x7e]{1,200}$/;

/**
 * Carries out a command once for its idempotency key: sent again, it gets the first answer. Only answers of success
 * are kept, since a refused command had no effect and may be tried again.
 */
export const once =
  (parts: ServerParts): MiddlewareHandler<DoorEnv> =>
  async (c, next) => {
    c.set('commandId', randomBytes(4).toString('hex'));
    const key = c.req.header('idempotency-key');
    const url = new URL(c.req.url);
    // As the router reads the path, whatever way it was written.
    const keeps = ['POST', 'DELETE'].includes(c.req.method) && !secretAnswers.has(c.req.path);
    if (key === undefined || !keeps) return next();
    if (!keyShape.test(key)) {
      return problemResponse(
        refuse(400, 'invalid-request', 'an idempotency key is 1 to 200 visible ASCII characters').error,
      );
    }
    const { subject: person, grants } = c.get('principal');
    const subject = person.id;
    c.set('commandId', hash('sha256', `${subject} ${key}`, 'hex').slice(0, 8));
    const body = c.req.method === 'POST' ? await c.req.text() : '';
    // An answer is for whoever may still ask: with other grants it is another request.
    const asked = `${c.req.method} ${url.pathname}${url.search}\n${JSON.stringify(grants)}\n${body}`;
    const requestDigest = hash('sha256', asked, 'hex');
    const claim = await claimKey(parts.pool, subject, key, requestDigest);
    switch (claim.claim) {
      case 'answered':
        return new Response(claim.answer, {
          status: claim.status,
          headers: { 'content-type': 'application/json', 'idempotency-replayed': 'true' },
        });
      case 'in-hand':
        return problemResponse({
          ...refuse(409, 'key-in-hand', 'the same command is being carried out').error,
          retryAfter: 1,
        });
      case 'other-request':
        return problemResponse(
          refuse(422, 'key-of-other-request', 'this idempotency key was used for another request').error,
        );
      case 'new':
        break;
      default:
        return claim satisfies never;
    }
    await next();
    await settle(parts, c, subject, key, requestDigest);
    return undefined;
  };

async function settle(
  parts: ServerParts,
  c: Context<DoorEnv>,
  subject: string,
  key: string,
  requestDigest: string,
): Promise<void> {
  if (!c.res.ok) return giveUpKey(parts.pool, subject, key);
  const answer = await c.res.clone().text();
  return keepAnswer(parts.pool, { subject, key, requestDigest, status: c.res.status, answer });
}
