/**
 * Keeps the last signed checkpoint outside the database, so that a database that was set back is noticed before
 * anything is signed on it. Only the sequencer calls it, which is one process at a time. What cannot be read or written
 * throws: then nothing is signed.
 */
export interface CheckpointKeeper {
  /** Where it is kept, for messages. */
  readonly place: string;
  /** How long to leave between two checkpoints, in milliseconds. */
  readonly everyMs: number;
  /** The note; null where none was ever kept. If it remembers exactly the note `known`, it need not look. */
  read(known: string | null): Promise<string | null>;
  write(note: string): Promise<void>;
  /** Keeps the database's checkpoint that contradicts the kept one, beside it: together they are the proof. */
  keepContradiction(note: string): Promise<void>;
}
