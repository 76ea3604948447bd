import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** What we need to know about other processes of this machine. */
export interface ProcessTable {
  /** A text that tells a process from any other that had or will have its id; undefined if there is none. */
  identity(pid: number): string | undefined;
  /** Whether the process that had this identity is gone for certain. One of another container cannot be judged. */
  hasEnded(identity: string): boolean;
  /** Its arguments; `hidden` if it lives and we may not look; undefined if there is none. */
  commandLine(pid: number): readonly string[] | 'hidden' | undefined;
  /** The processes whose working folder is `folder`, as far as we may see. */
  workingIn(folder: string): readonly number[];
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (problem) {
    return (problem as NodeJS.ErrnoException).code === 'EPERM'; // it lives and belongs to somebody else
  }
}

/** The state letter and the start time in clock ticks since boot: fields 3 and 22 of /proc/PID/stat, proc(5). */
function statOf(pid: number): { readonly state: string; readonly started: string } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in parentheses and may hold blanks and parentheses itself.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const [state, started] = [fields[0], fields[19]];
    return state === undefined || started === undefined ? undefined : { state, started };
  } catch {
    return undefined;
  }
}

/** Which set of processes we see: containers that share a folder have different ones, with the same ids. */
function readNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid').replaceAll(/\D/g, '');
  } catch {
    return '0'; // a system without namespaces has one set
  }
}

const namespace = readNamespace();

/** The identity of a process: `<namespace>.<id>.<start time>`. */
function identityFrom(
  startOf: (pid: number) => string | undefined,
): Pick<ProcessTable, 'identity' | 'hasEnded'> {
  const identity = (pid: number): string | undefined => {
    const started = startOf(pid);
    return started === undefined ? undefined : `${namespace}.${pid}.${started}`;
  };
  const hasEnded = (known: string): boolean => {
    const [where, pid] = known.split('.');
    return where === namespace && identity(Number(pid)) !== known;
  };
  return { identity, hasEnded };
}

const linux: ProcessTable = {
  ...identityFrom((pid) => {
    const stat = statOf(pid);
    return stat === undefined || stat.state === 'Z' ? undefined : stat.started;
  }),
  commandLine: (pid) => {
    if (!isAlive(pid) || statOf(pid)?.state === 'Z') return undefined;
    try {
      const text = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      return text === '' ? 'hidden' : text.split('\0');
    } catch {
      return isAlive(pid) ? 'hidden' : undefined;
    }
  },
  workingIn: (folder) =>
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => {
        try {
          return readlinkSync(`/proc/${pid}/cwd`) === folder;
        } catch {
          return false; // ended meanwhile, or not ours to look at
        }
      }),
};

function ps(pid: number, column: string): string | undefined {
  if (!isAlive(pid)) return undefined;
  try {
    return (
      execFileSync('ps', ['-o', `${column}=`, '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined
    );
  } catch {
    return undefined;
  }
}

const elsewhere: ProcessTable = {
  ...identityFrom((pid) => ps(pid, 'lstart')?.replaceAll(/[^A-Za-z0-9]+/g, '_')),
  commandLine: (pid) => ps(pid, 'command')?.split(' ') ?? (isAlive(pid) ? 'hidden' : undefined),
  workingIn: () => [],
};

/** The process table of this machine. */
export const processTable: ProcessTable = process.platform === 'linux' ? linux : elsewhere;
