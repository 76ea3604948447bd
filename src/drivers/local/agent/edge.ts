import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createProxyServer } from 'http-proxy-3';
import { unreachable } from '../../../core/model/result.ts';
import { Counters } from './counters.ts';
import type { RoutingTable, Upstream } from './routing.ts';

/** The response header that names the release that answered. */
export const RELEASE_HEADER = 'belay-release';

/** Hop-by-hop (RFC 9110, section 7.6.1): between two neighbours only. `expect` was answered by the edge itself. */
const HOP_BY_HOP = ['keep-alive', 'proxy-connection', 'te', 'trailer', 'upgrade', 'expect'] as const;

interface Exchange {
  readonly release: string;
  failed: boolean;
}

/**
 * The L7 edge of one slot: takes HTTP/1.1 on the loopback interface, gives each request to one process by weight,
 * and counts. It never sends a request twice: whether a request may be repeated is the client's to know.
 */
export class Edge {
  readonly #routes: RoutingTable;
  readonly #server: Server;
  readonly #proxy = createProxyServer({ xfwd: true, proxyTimeout: 60_000, connectTimeout: 2000 });
  readonly #exchanges = new WeakMap<ServerResponse, Exchange>();
  /** Requests for which their release had no process, by release. */
  readonly unserved = new Map<string, Counters>();

  constructor(routes: RoutingTable) {
    this.#routes = routes;
    // Idle connections are kept longer than clients do, so that none is closed under a request that is on its way.
    this.#server = createServer({ keepAliveTimeout: 75_000 }, (request, response) =>
      this.#handle(request, response),
    );
    this.#proxy.on('proxyRes', (incoming, _request, response) => this.#onResponse(incoming, response));
  }

  /** Resolves with the port; rejects if the port is taken. */
  listen(port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', () => {
        this.#server.off('error', reject);
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  /** Takes no new connections; resolves when the last request has been answered, or `patienceMs` are over. */
  close(patienceMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#server.closeAllConnections(), patienceMs);
      this.#server.close(() => {
        clearTimeout(timer);
        resolve();
      });
      this.#server.closeIdleConnections();
    });
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    // The proxy would send the body of such a request behind a length of zero: two requests to the upstream.
    const bodyless = request.method === 'DELETE' || request.method === 'OPTIONS';
    if (bodyless && request.headers['transfer-encoding'] !== undefined) {
      refuse(response, 411, 'length required');
      return;
    }
    const choice = this.#routes.choose(Math.random());
    switch (choice.kind) {
      case 'upstream':
        this.#forward(request, response, choice.upstream);
        return;
      case 'no-process':
        this.#unservedBy(choice.release).count(0, 'error');
        response.setHeader(RELEASE_HEADER, choice.release);
        refuse(response, 503, 'no process of the release is ready');
        return;
      case 'no-release':
        refuse(response, 503, 'no release has traffic');
        return;
      default:
        unreachable(choice);
    }
  }

  #forward(request: IncomingMessage, response: ServerResponse, upstream: Upstream): void {
    const exchange: Exchange = { release: upstream.release, failed: false };
    this.#exchanges.set(response, exchange);
    const began = performance.now();
    upstream.counters.begin();
    response.once('close', () => {
      const bad = exchange.failed || (response.headersSent && response.statusCode >= 500);
      const ending = bad ? 'error' : response.writableFinished ? 'answered' : 'abandoned';
      upstream.counters.end(performance.now() - began, ending);
    });
    for (const name of HOP_BY_HOP) delete request.headers[name];
    const options = {
      target: upstream.target,
      agent: upstream.connections,
      headers: { connection: 'keep-alive' },
    };
    this.#proxy.web(request, response, options, () => {
      if (response.destroyed) return; // the client went away first
      exchange.failed = true;
      response.setHeader(RELEASE_HEADER, upstream.release);
      refuse(response, 502, 'the upstream failed');
    });
  }

  #onResponse(incoming: IncomingMessage, response: ServerResponse): void {
    const exchange = this.#exchanges.get(response);
    if (exchange === undefined) throw new Error('a response to a request that was not forwarded');
    delete incoming.headers.connection;
    delete incoming.headers['keep-alive'];
    incoming.headers[RELEASE_HEADER] = exchange.release;
    incoming.once('close', () => {
      if (incoming.complete || response.destroyed) return;
      exchange.failed = true; // it broke off in the middle: the client must see that, not wait for the rest
      response.destroy();
    });
  }

  #unservedBy(release: string): Counters {
    const known = this.unserved.get(release);
    if (known !== undefined) return known;
    const created = new Counters();
    this.unserved.set(release, created);
    return created;
  }
}

function refuse(response: ServerResponse, status: number, reason: string): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(status, { 'content-type': 'text/plain' });
  response.end(`${reason}\n`);
}
