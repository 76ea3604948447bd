import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * A text that tells this process from any other that had or will have its id on this machine since it was booted;
 * undefined if there is none, or only a dead one that nobody has waited for yet.
 */
export function processIdentity(pid: number): string | undefined {
  return process.platform === 'linux' ? fromProc(pid) : fromPs(pid);
}

/** State and start time in clock ticks since boot: fields 3 and 22 of /proc/PID/stat, see proc_pid_stat(5). */
function fromProc(pid: number): string | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined; // there is no such process
  }
  // The second field is a name in parentheses that may hold blanks and parentheses itself.
  const [state, ...rest] = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const started = rest[18];
  return state === 'Z' || state === 'X' || started === undefined
    ? undefined
    : `${pid}-${bootId()}-${started}`;
}

/** Ticks since boot say nothing after the next boot. */
function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return ''; // some sandboxes hide it
  }
}

function fromPs(pid: number): string | undefined {
  try {
    const started = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
    return started === '' ? undefined : `${pid}-${started.replaceAll(/\s+/g, '.')}`;
  } catch {
    return undefined; // ps fails where there is no such process
  }
}
