import { createServer, type Server } from 'node:http';
import { freePort } from './prometheus-process.ts';

/** What a process has counted since it began. */
interface Process {
  readonly began: number;
  readonly byCode: Map<string, number>;
  fast: number;
  slow: number;
}

const begin = (): Process => ({ began: Date.now() / 1000, byCode: new Map(), fast: 0, slow: 0 });

/**
 * A process with metrics of its own, as an application has them: requests by status code, whose series begin with the
 * first request of that code; a histogram in seconds; and when it began. It can be restarted, and be away.
 */
export class CountingTarget {
  readonly port: number;
  readonly #labels: string;
  #process = begin();
  #server: Server | null = null;

  private constructor(port: number, release: string, pod: string) {
    this.port = port;
    this.#labels = `release="${release}",pod="${pod}"`;
  }

  static async start(release: string, pod: string): Promise<CountingTarget> {
    const target = new CountingTarget(await freePort(), release, pod);
    await target.comeBack();
    return target;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Requests that ended with a status code, within 0.1 s or later. */
  count(code: string, times: number, how: 'fast' | 'slow' = 'fast'): void {
    this.#process.byCode.set(code, (this.#process.byCode.get(code) ?? 0) + times);
    this.#process[how] += times;
  }

  /** All counters begin again at nothing. */
  restart(): void {
    this.#process = begin();
  }

  /** Cannot be scraped any more; goes on counting. */
  async goAway(): Promise<void> {
    const server = this.#server;
    if (server === null) return;
    this.#server = null;
    const closed = new Promise((resolve) => server.close(resolve));
    // Only what came before the closing: after it nobody is let in who would keep it open.
    server.closeAllConnections();
    await closed;
  }

  comeBack(): Promise<void> {
    const server = createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(this.#exposition());
    });
    this.#server = server;
    return new Promise((resolve) => server.listen(this.port, '127.0.0.1', resolve));
  }

  #exposition(): string {
    const { began, byCode, fast, slow } = this.#process;
    const bucket = (le: string, count: number): string =>
      `app_seconds_bucket{${this.#labels},le="${le}"} ${count}`;
    return [
      '# TYPE app_requests_total counter',
      ...[...byCode].map(([code, count]) => `app_requests_total{${this.#labels},code="${code}"} ${count}`),
      '# TYPE app_seconds histogram',
      bucket('0.1', fast),
      bucket('2.5', fast + slow),
      bucket('+Inf', fast + slow),
      '# TYPE app_start_time_seconds gauge',
      `app_start_time_seconds{${this.#labels}} ${began}`,
      '',
    ].join('\n');
  }
}
