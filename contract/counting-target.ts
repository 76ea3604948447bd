import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

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
 * first request of that code; a histogram in seconds; and when it began, and how busy it is. It can be restarted, and be away.
 */
export class CountingTarget {
  readonly #labels: string;
  readonly #server: Server;
  #process = begin();
  #away = false;

  private constructor(release: string, pod: string) {
    this.#labels = `release="${release}",pod="${pod}"`;
    this.#server = createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(this.#exposition());
    });
    this.#server.on('connection', (socket) => {
      if (this.#away) socket.destroy();
    });
  }

  static async start(release: string, pod: string): Promise<CountingTarget> {
    const target = new CountingTarget(release, pod);
    await new Promise<void>((resolve) => target.#server.listen(0, '127.0.0.1', resolve));
    return target;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
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

  /** Cannot be scraped any more; goes on counting. It keeps its port, which another program could take otherwise. */
  goAway(): void {
    this.#away = true;
    this.#server.closeAllConnections();
  }

  comeBack(): void {
    this.#away = false;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.goAway();
    await closed;
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
      '# TYPE app_busy gauge',
      `app_busy{${this.#labels},of="cpu"} 0.25`,
      `app_busy{${this.#labels},of="memory"} 0.5`,
      '',
    ].join('\n');
  }
}
