import type { AnalysisState, LearntGate } from './analysis-state.ts';
import type { Action, Decision, PromotionState, TurnBackEnd, Wait } from './decision.ts';
import type { Crypto, Digest } from './digest.ts';
import type { Environment, Pipeline, Project } from './documents.ts';
import type { Freeze } from './entries.ts';
import type { SlotKey, Subject } from './name.ts';
import type { Observation, Weight } from './observation.ts';
import type { PromotionPlan } from './plan.ts';
import type { Reason } from './reason.ts';
import type { Attachment, SealedRelease } from './release.ts';
import type { Millis } from './time.ts';
import type { Verdict } from './verdict.ts';

/** A release as it is deployed in a slot. */
export interface Deployed {
  readonly release: string;
  readonly artifact: Digest;
  readonly configuration: Digest;
  readonly promotion: string;
  readonly since: Millis;
}

export interface Approval {
  readonly by: Subject;
  readonly plan: Digest;
  readonly at: Millis;
}

export interface GateResult {
  readonly verdict: Verdict;
  readonly reason: Reason;
  readonly at: Millis;
}

/** How the source of metrics has been away while a promotion rolled out. */
export interface SourceOutages {
  /** What it says, and since when; null while it can be read. */
  readonly open: { readonly message: string; readonly since: Millis } | null;
  /** When that was recorded last. */
  readonly recordedAt: Millis;
  /** For how long (ms) it was away at this weight, in outages that are over. */
  readonly overMs: number;
}

/** A person's decision to leave one weight without an answer of a gate that cannot tell. */
export interface Waiver {
  readonly gate: string;
  readonly by: Subject;
  readonly note: string;
  readonly at: Millis;
  readonly until: Millis;
  readonly step: number;
  readonly weight: number;
  /** What the gate said when it was given. */
  readonly over: Reason['code'];
}

/** One release in one stage, while it is open. */
export interface Promotion {
  readonly id: string;
  readonly release: string;
  readonly stage: string;
  readonly pipeline: Digest;
  readonly mode: 'promote' | 'rollback';
  readonly liftQuarantine: boolean;
  readonly by: Subject;
  readonly note: string;
  readonly requestedAt: Millis;
  readonly state: PromotionState;
  /** Since when in this state. */
  readonly since: Millis;
  readonly plan: { readonly digest: Digest; readonly document: PromotionPlan } | null;
  readonly approvals: readonly Approval[];
  readonly rejected: {
    readonly by: Subject;
    readonly note: string;
    readonly changesRequested: boolean;
  } | null;
  readonly abort: { readonly by: Subject; readonly note: string } | null;
  /** Held by a person. */
  readonly paused: { readonly by: Subject; readonly note: string; readonly at: Millis } | null;
  /** Held because a gate asks a person; `resume` lets it go on waiting. */
  readonly asked: { readonly reason: Reason; readonly at: Millis } | null;
  readonly gates: Readonly<Record<string, GateResult>>;
  /** Index of the step that is wanted; -1 before the first. */
  readonly step: number;
  /** Whether it went one step down because stable had degraded. */
  readonly retreated: boolean;
  /** When the wanted weight was asked for. */
  readonly stepAskedAt: Millis | null;
  /** When the wanted weight was read back; null until then. */
  readonly stepReachedAt: Millis | null;
  /** Observed-healthy time at full traffic. */
  readonly healthyMs: number;
  readonly turnedBack: { readonly endsAs: TurnBackEnd; readonly reason: Reason; readonly at: Millis } | null;
  /** When weight 0 was read back on the way back. */
  readonly atZeroAt: Millis | null;
  /** What its processes said before they were removed; null where that could not be read, left out until then. */
  readonly diagnostics?: Digest | null;
  /** Left out where the source of metrics could always be read. */
  readonly outages?: SourceOutages;
  /** Left out where there were none; the latest of each gate and step. */
  readonly waivers?: readonly Waiver[];
  /** What it waits for, by code, with the time since when. */
  readonly waitingSince: Readonly<Record<string, Millis>>;
}

export interface EndedPromotion {
  readonly id: string;
  readonly release: string;
  readonly stage: string;
  readonly state: PromotionState;
  readonly reason: Reason;
  readonly at: Millis;
  /** What its processes said before they were removed; left out where nothing was kept. */
  readonly diagnostics?: Digest;
}

/** An effect that was asked for and is not yet seen outside. */
export interface OpenEffect {
  readonly action: Action;
  readonly since: Millis;
  /** `attempts` are those that were recorded, the last one `at`: what goes on failing in the same words is so now and then. */
  readonly failure: { readonly attempts: number; readonly message: string; readonly at?: Millis } | null;
}

/** What the slot's stream folds to. Plain JSON, persisted with the last sequence that it holds. */
export interface SlotState {
  readonly key: SlotKey;
  /** Sequence of the last entry folded in. */
  readonly seq: number;
  /** The latest time folded in; `now` never lies before it. */
  readonly clock: Millis;
  readonly generation: number;
  /** The newest core that decided here; an older one must not. */
  readonly evaluator: number;
  readonly stable: Deployed | null;
  /** The stable before, kept up so that going back is one change of weights. */
  readonly warm: { readonly deployed: Deployed; readonly until: Millis } | null;
  readonly moving: string | null;
  /** Open promotions in the order of their requests. */
  readonly promotions: readonly Promotion[];
  /** The latest ends, newest first. */
  readonly ended: readonly EndedPromotion[];
  /** What was stable before, newest first. */
  readonly history: readonly Deployed[];
  readonly quarantine: Readonly<
    Record<Digest, { readonly since: Millis; readonly by: string; readonly reason: Reason }>
  >;
  /** Releases that were asked to run here and have not been seen to be gone. */
  readonly wanted: readonly string[];
  /** The weights that were asked for last. */
  readonly weights: readonly Weight[];
  readonly effects: readonly OpenEffect[];
  readonly observed: Observation | null;
  readonly seenUntil: Millis | null;
  /** Since when the outside cannot be looked at, and what it says; left out while it can. */
  readonly unreadable?: { readonly message: string; readonly since: Millis; readonly recordedAt: Millis };
  readonly analysis: AnalysisState | null;
  /** What the last rollout has learnt for the next, by gate. */
  readonly learnt: Readonly<Record<string, LearntGate>>;
}

/** What a release's stream folds to. */
export interface ReleaseState {
  readonly seq: number;
  readonly openedAt: Millis;
  readonly openedBy: Subject;
  readonly commit: string;
  readonly summary: string;
  /** As CI claimed them at the opening; sealing may add to them. */
  readonly contributors: readonly string[];
  readonly sealed: { readonly digest: Digest; readonly release: SealedRelease; readonly by: Subject } | null;
  readonly attachments: readonly {
    readonly attachment: Attachment;
    readonly at: Millis;
    readonly by: Subject;
  }[];
  /** The latest end in each stage. */
  readonly stages: Readonly<
    Record<string, { readonly state: PromotionState; readonly promotion: string; readonly at: Millis }>
  >;
}

/** A document as applied, with who applied it. */
export interface AppliedDocument<T> {
  readonly digest: Digest;
  readonly by: Subject;
  readonly at: Millis;
  readonly document: T;
}

/** One version of a pipeline, with everybody who ever applied it: an old one may be brought back by somebody else. */
export interface PinnedPipeline extends AppliedDocument<Pipeline> {
  readonly editors: readonly string[];
}

/** What a project's stream folds to. */
export interface ProjectState {
  readonly seq: number;
  readonly project: AppliedDocument<Project> | null;
  readonly environments: Readonly<Record<string, AppliedDocument<Environment>>>;
  readonly pipelines: Readonly<Record<string, AppliedDocument<Pipeline>>>;
  /** Every version of every pipeline, by digest: a release in flight keeps the one it started with. */
  readonly pinned: Readonly<Record<Digest, PinnedPipeline>>;
  readonly freezes: readonly (Freeze & { readonly by: Subject; readonly at: Millis })[];
}

/** Everything that one turn reads. All of it comes out of the ledger, but for `now`. */
export interface TurnInput {
  readonly now: Millis;
  readonly slot: SlotState;
  /** By release name: those of open promotions, of stable and of what a rollback asks for. */
  readonly releases: Readonly<Record<string, ReleaseState>>;
  readonly project: ProjectState;
  readonly everything: ProjectState;
  readonly crypto: Crypto;
}

/** What one turn concludes: the decision to record, and what `why` prints meanwhile. */
export interface Conclusion {
  readonly decision: Decision;
  readonly waits: readonly Wait[];
  /** When to look again even if nothing comes in; null when only a new fact can change anything. */
  readonly nextCheck: Millis | null;
}
