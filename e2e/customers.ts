import { Agent, request as httpRequest } from 'node:http';

const perSecond = 200;
const tickMs = 5;
const timeoutMs = 5_000;

/**
 * Customers behind the edge: requests at times that do not depend on the answers. An answer other than 200, a
 * connection that breaks off and one that is not answered in time count as failed.
 */
export class Customers {
  readonly #edge: string;
  readonly #connections = new Agent({ keepAlive: true, maxSockets: 200 });
  readonly #seen = new Map<string, number>();
  readonly #problems = new Map<string, number>();
  readonly #timer: NodeJS.Timeout;
  readonly #began = performance.now();
  #sent = 0;
  #open = 0;
  #onIdle: () => void = () => undefined;

  constructor(edge: string) {
    this.#edge = edge;
    this.#timer = setInterval(() => this.#tick(), tickMs);
  }

  /** How many requests were answered or have failed. */
  get answered(): number {
    return [...this.#seen.values()].reduce((sum, requests) => sum + requests, 0);
  }

  /** What went wrong and how often. */
  get problems(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#problems);
  }

  requests(release: string): number {
    return this.#seen.get(release) ?? 0;
  }

  /** Sends no more; resolves when all that is open is answered. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    if (this.#open > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
    this.#connections.destroy();
  }

  #tick(): void {
    const due = Math.floor(((performance.now() - this.#began) / 1000) * perSecond);
    // A machine that stood still does not send what it missed all at once.
    if (due - this.#sent > perSecond) this.#sent = due - 1;
    for (; this.#sent < due; this.#sent += 1) this.#send();
  }

  #send(): void {
    this.#open += 1;
    let settled = false;
    const settle = (release: string, problem: string | null): void => {
      if (settled) return;
      settled = true;
      this.#seen.set(release, this.requests(release) + 1);
      if (problem !== null) this.#problems.set(problem, (this.#problems.get(problem) ?? 0) + 1);
      this.#open -= 1;
      if (this.#open === 0) this.#onIdle();
    };
    const request = httpRequest(this.#edge, { agent: this.#connections, timeout: timeoutMs }, (response) => {
      const release = String(response.headers['belay-release'] ?? 'none');
      response.resume();
      response.once('close', () => {
        const status = response.complete ? response.statusCode : 'broken off';
        settle(release, status === 200 ? null : `${release}: ${status}`);
      });
    });
    request.once('timeout', () => request.destroy(new Error('not answered in time')));
    request.once('error', (error) => settle('none', error.message));
    request.end();
  }
}
