import type { Crypto } from '../../model/digest.ts';
import type { Environment, Project } from '../../model/documents.ts';
import type { Reason } from '../../model/reason.ts';
import type { AppliedDocument, Promotion, ReleaseState, SlotState } from '../../model/state.ts';
import type { Millis } from '../../model/time.ts';
import type { Verdict } from '../../model/verdict.ts';

/** What a gate may read. */
export interface GateContext {
  readonly now: Millis;
  readonly slot: SlotState;
  readonly promotion: Promotion;
  readonly release: ReleaseState;
  readonly project: AppliedDocument<Project> | null;
  readonly environment: AppliedDocument<Environment>;
  /** Who applied the pipeline version in use: the editors of its gates. */
  readonly editors: readonly string[];
  readonly crypto: Crypto;
}

/** What a gate says, why, and when time alone may change it. */
export interface GateAnswer {
  readonly verdict: Verdict;
  readonly reason: Reason;
  readonly next: Millis | null;
}

export const answer = (verdict: Verdict, reason: Reason, next: Millis | null = null): GateAnswer => ({
  verdict,
  reason,
  next,
});
