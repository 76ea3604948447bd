import type { Context } from 'hono';
import { readToken } from '../../store/tokens.ts';
import { databaseNow } from '../../store/streams.ts';
import { visibleProjects } from '../access.ts';
import type { DoorEnv } from '../door.ts';
import { eventStream } from '../events.ts';
import type { App } from '../operation.ts';
import type { ServerParts } from '../parts.ts';
import { problemResponse, refuse } from '../refusal.ts';
import { EventQuery } from '../queries.ts';

/** A stream holds a connection: one token may have this many, all together that many. */
const mostStreamsPerToken = 20;
const mostStreams = 500;

/** The ledger as a stream of events. */
export function eventRoutes(app: App, parts: ServerParts): void {
  app.openAPIRegistry.registerPath({
    method: 'get',
    path: '/v1/events',
    summary: 'Entries as they are recorded, as server-sent events; resumes by Last-Event-ID (view)',
    security: [{ bearer: [] }],
    request: { query: EventQuery },
    responses: {
      200: {
        description: 'The stream; each event’s id is its index in the log',
        content: { 'text/event-stream': { schema: { type: 'string' } } },
      },
    },
  });
  const open = new Map<string, number>();
  app.get('/v1/events', (c) => respond(parts, c, open));
}

async function respond(
  parts: ServerParts,
  c: Context<DoorEnv>,
  open: Map<string, number>,
): Promise<Response> {
  const by = c.get('principal');
  const query = EventQuery.safeParse(c.req.query());
  const header = c.req.header('last-event-id');
  if (!query.success || (header !== undefined && !/^\d{1,15}$/.test(header)))
    return problemResponse(
      refuse(400, 'invalid-request', 'project, service, after or Last-Event-ID is malformed').error,
    );
  const projects = visibleProjects(by, query.data.project);
  if (!projects.ok) return problemResponse(projects.error);
  const after = header === undefined ? (query.data.after ?? (await parts.feed.last())) : Number(header);
  const headers = {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  };
  // Nobody would read the stream, and so nobody would end it.
  if (c.req.method === 'HEAD') return new Response(null, { headers });
  // From here on nothing is awaited: two requests at once count each other.
  const mine = open.get(by.token) ?? 0;
  const all = [...open.values()].reduce((sum, count) => sum + count, 0);
  if (mine >= mostStreamsPerToken || all >= mostStreams)
    return problemResponse({
      ...refuse(429, 'too-many-streams', 'too many event streams are open').error,
      retryAfter: 5,
    });
  open.set(by.token, mine + 1);
  parts.metrics.streams(1);
  const stream = eventStream(parts, {
    filter: { projects: projects.value, service: query.data.service ?? null, environment: null },
    after,
    mayGoOn: () => stillCounts(parts, by.token),
    onEnd: () => {
      const left = (open.get(by.token) ?? 1) - 1;
      if (left === 0) open.delete(by.token);
      else open.set(by.token, left);
      parts.metrics.streams(-1);
    },
  });
  return new Response(stream, { headers });
}

async function stillCounts(parts: ServerParts, id: string): Promise<boolean> {
  const token = await readToken(parts.pool, id);
  if (token === null || token.revokedAt !== null) return false;
  return token.expiresAt === null || token.expiresAt > (await databaseNow(parts.pool));
}
