import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { Name } from '../../core/model/name.ts';
import { need, needSomewhere } from '../access.ts';
import type { DoorEnv } from '../door.ts';
import type { App } from '../operation.ts';
import type { ServerParts } from '../parts.ts';
import { problemResponse, refuse } from '../refusal.ts';
import { ProofQuery } from '../queries.ts';

const security = [{ bearer: [] }];
const text = { 'text/plain': { schema: { type: 'string' } } } as const;
const ReleaseParams = z.object({ project: Name, service: Name, release: Name });

/** Proofs that need no trust in this server: checkpoints, proofs of entries, evidence packs. */
export function ledgerRoutes(app: App, parts: ServerParts): void {
  app.openAPIRegistry.registerPath({
    method: 'get',
    path: '/v1/ledger/checkpoint',
    summary: 'The latest signed checkpoint, a C2SP note (view)',
    security,
    responses: { 200: { description: 'The note', content: text } },
  });
  app.get('/v1/ledger/checkpoint', (c) => checkpoint(parts, c));
  app.openAPIRegistry.registerPath({
    method: 'get',
    path: '/v1/ledger/proof',
    summary: 'A tlog proof of one entry (view)',
    security,
    request: { query: ProofQuery },
    responses: { 200: { description: 'The proof', content: text } },
  });
  app.get('/v1/ledger/proof', (c) => proof(parts, c));
  app.openAPIRegistry.registerPath({
    method: 'get',
    path: '/v1/evidence/{project}/{service}/{release}',
    summary: 'The evidence pack of a release (view)',
    security,
    request: { params: ReleaseParams },
    responses: {
      200: {
        description: 'A tar archive',
        content: { 'application/x-tar': { schema: { type: 'string', format: 'binary' } } },
      },
    },
  });
  const line = new Line(mostExportsWaiting);
  app.get('/v1/evidence/:project/:service/:release', (c) => evidence(parts, c, line));
}

/** A pack is made of whole streams, in memory: one at a time, and few in line. */
const mostExportsWaiting = 20;

/** Lets one piece of work go on at a time, in the order in which they came. */
class Line {
  readonly #most: number;
  #length = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(most: number) {
    this.#most = most;
  }

  /** What the work gives; null where too many are in line already. */
  async take<T>(work: () => Promise<T>): Promise<T | null> {
    if (this.#length >= this.#most) return null;
    this.#length += 1;
    const mine = this.#last.then(work).finally(() => {
      this.#length -= 1;
    });
    // Whoever comes next only waits for the end; the failure is for who asked.
    this.#last = mine.then(
      () => undefined,
      () => undefined,
    );
    return mine;
  }
}

const nothingSigned = () =>
  problemResponse(refuse(501, 'not-available', 'nothing signs this server’s ledger').error);

async function checkpoint(parts: ServerParts, c: Context<DoorEnv>): Promise<Response> {
  const allowed = needSomewhere(c.get('principal'), 'view');
  if (!allowed.ok) return problemResponse(allowed.error);
  if (parts.ledger === null) return nothingSigned();
  const note = await parts.ledger.checkpoint();
  return note === null
    ? problemResponse(refuse(404, 'nothing-signed', 'no checkpoint has been signed yet').error)
    : c.text(note);
}

async function proof(parts: ServerParts, c: Context<DoorEnv>): Promise<Response> {
  const query = ProofQuery.safeParse(c.req.query());
  if (!query.success)
    return problemResponse(refuse(400, 'invalid-request', 'expected ?stream= and ?seq=').error);
  const { stream, seq } = query.data;
  const [kind = '', project = ''] = stream.split('/');
  const by = c.get('principal');
  const allowed = kind === 'everything' ? needSomewhere(by, 'view') : need(by, 'view', project);
  if (!allowed.ok) return problemResponse(allowed.error);
  if (parts.ledger === null) return nothingSigned();
  const found = await parts.ledger.proof(stream, seq);
  return found === null
    ? problemResponse(
        refuse(404, 'not-sequenced', `entry ${seq} of ${stream} is in no signed tree yet`).error,
      )
    : c.text(found);
}

async function evidence(parts: ServerParts, c: Context<DoorEnv>, line: Line): Promise<Response> {
  const params = ReleaseParams.safeParse(c.req.param());
  if (!params.success)
    return problemResponse(
      refuse(400, 'invalid-request', 'expected names of project, service and release').error,
    );
  const { project, service, release } = params.data;
  const allowed = need(c.get('principal'), 'view', project);
  if (!allowed.ok) return problemResponse(allowed.error);
  const { evidence: make } = parts;
  if (make === null)
    return problemResponse(refuse(501, 'not-available', 'this server exports no evidence').error);
  const pack = await line.take(() => make({ project, service, name: release }));
  if (pack === null)
    return problemResponse({
      ...refuse(429, 'too-many-requests', 'too many evidence packs are being made').error,
      retryAfter: 5,
    });
  if (!pack.ok) {
    const { code, message } = pack.error;
    return problemResponse(
      (code === 'not-found' ? refuse(404, 'unknown-release', message) : refuse(409, 'not-sequenced', message))
        .error,
    );
  }
  const body = pack.value instanceof Uint8Array ? Buffer.from(pack.value) : pack.value;
  return new Response(body, {
    headers: {
      'content-type': 'application/x-tar',
      'content-disposition': `attachment; filename="${service}-${release}.tar"`,
    },
  });
}
