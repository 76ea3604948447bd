import { historySentence } from '../../core/report/history.ts';
import type { PlacedEntry } from '../../store/history.ts';
import type { HistoryEntry, LedgerEvent } from '../schemas-ledger.ts';

/** An entry as an event of the stream of events. */
export const eventView = ({ index, stream, seq, entry }: PlacedEntry): LedgerEvent => ({
  index,
  stream,
  seq,
  type: entry.type,
  sentence: historySentence(entry),
  entry,
});

/** An entry as a line of the history. */
export const historyView = (placed: PlacedEntry): HistoryEntry => ({
  ...eventView(placed),
  at: placed.entry.at,
});
