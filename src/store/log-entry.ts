import { hash } from 'node:crypto';
import { canonicalJson } from '../core/model/canonical.ts';
import type { Entry } from '../core/model/entries.ts';

/** An entry as it stands in its stream: these bytes are the leaf of the tree, and are never made again. */
export interface LogEntry {
  readonly stream: string;
  readonly seq: number;
  readonly hash: string;
  readonly bytes: string;
}

/** A stream's end: the sequence and hash of its last entry; 0 and '' before the first. */
export interface Head {
  readonly seq: number;
  readonly hash: string;
}

export const emptyHead: Head = { seq: 0, hash: '' };

/** A leaf holds at most what a C2SP tile can (16-bit length). */
const longestEntry = 65_535;

/** An entry that is too large for the ledger; its content belongs beside it, by digest. */
export class EntryTooLarge extends Error {
  override readonly name = 'EntryTooLarge';
}

/** The RFC 6962 leaf hash of an entry's bytes, in hex. */
export const leafHashOf = (bytes: string): string => hash('sha256', `\0${bytes}`, 'hex');

/** Serialises entries, each naming the hash of the one before, from a stream's head on. */
export function chain(stream: string, head: Head, entries: readonly Entry[]): readonly LogEntry[] {
  let { seq, hash: previous } = head;
  return entries.map((entry) => {
    seq += 1;
    const bytes = canonicalJson({ entry, previous, seq, stream });
    if (Buffer.byteLength(bytes) > longestEntry)
      throw new EntryTooLarge(
        `entry ${seq} of ${stream} has ${Buffer.byteLength(bytes)} bytes; at most ${longestEntry} fit`,
      );
    const link = { stream, seq, hash: leafHashOf(bytes), bytes };
    previous = link.hash;
    return link;
  });
}

/** The entry inside a log entry's bytes. They were written by `chain`; the offline verifier does not use this. */
export const entryOf = <E extends Entry>(bytes: string): E => (JSON.parse(bytes) as { entry: E }).entry;
