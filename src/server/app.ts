import { randomBytes } from 'node:crypto';
import { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { ZodError } from 'zod';
import { authenticate, type DoorEnv, once, strictBody, watch } from './door.ts';
import type { App } from './operation.ts';
import type { ServerParts } from './parts.ts';
import { problemResponse, type Refusal, refuse } from './refusal.ts';
import { artifactRoutes } from './routes/artifacts.ts';
import { documentRoutes } from './routes/documents.ts';
import { eventRoutes } from './routes/events.ts';
import { freezeRoutes } from './routes/freezes.ts';
import { historyRoutes } from './routes/history.ts';
import { ledgerRoutes } from './routes/ledger.ts';
import { openRoutes, selfRoutes } from './routes/operations.ts';
import { promotionRoutes } from './routes/promotions.ts';
import { releaseRoutes } from './routes/releases.ts';
import { diagnosticsRoutes } from './routes/diagnostics.ts';
import { slotRoutes } from './routes/slots.ts';
import { tokenRoutes } from './routes/tokens.ts';

/**
 * Makes the HTTP application: everything but `/healthz` and `/readyz` is behind the door, which authenticates, counts
 * quotas, reads bodies strictly and keeps idempotency keys, in this order.
 */
export function createApp(parts: ServerParts): App {
  const app: App = new OpenAPIHono<DoorEnv>({
    defaultHook: (result) => (result.success ? undefined : problemResponse(invalid(result.error))),
  });
  app.onError((error, c) => problemResponse(refusalOf(parts, error, c)));
  app.notFound((c) =>
    problemResponse(refuse(404, 'not-found', `there is no ${c.req.method} ${c.req.path}`).error),
  );
  app.use('*', watch(parts));
  openRoutes(app, parts);
  app.use('*', authenticate(parts), strictBody(), once(parts));
  tokenRoutes(app, parts);
  documentRoutes(app, parts);
  releaseRoutes(app, parts);
  artifactRoutes(app, parts);
  promotionRoutes(app, parts);
  slotRoutes(app, parts);
  diagnosticsRoutes(app, parts);
  freezeRoutes(app, parts);
  historyRoutes(app, parts);
  eventRoutes(app, parts);
  ledgerRoutes(app, parts);
  selfRoutes(app, parts);
  return app;
}

/** More places than this help nobody. */
const mostPlaces = 50;

function invalid(error: ZodError): Refusal {
  const errors = error.issues
    .slice(0, mostPlaces)
    .map((issue) => ({ path: issue.path.map(String).join('.'), message: issue.message }));
  return refuse(422, 'invalid-request', 'the request does not have the form that is expected here', errors)
    .error;
}

/** PostgreSQL and sockets telling that the database is away, overloaded or restarting. */
const awayCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'EPIPE',
  'ETIMEDOUT',
  '57P01',
  '57P02',
  '57P03',
  '57014',
  '08000',
  '08003',
  '08006',
  '53300',
  '55P03',
]);
const fullCodes = new Set(['53100', 'ENOSPC', 'EDQUOT']);

/** What a fault is answered with. Its message may quote what was sent, so that only its kind and place are logged. */
function refusalOf(parts: ServerParts, error: Error, c: Context<DoorEnv>): Refusal {
  if (error instanceof HTTPException) {
    return error.status === 415
      ? refuse(415, 'unsupported-media-type', 'expected application/json').error
      : refuse(400, 'invalid-request', 'the request could not be read').error;
  }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const away = awayCodes.has(code) || error.message.includes('Connection terminated');
  const id = randomBytes(4).toString('hex');
  const stack = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  const fields = { id, method: c.req.method, kind: error.name, code, stack };
  if (away || fullCodes.has(code))
    parts.log.warn(fields, 'the database or the disk could not serve a request');
  else parts.log.error(fields, 'a request failed');
  if (fullCodes.has(code)) return refuse(507, 'no-space', 'no space is left to record this').error;
  if (away)
    return {
      ...refuse(503, 'not-available', 'the database does not answer; try again').error,
      retryAfter: 1,
    };
  return refuse(500, 'fault', `this is our fault, not yours; the server's log has it as ${id}`).error;
}
