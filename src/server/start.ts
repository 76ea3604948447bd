import { createServer as createHttpServer, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { err, ok, type Result } from '../core/model/result.ts';
import type { App } from './operation.ts';

/** Where and how to listen. Times in milliseconds. */
export interface ServeOptions {
  readonly app: App;
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** PEM texts; needed for any host that is not loopback. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** The controller whose signal is the app's `closing`: aborted first, so that event streams end. */
  readonly closing: AbortController;
  /** How long requests in hand may take once the server closes. */
  readonly closeWithinMs?: number;
}

export interface RunningServer {
  readonly url: string;
  readonly port: number;
  /** Takes no more requests, ends event streams, lets requests in hand finish, and cuts those that do not in time. */
  close(): Promise<void>;
}

export interface ServeError {
  readonly code: 'tls-needed' | 'port-in-use' | 'cannot-listen';
  readonly message: string;
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);

/** Slow clients may not hold a connection for ever. Streams are answers, which these do not limit. */
const timeouts = { headersTimeout: 10_000, requestTimeout: 300_000, keepAliveTimeout: 5_000 };

/** Starts to listen: on loopback, or elsewhere with TLS only, since tokens travel in every request. */
export async function startServer(options: ServeOptions): Promise<Result<RunningServer, ServeError>> {
  const { app, host, tls } = options;
  if (!isLoopback(host) && tls === undefined) {
    return err({
      code: 'tls-needed',
      message: `refusing to listen on ${host} without TLS: tokens would travel in the clear; give a certificate, or listen on 127.0.0.1`,
    });
  }
  const fetch = (request: Request) => app.fetch(request);
  const server = (
    tls === undefined
      ? createAdaptorServer({ fetch, createServer: createHttpServer, serverOptions: timeouts })
      : createAdaptorServer({
          fetch,
          createServer: createHttpsServer,
          serverOptions: { ...timeouts, ...tls },
        })
  ) as Server;
  const listening = await listen(server, options);
  if (!listening.ok) return listening;
  const { port } = listening.value;
  const shownHost = host.includes(':') ? `[${host}]` : host;
  let closed: Promise<void> | undefined;
  return ok({
    url: `${tls === undefined ? 'http' : 'https'}://${shownHost}:${port}`,
    port,
    close: () => (closed ??= close(server, options)),
  });
}

function listen(server: Server, { host, port }: ServeOptions): Promise<Result<AddressInfo, ServeError>> {
  return new Promise((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const inUse = error.code === 'EADDRINUSE';
      resolve(
        err({
          code: inUse ? 'port-in-use' : 'cannot-listen',
          message: inUse
            ? `port ${port} on ${host} is in use; choose another, or stop what listens there`
            : `cannot listen on ${host}:${port}: ${error.code ?? error.message}`,
        }),
      );
    });
    server.listen(port, host, () => {
      const address = server.address();
      if (address === null || typeof address === 'string') throw new Error('a TCP server has an address');
      resolve(ok(address));
    });
  });
}

async function close(server: Server, { closing, closeWithinMs = 10_000 }: ServeOptions): Promise<void> {
  closing.abort();
  const cut = setTimeout(() => server.closeAllConnections(), closeWithinMs);
  // A connection that is kept alive becomes idle only once its request is answered.
  const idle = setInterval(() => server.closeIdleConnections(), 50);
  await new Promise<void>((resolve) => server.close(() => resolve()));
  clearInterval(idle);
  clearTimeout(cut);
}
