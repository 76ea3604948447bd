import { z } from 'zod';
import { Millis } from '../core/model/time.ts';

export const HistoryEntry = z.object({
  index: z.int(),
  at: Millis,
  stream: z.string(),
  seq: z.int(),
  type: z.string(),
  sentence: z.string(),
  entry: z.unknown(),
});
export type HistoryEntry = z.infer<typeof HistoryEntry>;
export const HistoryAnswer = z.object({
  /** Newest first. */
  entries: z.array(HistoryEntry),
  /** Give as `before` for the next page; null at the end. */
  next: z.int().nullable(),
});
export type HistoryAnswer = z.infer<typeof HistoryAnswer>;

/** The data of one server-sent event. */
export const LedgerEvent = z.object({
  index: z.int(),
  stream: z.string(),
  seq: z.int(),
  type: z.string(),
  sentence: z.string(),
  entry: z.unknown(),
});
export type LedgerEvent = z.infer<typeof LedgerEvent>;
