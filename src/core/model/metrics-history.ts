import { z } from 'zod';
import { Digest } from './digest.ts';

/** One stretch of history: after `from`, up to `to`, in seconds. `digest` is over the canonical JSON of its samples. */
export const HistorySlice = z
  .strictObject({
    from: z.number(),
    to: z.number(),
    samples: z.int().min(0),
    bad: z.int().min(0),
    digest: Digest,
  })
  .readonly();
export type HistorySlice = z.infer<typeof HistorySlice>;

/** As many as one entry of the ledger can tell of. */
export const mostSlices = 60;

/**
 * Why a history goes no further back: 1,000 bursts of failed requests, 24 hours, as many samples or slices as are kept, an older
 * slice that could not be used, or the time that there was for reading.
 */
export const HistoryEnd = z.enum([
  'enough-events',
  'whole-span',
  'enough-samples',
  'unusable-before',
  'out-of-time',
]);
export type HistoryEnd = z.infer<typeof HistoryEnd>;
