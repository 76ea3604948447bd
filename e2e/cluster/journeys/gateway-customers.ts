import { Agent, request } from 'node:http';

const tickMs = 5;
const timeoutMs = 5_000;

export interface Answered {
  /** `performance.now()` when it was sent, and how long the answer took, in milliseconds. */
  readonly at: number;
  readonly took: number;
  /** Of which version; null where nobody of ours answered. */
  readonly version: string | null;
  readonly problem: string | null;
}

/**
 * Customers in front of the gateway: requests at times that do not depend on the answers, half of them on kept
 * connections and half on new ones. An answer other than 200, a connection that breaks off and one that is not
 * answered in time are problems.
 */
export class GatewayCustomers {
  readonly #url: string;
  readonly #host: string;
  #perSecond: number;
  readonly #kept = new Agent({ keepAlive: true, maxSockets: 50 });
  readonly #answers: Answered[] = [];
  #began = performance.now();
  readonly #timer: NodeJS.Timeout;
  #sent = 0;
  #open = 0;
  #onIdle: () => void = () => undefined;

  constructor(url: string, host: string, perSecond = 200) {
    this.#url = url;
    this.#host = host;
    this.#perSecond = perSecond;
    this.#timer = setInterval(() => this.#tick(), tickMs);
  }

  get answers(): readonly Answered[] {
    return this.#answers;
  }

  /** From now on so many requests a second; 0 for none. */
  come(perSecond: number): void {
    this.#perSecond = perSecond;
    this.#began = performance.now();
    this.#sent = 0;
  }

  /** How often which version answered. */
  get byVersion(): Readonly<Record<string, number>> {
    return countBy(this.#answers, ({ version }) => version ?? 'none');
  }

  /** What went wrong, and how often. */
  get problems(): Readonly<Record<string, number>> {
    const bad = this.#answers.filter(({ problem }) => problem !== null);
    return countBy(bad, ({ version, problem }) => `${version ?? 'none'}: ${problem ?? ''}`);
  }

  /** Sends no more; resolves when all that is open is answered. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    if (this.#open > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
    this.#kept.destroy();
  }

  #tick(): void {
    const due = Math.floor(((performance.now() - this.#began) / 1000) * this.#perSecond);
    // A machine that stood still does not send what it missed all at once.
    if (due - this.#sent > this.#perSecond) this.#sent = due - 1;
    for (; this.#sent < due; this.#sent += 1) this.#send(this.#sent % 2 === 0);
  }

  #send(keep: boolean): void {
    this.#open += 1;
    const at = performance.now();
    let settled = false;
    const settle = (version: string | null, problem: string | null): void => {
      if (settled) return;
      settled = true;
      this.#answers.push({ at, took: performance.now() - at, version, problem });
      this.#open -= 1;
      if (this.#open === 0) this.#onIdle();
    };
    const options = {
      agent: keep ? this.#kept : false,
      headers: { host: this.#host },
      timeout: timeoutMs,
    } as const;
    const sent = request(this.#url, options, (response) => {
      const header = response.headers['x-version'];
      const version = typeof header === 'string' ? header : null;
      response.resume();
      response.once('close', () => {
        const status = response.complete ? String(response.statusCode) : 'broken off';
        settle(version, status === '200' ? null : status);
      });
    });
    sent.once('timeout', () => sent.destroy(new Error('not answered in time')));
    sent.once('error', (error) => settle(null, error.message));
    sent.end();
  }
}

function countBy<T>(values: readonly T[], key: (value: T) => string): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const value of values) counts[key(value)] = (counts[key(value)] ?? 0) + 1;
  return counts;
}
