import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { eventually } from '../eventually.ts';
import { childOf, Identity, identify, isAlive } from './process-identity.ts';

const Record = Identity.extend({ command: z.array(z.string()) });
type Record = z.infer<typeof Record>;

/** Where the first process of a cluster is recorded. */
export function firstProcessFile(state: string): string {
  return join(state, 'processes', 'first.json');
}

/** The processes of one cluster: each with a file that says what it is, and a log. */
export class Processes {
  readonly #state: string;

  constructor(state: string) {
    this.#state = state;
  }

  logOf(name: string): string {
    return join(this.#state, 'log', `${name}.log`);
  }

  #file(name: string): string {
    return join(this.#state, 'processes', `${name}.json`);
  }

  async #record(name: string): Promise<Record> {
    return Record.parse(JSON.parse(await readFile(this.#file(name), 'utf8')));
  }

  /** The process whose namespaces are the cluster's. */
  async #first(): Promise<number> {
    const first = Identity.parse(JSON.parse(await readFile(firstProcessFile(this.#state), 'utf8')));
    if (!(await isAlive(first))) throw new Error(`the cluster in ${this.#state} has ended`);
    return first.pid;
  }

  /** Starts a program inside the cluster; it outlives this process. */
  async start(name: string, command: readonly string[]): Promise<void> {
    const log = openSync(this.logOf(name), 'a');
    const entered = spawn(
      'nsenter',
      ['--target', String(await this.#first()), '--mount', '--net', '--pid', '--', ...command],
      {
        cwd: '/',
        detached: true,
        stdio: ['ignore', log, log],
        env: { PATH: '/run/go:/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/run' },
      },
    );
    closeSync(log);
    entered.unref();
    const process = await eventually(
      `${name} starts, see ${this.logOf(name)}`,
      async () => {
        if (entered.exitCode !== null) throw new Error(`it ended with ${entered.exitCode}`);
        const pid = await childOf(entered.pid ?? 0);
        return pid === undefined ? undefined : identify(pid);
      },
      10_000,
    );
    const record: Record = { ...process, command: [...command] };
    await writeFile(this.#file(name), JSON.stringify(record));
  }

  /** Waits until a process that was started is as `look` wants it; throws with the end of its log if it ends before. */
  async until(name: string, what: string, look: () => Promise<boolean>, withinMs = 60_000): Promise<void> {
    const withLog = async (problem: string): Promise<Error> => {
      const lines = (await readFile(this.logOf(name), 'utf8')).trim().split('\n').slice(-10).join('\n');
      return new Error(`${name}: ${problem}; the end of ${this.logOf(name)}:\n${lines}`);
    };
    await eventually(
      what,
      async () => {
        if (!(await this.isRunning(name))) throw await withLog('it ended');
        return look().catch(() => false);
      },
      withinMs,
    ).catch(async (error: Error) => {
      throw error.message.startsWith(`${name}:`) ? error : await withLog(error.message);
    });
  }

  /** Waits until an address of it answers well. */
  async untilAnswers(name: string, url: string): Promise<void> {
    await this.until(name, `${url} answers`, async () => (await fetch(url)).ok);
  }

  /** Starts it again as it was started before. */
  async restart(name: string): Promise<void> {
    await this.start(name, (await this.#record(name)).command);
  }

  async isRunning(name: string): Promise<boolean> {
    return this.#record(name).then(isAlive, () => false);
  }

  /** Sends a signal, if it runs. */
  async signal(name: string, signal: NodeJS.Signals): Promise<void> {
    const record = await this.#record(name);
    if (await isAlive(record)) process.kill(record.pid, signal);
  }

  /** Ends it, by force after five seconds. */
  async stop(name: string, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.signal(name, signal);
    const ended = async (): Promise<true | undefined> => ((await this.isRunning(name)) ? undefined : true);
    await eventually(`${name} ends`, ended, 5_000).catch(() => this.signal(name, 'SIGKILL'));
    await eventually(`${name} ends`, ended, 5_000);
  }
}
