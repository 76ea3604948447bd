import type { SourceNews } from '../core/decide/outage.ts';
import type { Outcome } from '../core/decide/outcomes.ts';
import type { Wait } from '../core/model/decision.ts';
import type { SlotEntry } from '../core/model/entries.ts';
import type { SlotKey } from '../core/model/name.ts';
import type { Observation, Sample } from '../core/model/observation.ts';
import type { OpenEffect, ProjectState, ReleaseState, SlotState } from '../core/model/state.ts';
import type { Millis } from '../core/model/time.ts';

/** What there is to do with a slot: take a turn, look at the outside, or carry out its open effects. */
export type Lane = 'turn' | 'observe' | 'effect';

/**
 * A lease on one lane of one slot for one piece of work. `token` fences it: work that comes back with a token
 * that is no longer the lane's own changes nothing.
 */
export interface Claim {
  readonly slot: SlotKey;
  readonly lane: Lane;
  readonly token: number;
}

/** What was observed since the last entry and is not yet in the ledger. */
export interface Pending {
  /** Until when the last observation was seen unchanged; null when it was not looked at again. */
  readonly seenUntil: Millis | null;
  /** Of the promotion that moves; another's never count. */
  readonly samples: readonly Sample[];
}

/** All that a turn reads, at one moment of the database's clock. */
export interface TurnRecord {
  readonly now: Millis;
  /** Folded up to the stream's head. */
  readonly slot: SlotState;
  readonly pending: Pending;
  readonly releases: Readonly<Record<string, ReleaseState>>;
  readonly project: ProjectState;
  readonly everything: ProjectState;
  /** The hash of the slot stream's last entry; the turn's own entries follow exactly that one. */
  readonly headHash: string;
}

/** What a turn writes, in one transaction. */
export interface TurnCommit {
  readonly claim: Claim;
  /** The head of every stream that was read; if one has moved, nothing is written. */
  readonly reads: Readonly<Record<string, number>>;
  readonly entries: readonly SlotEntry[];
  /** `headHash` of the record that the turn was made from. */
  readonly follows: string;
  /** The state after these entries. Its `effects` are exactly those to be carried out. */
  readonly state: SlotState;
  /** Bytes named by digests in the entries. */
  readonly content: readonly { readonly digest: string; readonly bytes: string }[];
  /** Samples up to this time (seconds) are in the entries now; null when none were taken in. */
  readonly samplesUntil: number | null;
  /** What other streams learn from it. */
  readonly outcomes: readonly Outcome[];
  readonly waits: readonly Wait[];
  readonly nextCheck: Millis | null;
}

/** A rollout's history as it is recorded. */
export type HistoryRead = Omit<Extract<SlotEntry, { type: 'history-read' }>, 'type' | 'at'>;

/** What was kept of a release that was turned back, as it is recorded: counts and a digest, never the words themselves. */
export type DiagnosticsRead = Omit<Extract<SlotEntry, { type: 'diagnostics-read' }>, 'type' | 'at'>;

/**
 * The engine's side of the store. Promises:
 * - an entry that was appended is never lost, changed or reordered within its stream;
 * - `commit` writes all or nothing, and nothing when a stream that was read has moved or the lease is gone;
 * - a fact appended to a stream makes the turns that read it due;
 * - a lease ends by itself, and its work is then claimed by somebody else; what comes back late, before anybody else
 *   has claimed it, may still be written or be refused, and is right either way, because its heads are compared.
 * A call that throws may or may not have happened; doing it again is safe, `commit` because its heads have moved.
 */
export interface EngineStore {
  /** Claims up to `limit` lanes that are due, each for `leaseMs`. */
  claim(lane: Lane, limit: number, leaseMs: number): Promise<readonly Claim[]>;
  load(slot: SlotKey): Promise<TurnRecord>;
  commit(turn: TurnCommit): Promise<'committed' | 'conflict'>;
  /** Gives a lane back and says when it is due again; null for "when something comes in". */
  release(claim: Claim, dueAt: Millis | null): Promise<void>;
  /** Records a look at the outside: a new entry if it shows something new, else "seen until". */
  observed(slot: SlotKey, observation: Omit<Observation, 'at'>): Promise<void>;
  /** Records what was scraped for a promotion's rollout, until a turn takes it in. */
  sampled(slot: SlotKey, promotion: string, samples: readonly Sample[]): Promise<void>;
  /** Records what stable had counted before a promotion's rollout, or that it could not be read. */
  historyRead(slot: SlotKey, read: HistoryRead): Promise<void>;
  /** Records what a promotion's release said before it is removed, or that it could not be read; keeps the bytes beside. */
  diagnosticsRead(slot: SlotKey, read: DiagnosticsRead, bytes: string | null): Promise<void>;
  /** Records that the outside cannot be looked at, and what it says; what is observed next ends it. */
  lookFailed(slot: SlotKey, message: string): Promise<void>;
  /** Records that the source of metrics went away, says something else, or is back. */
  sourceChanged(slot: SlotKey, news: SourceNews): Promise<void>;
  /** Records that an effect failed or was left unknown, so that the wait for it can say so. */
  effectFailed(
    slot: SlotKey,
    effect: OpenEffect,
    outcome: 'failed' | 'unknown',
    message: string,
  ): Promise<void>;
}
