import { mkdirSync, mkdtempSync, chmodSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * A place for one program under test: its temporary folder, and a mark in its PATH that everything inherits which it
 * starts. So what is left of it can be told from what else runs on the machine.
 */
export class Traces implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'belay-e2e-traces-'));
  readonly temporary = join(this.folder, 'tmp');

  constructor() {
    mkdirSync(this.temporary);
    // PostgreSQL runs as another user where we are root, and has to get through.
    chmodSync(this.folder, 0o711);
    chmodSync(this.temporary, 0o711);
  }

  /** The environment to start it with. */
  get environment(): Readonly<Record<string, string>> {
    return {
      PATH: `${this.folder}/mark:${process.env['PATH'] ?? ''}`,
      HOME: this.folder,
      TMPDIR: this.temporary,
      XDG_CONFIG_HOME: join(this.folder, 'config'),
      // Compiled once and used again: it is nothing that the program leaves behind in this run.
      XDG_CACHE_HOME: process.env['XDG_CACHE_HOME'] ?? join(tmpdir(), 'belay-cli-cache'),
    };
  }

  /** Processes that run with the mark, or in or on our folder: PostgreSQL's have an environment of their own. */
  processes(): readonly string[] {
    const found: string[] = [];
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      if (Number(pid) === process.pid || isZombie(pid)) continue;
      const command = read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
      const about = [read(`/proc/${pid}/environ`), workingFolder(pid), command];
      if (about.some((text) => text.includes(this.folder))) found.push(`${pid} ${command}`);
    }
    return found;
  }

  /** What lies in its temporary folder. */
  files(): readonly string[] {
    return readdirSync(this.temporary);
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A file of /proc; empty where the process has ended meanwhile. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function workingFolder(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return '';
  }
}

/** Ended, and not yet noticed by its parent. */
function isZombie(pid: string): boolean {
  const stat = read(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z');
}
