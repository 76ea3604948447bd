import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';

/**
 * A shell process that outlives us. It reads orders from a pipe; when the pipe closes, because we released it or because
 * we died in whatever way, it ends the process that it watches and removes the temporary folders. So neither Ctrl-C nor
 * `kill -9` leaves a server or data behind.
 */
export interface Guard {
  readonly pid: number;
  /** From now on, when we are gone, `pid` gets `signal`. It must be a child of ours, alive at this moment. */
  watch(pid: number, signal: 'INT' | 'QUIT'): void;
  /** The watched process has ended: its id may be given to somebody else. */
  unwatch(): void;
  /** `folder` is removed when we are gone or release the guard. */
  remove(folder: string): void;
  /** Ends the guard; resolves when the folders are removed. */
  release(): Promise<void>;
  /** Lets Node end although the guard still runs. */
  unref(): void;
}

// Its own session and deaf to the terminal's signals: it must act after us, not with us.
const SCRIPT = `
trap '' HUP INT TERM
pid=
while read -r order value more; do
  case $order in
    watch) pid=$value signal=$more ;;
    unwatch) pid= ;;
    remove) set -- "$@" "$value\${more:+ $more}" ;;
  esac
done
# A process that has ended and waits for its parent to notice still takes signals.
lives() {
  kill -0 "$1" 2>/dev/null || return 1
  { read -r state < "/proc/$1/stat"; } 2>/dev/null || return 0
  case $state in *') Z '*) return 1 ;; esac
}
if [ -n "$pid" ] && kill -s "$signal" "$pid" 2>/dev/null; then
  tries=0
  while lives "$pid" && [ $tries -lt 100 ]; do sleep 0.05; tries=$((tries + 1)); done
  [ $tries -lt 100 ] || kill -s KILL "$pid" 2>/dev/null
fi
[ $# -eq 0 ] || rm -rf -- "$@"
`;

/** Starts a guard. Throws if there is no /bin/sh. */
export async function startGuard(): Promise<Guard> {
  const shell = spawn('/bin/sh', ['-c', SCRIPT, 'belay-guard'], {
    detached: true,
    cwd: '/',
    stdio: ['pipe', 'ignore', 'ignore'],
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
  });
  const exited = new Promise<void>((resolve) => shell.once('exit', () => resolve()));
  await once(shell, 'spawn');
  const { pid } = shell;
  if (pid === undefined) throw new Error('a process that was spawned has no id');
  // A guard that somebody killed is no reason to fail: release() then removes the folders itself.
  shell.stdin.on('error', () => {});
  const folders: string[] = [];
  let released: Promise<void> | undefined;
  const order = (text: string): void => {
    if (released === undefined) shell.stdin.write(`${text}\n`);
  };
  const end = async (): Promise<void> => {
    shell.ref();
    shell.stdin.end();
    await exited;
    for (const folder of folders) await rm(folder, { recursive: true, force: true });
  };
  return {
    pid,
    watch: (child, signal) => order(`watch ${child} ${signal}`),
    unwatch: () => order('unwatch'),
    remove: (folder) => {
      folders.push(folder);
      order(`remove ${folder}`);
    },
    release: () => (released ??= end()),
    unref: () => {
      shell.unref();
      (shell.stdin as typeof shell.stdin & { unref?: () => void }).unref?.();
    },
  };
}
