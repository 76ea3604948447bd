import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { eventually } from './eventually.ts';

const launcher = fileURLToPath(new URL('../belay', import.meta.url));

/** `./belay …` as a user has it in a terminal: with a process group of its own, which Ctrl-C goes to. */
export class Launched {
  readonly child: ChildProcess;
  readonly closed: Promise<number | null>;
  output = '';

  constructor(
    args: readonly string[],
    options: { readonly env: Readonly<Record<string, string>>; readonly cwd?: string },
  ) {
    this.child = spawn(launcher, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => (this.output += text));
    this.closed = new Promise((resolve) => this.child.once('exit', (code) => resolve(code)));
  }

  /** Resolves with what a pattern finds in what was said so far, as soon as it does. */
  async said(pattern: RegExp, withinMs?: number): Promise<RegExpExecArray> {
    try {
      return await eventually(`${pattern} is said`, () => pattern.exec(this.output), withinMs);
    } catch (error) {
      throw new Error(`what was said: ${this.output}`, { cause: error });
    }
  }

  /** Ctrl-C: to the whole foreground group. */
  interrupt(): void {
    if (this.child.pid !== undefined && this.child.exitCode === null) process.kill(-this.child.pid, 'SIGINT');
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }
}
