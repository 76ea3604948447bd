import { z } from 'zod';
import { AnalysisState } from './analysis-state.ts';
import { Decision, PromotionState } from './decision.ts';
import { Digest } from './digest.ts';
import { HistoryEnd, HistorySlice, mostSlices } from './metrics-history.ts';
import { Name, Subject } from './name.ts';
import { Observation } from './observation.ts';
import { Reason } from './reason.ts';
import { Attachment, SealedRelease } from './release.ts';
import { Millis } from './time.ts';

const note = z.string().max(500);
const by = Subject;
const at = Millis;
const promotion = z.string().regex(/^[a-z0-9-]{1,140}$/, 'expected a promotion id');

/** What a slot's stream holds: commands, what the outside shows, and decisions. */
export const SlotEntry = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('requested'),
    at,
    by,
    promotion,
    release: Name,
    stage: Name,
    pipeline: Digest,
    mode: z.enum(['promote', 'rollback']),
    note,
    /** Takes a quarantined artifact on purpose. */
    liftQuarantine: z.boolean(),
  }),
  z.strictObject({ type: z.literal('approved'), at, by, promotion, plan: Digest, note }),
  z.strictObject({ type: z.literal('rejected'), at, by, promotion, note, changesRequested: z.boolean() }),
  z.strictObject({ type: z.literal('paused'), at, by, promotion, note }),
  z.strictObject({ type: z.literal('resumed'), at, by, promotion, note }),
  z.strictObject({ type: z.literal('abort-asked'), at, by, promotion, note }),
  /** A person lets it leave one weight without an answer of a gate that cannot tell; `said` is what he was shown. */
  z.strictObject({
    type: z.literal('waived'),
    at,
    by,
    promotion,
    gate: Name,
    /** The step that it may leave, and its weight in percent. */
    step: z.int().min(0),
    weight: z.int().min(0).max(100),
    until: Millis,
    note: note.min(1),
    said: Reason,
  }),
  z.strictObject({ type: z.literal('observed'), at, observation: Observation }),
  z.strictObject({ type: z.literal('seen'), at, until: Millis }),
  z.strictObject({
    type: z.literal('sampled'),
    at,
    batch: Digest,
    count: z.int().min(1),
    analysis: AnalysisState,
  }),
  /** What stable had counted before a rollout, summed up in the analysis that begins with it. */
  z.strictObject({
    type: z.literal('history-read'),
    at,
    promotion,
    slices: z.array(HistorySlice).max(mostSlices),
    /** Null where it could not be read; then `message` is what the source said. */
    ended: HistoryEnd.nullable(),
    message: note,
    analysis: AnalysisState,
  }),
  /** What a release that was turned back could say for itself before it was removed: best effort, read once. */
  z.strictObject({
    type: z.literal('diagnostics-read'),
    at,
    promotion,
    /** Its bytes lie in the content table, where retention may remove them; null where it could not be read. */
    content: Digest.nullable(),
    processes: z.int().min(0),
    events: z.int().min(0),
    message: note,
  }),
  /** The outside cannot be looked at, or says something else than before; the next that is observed ends it. */
  z.strictObject({ type: z.literal('look-failed'), at, message: note }),
  /** The source of metrics cannot be read, or says something else than before: not each scrape, but each change. */
  z.strictObject({ type: z.literal('scrape-failed'), at, promotion, message: note }),
  /** It can be read again. */
  z.strictObject({ type: z.literal('scrape-resumed'), at, promotion }),
  z.strictObject({
    type: z.literal('effect-failed'),
    at,
    generation: z.int(),
    effect: z.string().max(60),
    attempts: z.int().min(1),
    outcome: z.enum(['failed', 'unknown']),
    message: z.string().max(500),
  }),
  z.strictObject({ type: z.literal('decided'), at, decision: Decision, stateBefore: Digest }),
]);
export type SlotEntry = z.infer<typeof SlotEntry>;

/** What a release's stream holds. */
export const ReleaseEntry = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('opened'),
    at,
    by,
    commit: SealedRelease.shape.commit,
    summary: SealedRelease.shape.summary,
    contributors: SealedRelease.shape.contributors,
  }),
  z.strictObject({ type: z.literal('attached'), at, by, attachment: Attachment }),
  z.strictObject({ type: z.literal('sealed'), at, by, sealed: Digest, release: SealedRelease }),
  z.strictObject({
    type: z.literal('stage-ended'),
    at,
    stage: Name,
    environment: Name,
    promotion,
    state: PromotionState,
    reason: Reason,
  }),
]);
export type ReleaseEntry = z.infer<typeof ReleaseEntry>;

/** A hold on everything below its scope, until it is lifted or its end has come. */
export const Freeze = z.strictObject({
  id: Name,
  environment: Name.nullable(),
  reason: note,
  until: Millis.nullable(),
});
export type Freeze = z.infer<typeof Freeze>;

/** What a project's stream, and the stream of everything, hold. */
export const ProjectEntry = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('applied'),
    at,
    by,
    kind: z.enum(['Project', 'Environment', 'Pipeline']),
    name: Name,
    digest: Digest,
    /** The canonical bytes of the document, with defaults filled in; larger ones lie in the content table. */
    document: z.string().max(60_000),
  }),
  z.strictObject({ type: z.literal('frozen'), at, by, freeze: Freeze }),
  z.strictObject({ type: z.literal('unfrozen'), at, by, id: Name, note }),
]);
export type ProjectEntry = z.infer<typeof ProjectEntry>;

export type Entry = SlotEntry | ReleaseEntry | ProjectEntry;
