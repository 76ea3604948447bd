import { readFile } from 'node:fs/promises';
import { openCheckpoint, type Checkpoint } from '../core/ledger/checkpoint.ts';
import { refuse, type Refusal } from '../core/ledger/refusal.ts';
import type { VerifierKey } from '../core/ledger/verifier-key.ts';
import { ok, type Result } from '../core/model/result.ts';
import { replaceFile } from './durable-file.ts';
import { verifyEd25519 } from './ledger-crypto.ts';

/** The last checkpoint that this server signed, as it is kept outside the database. */
export interface KeptCheckpoint extends Checkpoint {
  readonly note: string;
}

/** Reads the kept checkpoint; null where there is none. A file that our key did not sign counts for nothing. */
export async function readCheckpointFile(
  file: string,
  key: VerifierKey,
): Promise<Result<KeptCheckpoint | null, Refusal<'file-unreadable'>>> {
  let note: string;
  try {
    note = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return ok(null);
    throw error;
  }
  const opened = openCheckpoint(verifyEd25519, note, { origin: key.name, keys: [key] });
  return opened.ok
    ? ok({ ...opened.value, note })
    : refuse('file-unreadable', `${file} holds no checkpoint of this log: ${opened.error.message}`);
}

export const writeCheckpointFile = (file: string, note: string): Promise<void> => replaceFile(file, note);

/** Keeps the database's checkpoint that contradicts the file, beside it: together they are the proof. */
export const keepContradiction = (file: string, note: string): Promise<void> =>
  replaceFile(`${file}.contradiction`, note);
