import { Agent, request as httpRequest } from 'node:http';
import { createHistogram } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { nextRequest, seededRandom } from './traffic.ts';
import type { Profile, ShopRequest } from './traffic.ts';

export interface LoadOptions {
  /** The edge's address, as `http://127.0.0.1:8080`. */
  readonly edge: string;
  /** The name that is asked for, where it is not the address's. */
  readonly host?: string | undefined;
  readonly profile: Profile;
  /** Requests per second, at times that do not depend on the answers (open loop). */
  readonly rate: number;
  readonly seed: number;
  /** Ends by itself after so many seconds. */
  readonly seconds: number;
  /** Ends by itself after so many requests. */
  readonly requests?: number;
}

/** What the clients of one release saw. */
export interface ReleaseLoad {
  requests: number;
  failures: number;
  /** Milliseconds since the epoch of the first and the last answer. */
  firstSeen: number;
  lastSeen: number;
}

/** Counts since the start. Latencies in milliseconds, of answered requests. */
export interface LoadReport {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly sent: number;
  readonly answered: number;
  readonly failures: number;
  readonly open: number;
  /** Not sent, as too many were open: the machine or the service is overwhelmed, and the load is not what was asked for. */
  readonly unsent: number;
  readonly releases: Readonly<Record<string, Readonly<ReleaseLoad>>>;
  /** From the time that the request should have been sent at, so that a slow service cannot hide by slowing us. */
  readonly latencyMs: Percentiles;
  /** From the time that it was sent at. */
  readonly serviceMs: Percentiles;
}

interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

const MOST_OPEN = 500;
const TIMEOUT_MS = 10_000;
/** Answers that name no release: from an edge that has none, or from no edge at all. */
const NO_RELEASE = 'none';

/** A stream of requests that is under way. */
export class Load {
  readonly #options: LoadOptions;
  readonly #random: () => number;
  readonly #connections = new Agent({ keepAlive: true, maxSockets: MOST_OPEN });
  readonly #latency = createHistogram({ lowest: 1, highest: 60_000_000, figures: 3 });
  readonly #service = createHistogram({ lowest: 1, highest: 60_000_000, figures: 3 });
  readonly #releases = new Map<string, ReleaseLoad>();
  #sent = 0;
  #answered = 0;
  #failures = 0;
  #open = 0;
  #unsent = 0;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #finish: (report: LoadReport) => void = () => {};
  /** Resolves when the last request has been answered. */
  readonly done = new Promise<LoadReport>((resolve) => {
    this.#finish = resolve;
  });

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#random = seededRandom(options.seed);
    const began = performance.now();
    this.#tick(began, began + this.#interval());
  }

  /** Sends no more; resolves when all open requests are answered. */
  stop(): Promise<LoadReport> {
    this.#end();
    return this.done;
  }

  report(): LoadReport {
    return {
      at: Date.now(),
      sent: this.#sent,
      answered: this.#answered,
      failures: this.#failures,
      open: this.#open,
      unsent: this.#unsent,
      releases: Object.fromEntries([...this.#releases].map(([release, counts]) => [release, { ...counts }])),
      latencyMs: percentiles(this.#latency),
      serviceMs: percentiles(this.#service),
    };
  }

  /** Independent arrivals: exponentially distributed intervals, in milliseconds. */
  #interval(): number {
    return (-Math.log(1 - this.#random()) * 1000) / this.#options.rate;
  }

  #tick(began: number, firstDue: number): void {
    const { seconds, requests = Infinity, profile } = this.#options;
    let due = firstDue;
    while (due <= performance.now()) {
      if (due - began > seconds * 1000 || this.#sent + this.#unsent >= requests) {
        this.#end();
        return;
      }
      const next = nextRequest(this.#random, profile);
      if (this.#open < MOST_OPEN) this.#send(next, due);
      else this.#unsent += 1;
      due += this.#interval();
    }
    this.#timer = setTimeout(() => this.#tick(began, due), Math.max(1, due - performance.now()));
  }

  #end(): void {
    clearTimeout(this.#timer);
    this.#stopped = true;
    if (this.#open > 0) return;
    this.#connections.destroy();
    this.#finish(this.report());
  }

  #send({ method, path, body, expected }: ShopRequest, due: number): void {
    this.#sent += 1;
    this.#open += 1;
    const sentAt = performance.now();
    let settled = false;
    const settle = (release: string, failed: boolean): void => {
      if (settled) return;
      settled = true;
      const now = performance.now();
      this.#latency.record(Math.max(1, Math.round((now - due) * 1000)));
      this.#service.record(Math.max(1, Math.round((now - sentAt) * 1000)));
      this.#count(release, failed);
      if (this.#stopped) this.#end();
    };
    const { host } = this.#options;
    const headers = {
      ...(host === undefined ? {} : { host }),
      ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': body.length }),
    };
    const options = { method, agent: this.#connections, headers, timeout: TIMEOUT_MS };
    const request = httpRequest(this.#options.edge + path, options, (response) => {
      const release = String(response.headers['belay-release'] ?? NO_RELEASE);
      response.resume();
      response.once('close', () => settle(release, !response.complete || response.statusCode !== expected));
    });
    request.once('timeout', () => request.destroy());
    request.once('error', () => settle(NO_RELEASE, true));
    request.end(body);
  }

  #count(release: string, failed: boolean): void {
    const now = Date.now();
    const counts = this.#releases.get(release) ?? { requests: 0, failures: 0, firstSeen: now, lastSeen: now };
    this.#releases.set(release, counts);
    counts.requests += 1;
    counts.lastSeen = now;
    this.#open -= 1;
    this.#answered += 1;
    if (!failed) return;
    counts.failures += 1;
    this.#failures += 1;
  }
}

function percentiles(histogram: ReturnType<typeof createHistogram>): Percentiles {
  if (histogram.count === 0) return { p50: 0, p95: 0, p99: 0, max: 0 };
  const at = (percent: number): number => histogram.percentile(percent) / 1000;
  return { p50: at(50), p95: at(95), p99: at(99), max: histogram.max / 1000 };
}

/**
 * `load.ts --edge URL --profile production|smoke [--rate 200] [--seed 1] [--seconds 600]`: a report a second on
 * stdout, one JSON document a line, and a last one at the end or after SIGTERM.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      edge: { type: 'string' },
      profile: { type: 'string', default: 'production' },
      rate: { type: 'string', default: '200' },
      seed: { type: 'string', default: '1' },
      seconds: { type: 'string', default: '600' },
    },
  });
  const { edge, profile } = values;
  const [rate, seed, seconds] = [Number(values.rate), Number(values.seed), Number(values.seconds)];
  if (edge === undefined || (profile !== 'production' && profile !== 'smoke')) {
    throw new Error('--edge URL and --profile production|smoke are needed');
  }
  if (!(rate > 0 && rate <= 5000 && seconds > 0 && Number.isInteger(seed))) {
    throw new Error('--rate, --seconds and --seed: expected numbers, and at most 5000 requests a second');
  }
  const load = new Load({ edge, profile, rate, seed, seconds });
  const say = (report: LoadReport): boolean => process.stdout.write(`${JSON.stringify(report)}\n`);
  process.stdout.once('error', () => process.exit(0)); // nobody listens any more
  const timer = setInterval(() => say(load.report()), 1000);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void load.stop());
  const last = await load.done;
  clearInterval(timer);
  say(last);
}

if (import.meta.main) await main();
