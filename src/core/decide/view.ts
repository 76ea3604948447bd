import type { Action, Move } from '../model/decision.ts';
import type { Environment, Stage } from '../model/documents.ts';
import type { Reason } from '../model/reason.ts';
import type { AppliedDocument, Promotion, ReleaseState, SlotState, TurnInput } from '../model/state.ts';
import type { Millis } from '../model/time.ts';

/** One promotion with all that its rules read, looked up once. */
export interface View {
  readonly input: TurnInput;
  readonly now: Millis;
  readonly slot: SlotState;
  readonly promotion: Promotion;
  readonly stage: Stage;
  readonly environment: AppliedDocument<Environment>;
  readonly release: ReleaseState;
}

/** An unmet condition before it is told to whom it belongs. */
export interface Unmet {
  readonly reason: Reason;
  readonly gate: string | null;
  /** When time alone may change it. */
  readonly next: Millis | null;
}

/** What one rule says of one promotion: change something now, or wait for these. */
export type Step =
  | { readonly kind: 'go'; readonly moves: readonly Move[]; readonly actions: readonly Action[] }
  | { readonly kind: 'wait'; readonly unmet: readonly Unmet[] };

export const go = (moves: readonly Move[], actions: readonly Action[] = []): Step => ({
  kind: 'go',
  moves,
  actions,
});
export const wait = (...unmet: readonly Unmet[]): Step => ({ kind: 'wait', unmet });
export const unmet = (reason: Reason, next: Millis | null = null, gate: string | null = null): Unmet => ({
  reason,
  gate,
  next,
});
