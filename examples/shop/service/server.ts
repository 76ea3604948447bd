import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Pool } from 'pg';
import { BadRequest, parseBasket } from './basket.ts';
import { Metrics } from './metrics.ts';
import { readSettings } from './settings.ts';
import { Shop } from './shop.ts';
import { warmUp } from './warm-up.ts';

const MAXIMUM_BODY_BYTES = 65_536;

const settings = readSettings(process.env);
const { connections, ...database } = settings.database;
const pool = new Pool({
  ...database,
  max: connections,
  connectionTimeoutMillis: 3000,
  statement_timeout: 5000,
});
pool.on('error', (problem) => report('an idle database connection failed', problem));
const shop = new Shop(pool);
const metrics = new Metrics();
const answerHeaders = {
  'content-type': 'application/json',
  ...(settings.release === undefined ? {} : { 'belay-release': settings.release }),
};
let isReady = false;

/** One line a problem, without what the client has sent. */
function report(what: string, problem: unknown): void {
  const cause = problem instanceof Error ? problem.stack : String(problem);
  process.stderr.write(`${JSON.stringify({ at: new Date().toISOString(), what, cause })}\n`);
}

interface Reply {
  readonly route: string;
  readonly status: number;
  readonly body: unknown;
}

async function answer(request: IncomingMessage): Promise<Reply> {
  const path = (request.url ?? '/').split('?')[0] ?? '/';
  const [, first = '', id = '', last = ''] = path.split('/');
  const found = (route: string, body: unknown): Reply =>
    body === undefined ? { route, status: 404, body: { error: 'not found' } } : { route, status: 200, body };
  const number = /^[1-9][0-9]{0,8}$/.test(id) ? id : undefined;
  if (request.method === 'GET' && path === '/products') return found('products', await shop.products());
  if (request.method === 'GET' && first === 'orders' && number !== undefined && last === '') {
    return found('order', await shop.order(number));
  }
  if (request.method === 'GET' && first === 'customers' && number !== undefined && last === 'orders') {
    return found('customer-orders', await shop.customerOrders(Number(number)));
  }
  if (request.method === 'POST' && path === '/checkout') {
    return {
      route: 'checkout',
      status: 201,
      body: await shop.checkout(parseBasket(await readJson(request))),
    };
  }
  return found('none', undefined);
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAXIMUM_BODY_BYTES) throw new BadRequest('the body is too large');
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    throw new BadRequest('the body is not JSON');
  }
}

async function safely(request: IncomingMessage): Promise<Reply> {
  try {
    return await answer(request);
  } catch (problem) {
    if (problem instanceof BadRequest)
      return { route: 'refused', status: 400, body: { error: problem.message } };
    report('a request failed', problem);
    return { route: 'failed', status: 500, body: { error: 'internal error' } };
  }
}

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.url === '/readyz') {
    response.writeHead(isReady ? 200 : 503).end();
    return;
  }
  // The process alone: what it needs is readiness's question, and no restart brings a database back.
  if (request.url === '/livez') {
    response.writeHead(200).end();
    return;
  }
  if (request.url === '/metrics') {
    response
      .writeHead(200, { 'content-type': 'text/plain; version=0.0.4' })
      .end(metrics.render(pool.totalCount));
    return;
  }
  const began = performance.now();
  const { route, status, body } = await safely(request);
  metrics.count(route, status, (performance.now() - began) / 1000);
  if (response.destroyed) return;
  response.writeHead(status, answerHeaders).end(JSON.stringify(body));
}

const server = createServer((request, response) => void handle(request, response));
server.listen(settings.port, settings.host);

/** Takes no more connections, lets open requests end, then closes the pool. */
function drain(): void {
  isReady = false;
  server.close(() => void pool.end());
  server.closeIdleConnections();
}
process.once('SIGTERM', drain);
process.once('SIGINT', drain);

await warmUp(pool);
isReady = true;
