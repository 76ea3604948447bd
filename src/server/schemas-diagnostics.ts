import { z } from 'zod';
import { Diagnostics } from '../core/model/diagnostics.ts';
import { PromotionState } from '../core/model/decision.ts';
import { Name } from '../core/model/name.ts';
import { Millis } from '../core/model/time.ts';
import { PromotionId } from './schemas.ts';

/** What one release that was turned back has left behind. */
export const DiagnosticsView = z.object({
  environment: Name,
  promotion: PromotionId,
  release: Name,
  state: PromotionState,
  /** Why it was turned back. */
  reason: z.string(),
  at: Millis,
  /** Null where retention has removed it. */
  diagnostics: Diagnostics.nullable(),
});
export type DiagnosticsView = z.infer<typeof DiagnosticsView>;

export const DiagnosticsList = z.object({ diagnostics: z.array(DiagnosticsView).readonly() });
export type DiagnosticsList = z.infer<typeof DiagnosticsList>;
