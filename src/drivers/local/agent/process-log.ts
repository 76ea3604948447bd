import { createWriteStream } from 'node:fs';
import type { Readable } from 'node:stream';

const MAXIMUM_BYTES = 1 << 20;
const TAIL_LINES = 30;
/** A line that goes on for longer is cut: a process that never ends one must not fill the memory. */
const LONGEST_LINE = 4_000;

/** What a process says: the first mebibyte of it in a file, the rest is read and dropped; and its last lines. */
export class ProcessLog {
  #tail: string[] = [];
  #unfinished = '';

  /** The last lines, the latest last. */
  get tail(): readonly string[] {
    return this.#unfinished === '' ? this.#tail : [...this.#tail, this.#unfinished].slice(-TAIL_LINES);
  }

  write(file: string, sources: readonly (Readable | null)[]): void {
    const open = sources.filter((source) => source !== null);
    if (open.length === 0) return;
    const sink = createWriteStream(file, { flags: 'a', mode: 0o600 });
    let written = 0;
    let broken = false;
    sink.once('error', () => {
      broken = true; // a full disk must not stop the workload
    });
    let left = open.length;
    for (const source of open) {
      source.on('data', (chunk: Buffer) => {
        this.#remember(chunk.toString('utf8'));
        if (broken || written >= MAXIMUM_BYTES) return;
        sink.write(chunk.subarray(0, MAXIMUM_BYTES - written));
        written += chunk.length;
      });
      source.once('close', () => {
        left -= 1;
        if (left === 0) sink.end();
      });
    }
  }

  #remember(text: string): void {
    const lines = (this.#unfinished + text).split('\n').map((line) => line.slice(0, LONGEST_LINE));
    this.#unfinished = lines.pop() ?? '';
    this.#tail = [...this.#tail, ...lines.filter((line) => line !== '')].slice(-TAIL_LINES);
  }
}
