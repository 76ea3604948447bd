import { readFile } from 'node:fs/promises';
import { type Checkpoint, openCheckpoint } from '../core/ledger/checkpoint.ts';
import type { NoteSigner } from '../core/ledger/note.ts';
import { refuse, type Refusal } from '../core/ledger/refusal.ts';
import { ok, type Result } from '../core/model/result.ts';
import type { CheckpointKeeper } from '../ports/checkpoint-keeper.ts';
import { replaceFile } from './durable-file.ts';
import { verifyEd25519 } from './ledger-crypto.ts';

/** The last checkpoint that this log signed, as it is kept outside the database. */
export interface KeptCheckpoint extends Checkpoint {
  readonly note: string;
}

/** Opens what is kept; null where nothing is. What our key did not sign counts for nothing. */
export function openKept(
  { signer: { key }, keeper }: { readonly signer: NoteSigner; readonly keeper: CheckpointKeeper },
  note: string | null,
): Result<KeptCheckpoint | null, Refusal<'file-unreadable'>> {
  if (note === null) return ok(null);
  const opened = openCheckpoint(verifyEd25519, note, { origin: key.name, keys: [key] });
  return opened.ok
    ? ok({ ...opened.value, note })
    : refuse('file-unreadable', `${keeper.place} holds no checkpoint of this log: ${opened.error.message}`);
}

/** An entry is under a checkpoint within about this time of its commit. */
const fileEveryMs = 100;

/** Keeps the checkpoint in a file, which replicas have to share. */
export const checkpointFile = (file: string): CheckpointKeeper => ({
  place: file,
  everyMs: fileEveryMs,
  read: async () => {
    try {
      return await readFile(file, 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
      throw error;
    }
  },
  write: (note) => replaceFile(file, note),
  keepContradiction: (note) => replaceFile(`${file}.contradiction`, note),
});
