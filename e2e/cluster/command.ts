import { spawn } from 'node:child_process';

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
}

/**
 * Runs a program to its end.
 *
 * @returns what it wrote to its standard output
 * @throws with its last lines, where it ended with another code than 0
 */
export function run(program: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
    child.on('error', (error) => reject(new Error(`${program}: ${error.message}`, { cause: error })));
    child.on('close', (code, signal) => {
      if (code === 0) return resolve(output);
      const last = `${output}\n${errors}`.trim().split('\n').slice(-15).join('\n');
      reject(new Error(`${program} ${args.join(' ')}: ended with ${code ?? signal}\n${last}`));
    });
  });
}
