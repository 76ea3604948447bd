import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** Where a real Prometheus is; null where there is none. `PROMETHEUS` names another one than Debian's package has. */
export function prometheusProgram(): string | null {
  const program = process.env['PROMETHEUS'] ?? '/usr/bin/prometheus';
  return existsSync(program) ? program : null;
}

const startsWithinMs = 20_000;

export interface ScrapeTarget {
  readonly job: string;
  readonly address: string;
  readonly tokenFile?: string;
}

/** A Prometheus of a test's own, on a loopback port, that scrapes every second. Its data survive its restart. */
export class PrometheusProcess {
  readonly #folder = mkdtempSync(join(tmpdir(), 'belay-prometheus-'));
  readonly #program: string;
  readonly #port: number;
  readonly #flags: readonly string[];
  #child: ChildProcess | null = null;
  #output = '';

  private constructor(program: string, port: number, flags: readonly string[]) {
    this.#program = program;
    this.#port = port;
    this.#flags = flags;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** `web` is the content of its web configuration, for authentication. */
  static async start(targets: readonly ScrapeTarget[], web?: string): Promise<PrometheusProcess> {
    const program = prometheusProgram();
    if (program === null) throw new Error('there is no Prometheus');
    const started = new PrometheusProcess(
      program,
      await freePort(),
      web === undefined ? [] : ['--web.config.file=web.yml'],
    );
    if (web !== undefined) writeFileSync(join(started.#folder, 'web.yml'), web);
    writeFileSync(join(started.#folder, 'prometheus.yml'), configuration(targets));
    await started.startAgain();
    return started;
  }

  /** Resolves when it answers that it is ready; an answer that it wants credentials will do. */
  async startAgain(): Promise<void> {
    const child = spawn(
      this.#program,
      [
        '--config.file=prometheus.yml',
        '--storage.tsdb.path=data',
        `--web.listen-address=127.0.0.1:${this.#port}`,
        '--log.level=warn',
        ...this.#flags,
      ],
      { cwd: this.#folder, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    this.#child = child;
    for (const stream of [child.stdout, child.stderr])
      stream.on(
        'data',
        (chunk: Buffer) => (this.#output = `${this.#output}${chunk.toString()}`.slice(-4_000)),
      );
    const deadline = performance.now() + startsWithinMs;
    for (;;) {
      const status = await fetch(`${this.url}/-/ready`).then(
        (response) => response.status,
        () => 0,
      );
      if (status === 200 || status === 401) return;
      if (child.exitCode !== null || performance.now() > deadline)
        throw new Error(`Prometheus did not become ready: ${this.#output}`);
      await delay(50);
    }
  }

  /** Ends it, gracefully or by SIGKILL, and waits until it has ended. */
  async stop(how: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const child = this.#child;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(how);
    await ended;
  }

  async close(): Promise<void> {
    await this.stop('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

// JSON is YAML.
const configuration = (targets: readonly ScrapeTarget[]): string =>
  JSON.stringify({
    global: { scrape_interval: '1s', scrape_timeout: '900ms' },
    scrape_configs: targets.map(({ job, address, tokenFile }) => ({
      job_name: job,
      ...(tokenFile === undefined ? {} : { authorization: { credentials_file: tokenFile } }),
      static_configs: [{ targets: [address] }],
    })),
  });

/**
 * A port that is free and stays so while its owner is away: below the range that systems take outgoing connections from.
 */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 15_000 + Math.floor(Math.random() * 15_000);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(false) : reject(error),
    );
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
