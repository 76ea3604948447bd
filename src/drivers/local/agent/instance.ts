import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { Agent, get } from 'node:http';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { ArtifactManifest } from '../artifact.ts';
import { Counters } from './counters.ts';
import { ProcessLog } from './process-log.ts';
import { signalGroup } from './process-ledger.ts';
import type { ProcessLedger } from './process-ledger.ts';
import type { Upstream } from './routing.ts';

const PROBE_FAST_MS = 100;
const PROBE_SLOW_MS = 1000;
const PROBE_TIMEOUT_MS = 2000;
/** So many probes in a row must fail before a process that was ready gets no more requests. */
const UNREADY_AFTER = 3;
/** Idle connections are given up before the usual five seconds of a server are over, never under a request. */
const IDLE_CONNECTION_MS = 2500;
const KILL_PATIENCE_MS = 2000;

export interface InstanceOptions {
  readonly release: string;
  readonly pod: string;
  /** Tells instances of different artifacts or configurations of one release apart. */
  readonly key: string;
  readonly manifest: ArtifactManifest;
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly logFile: string;
  readonly ledger: ProcessLedger;
  /** Called after every change of `state`. */
  readonly onChange: (instance: Instance) => void;
}

/**
 * - `starting`: not ready yet, or no longer
 * - `ready`: gets requests
 * - `leaving`: gets no new requests; drains, is told to stop, and ends
 * - `ended`
 */
export type InstanceState = 'starting' | 'ready' | 'leaving' | 'ended';

/** One process of a workload, from its start to its end; a restart is another instance. */
export class Instance {
  readonly options: InstanceOptions;
  readonly counters = new Counters();
  readonly log = new ProcessLog();
  readonly startedAt = Date.now();
  readyAt: number | null = null;
  endedAt: number | null = null;
  upstream: Upstream | null = null;
  /** Whether it ended although nobody had asked for it. */
  crashed = false;
  #state: InstanceState = 'starting';
  #child: ChildProcess | null = null;
  #exited: Promise<void> = Promise.resolve();
  #leaving: Promise<void> | null = null;

  constructor(options: InstanceOptions) {
    this.options = options;
  }

  get state(): InstanceState {
    return this.#state;
  }

  /** Its state in words, with how it ended. */
  get described(): string {
    if (this.#state === 'starting')
      return this.readyAt === null ? 'running, not ready yet' : 'running, not ready';
    if (this.#state !== 'ended') return this.#state === 'leaving' ? 'ending' : 'ready';
    const { exitCode = null, signalCode = null } = this.#child ?? {};
    return signalCode === null ? `ended with exit code ${exitCode ?? 'unknown'}` : `ended by ${signalCode}`;
  }

  #become(state: InstanceState): void {
    if (this.#state === state || this.#state === 'ended') return;
    this.#state = state;
    if (state === 'ready') this.readyAt ??= Date.now();
    if (state === 'ended') this.endedAt = Date.now();
    this.options.onChange(this);
  }

  /** Starts the process and watches over it until it ends. Never rejects. */
  async run(): Promise<void> {
    let port: number;
    try {
      port = await freePort();
      if (this.#state !== 'starting') return;
      this.#start(port);
    } catch {
      // No port or no process to be had: like one that ends at once, to be tried again later.
      this.crashed = this.#leaving === null;
      this.#become('ended');
      return;
    }
    await this.#probe(port);
  }

  #start(port: number): void {
    const { manifest, folder, environment, ledger, logFile, release, pod } = this.options;
    const [program = '', ...words] = manifest.start;
    const child = spawn(program === 'node' ? process.execPath : program, words, {
      cwd: folder,
      env: { ...environment, [manifest.portVariable]: String(port) },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true, // a group of its own: a signal for the agent's terminal is not for the workload
    });
    this.#child = child;
    const { pid } = child;
    if (pid !== undefined) ledger.add(pid);
    this.log.write(logFile, [child.stdout, child.stderr]);
    const connections = new Agent({ keepAlive: true, timeout: IDLE_CONNECTION_MS, maxSockets: 1024 });
    const target = { protocol: 'http:', host: '127.0.0.1', port } as const;
    this.upstream = { release, pod, target, connections, counters: this.counters };
    this.#exited = new Promise((resolve) => {
      const ended = (): void => {
        if (pid !== undefined) {
          signalGroup(pid, 'SIGKILL'); // what it may have left of its own children
          ledger.remove(pid);
        }
        connections.destroy();
        this.crashed = this.#leaving === null;
        this.#become('ended');
        resolve();
      };
      child.once('exit', ended);
      child.once('error', () => {
        if (pid === undefined) ended(); // it could not be started at all
      });
    });
  }

  async #probe(port: number): Promise<void> {
    let failures = 0;
    while (this.#state === 'starting' || this.#state === 'ready') {
      const answered = await isReady(port, this.options.manifest.readiness);
      failures = answered ? 0 : failures + 1;
      if (this.#state !== 'starting' && this.#state !== 'ready') return;
      if (answered) this.#become('ready');
      else if (this.#state === 'ready' && failures >= UNREADY_AFTER) this.#become('starting');
      const fast = this.#state === 'starting' && Date.now() - this.startedAt < 10_000;
      await delay(fast ? PROBE_FAST_MS : PROBE_SLOW_MS, undefined, { ref: false });
    }
  }

  /** No new requests; waits for the open ones, then for the process, each for the grace of the artifact at most. */
  leave(): Promise<void> {
    this.#leaving ??= this.#end();
    return this.#leaving;
  }

  async #end(): Promise<void> {
    this.#become('leaving');
    const { graceSeconds, stopSignal } = this.options.manifest;
    const child = this.#child;
    if (child?.pid === undefined) {
      this.#become('ended');
      return;
    }
    await within(graceSeconds * 1000, this.counters.idle());
    if (child.exitCode === null && child.signalCode === null) child.kill(stopSignal);
    if (!(await within(graceSeconds * 1000, this.#exited))) {
      signalGroup(child.pid, 'SIGKILL');
      await within(KILL_PATIENCE_MS, this.#exited);
    }
  }
}

/** Whether it was done in time. */
async function within(milliseconds: number, done: Promise<void>): Promise<boolean> {
  const over = new AbortController();
  const late = delay(milliseconds, false, { signal: over.signal }).catch(() => false);
  const result = await Promise.race([done.then(() => true), late]);
  over.abort();
  return result;
}

function isReady(port: number, path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get(
      { host: '127.0.0.1', port, path, agent: false, timeout: PROBE_TIMEOUT_MS },
      (response) => {
        const status = response.statusCode ?? 0;
        response.resume();
        response.once('close', () => resolve(response.complete && status >= 200 && status < 300));
      },
    );
    request.once('timeout', () => request.destroy());
    request.once('error', () => resolve(false));
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
