import type { Digest } from '../model/digest.ts';
import type { Entry } from '../model/entries.ts';

/** The digest of the bytes that an entry names and that lie beside the ledger; null where it names none. */
export function namedContent(entry: Entry): Digest | null {
  if (entry.type === 'sampled') return entry.batch;
  if (entry.type === 'diagnostics-read') return entry.content;
  return entry.type === 'attached' && entry.attachment.type === 'tests' ? entry.attachment.content : null;
}
