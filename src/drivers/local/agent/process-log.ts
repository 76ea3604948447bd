import { createWriteStream } from 'node:fs';
import type { Readable } from 'node:stream';

const MAXIMUM_BYTES = 1 << 20;

/** Writes what a process says to a file, the first mebibyte of it; the rest is read and dropped. */
export function writeCapped(file: string, sources: readonly (Readable | null)[]): void {
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
