import { spawn } from 'node:child_process';
import { delimiter, join } from 'node:path';
import type { Account } from './account.ts';
import type { Guard } from './guard.ts';
import type { Installation } from './installation.ts';

/** How server programs are run: from where, as whom, and who ends them if we cannot. */
export interface Runner {
  readonly installation: Installation;
  readonly account: Account | undefined;
  readonly guard: Guard;
  readonly signal: AbortSignal | undefined;
}

export interface Outcome {
  readonly code: number | null;
  readonly output: string;
}

/**
 * What a server program sees of our environment: nothing but the library path. A fixed time zone spares initdb the
 * search through all of them.
 */
export function environmentFor(installation: Installation): NodeJS.ProcessEnv {
  const base = { LC_ALL: 'C', TZ: 'UTC', PATH: '/usr/bin:/bin' };
  if (installation.libraries.length === 0) return base;
  const variable = process.platform === 'darwin' ? 'DYLD_LIBRARY_PATH' : 'LD_LIBRARY_PATH';
  return { ...base, [variable]: installation.libraries.join(delimiter) };
}

/** The account in the form that `spawn` takes. Node drops the supplementary groups with it. */
export function identityOf(account: Account | undefined): { uid?: number; gid?: number } {
  return account === undefined ? {} : { uid: account.uid, gid: account.gid };
}

/** Runs a server program to its end. `code` is null if it could not be started or was killed; `output` says why. */
export function runProgram(runner: Runner, program: string, args: readonly string[]): Promise<Outcome> {
  const child = spawn(join(runner.installation.bin, program), [...args], {
    ...identityOf(runner.account),
    cwd: '/', // our own working folder may be closed to the account
    detached: true,
    env: environmentFor(runner.installation),
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(runner.signal === undefined ? {} : { signal: runner.signal }),
  });
  if (child.pid !== undefined) runner.guard.watch(child.pid, 'INT');
  let output = '';
  const collect = (chunk: string): void => void (output += chunk);
  child.stdout.setEncoding('utf8').on('data', collect);
  child.stderr.setEncoding('utf8').on('data', collect);
  return new Promise((resolve) => {
    let problem = '';
    child.once('error', ({ message }) => {
      problem = message;
      if (child.pid === undefined) resolve({ code: null, output: message });
    });
    // Also after a cancellation: as long as it runs, it writes.
    child.once('close', (code) => {
      runner.guard.unwatch();
      resolve({ code, output: problem + output });
    });
  });
}
