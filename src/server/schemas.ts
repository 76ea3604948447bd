import { z } from 'zod';
import { PromotionState, Wait } from '../core/model/decision.ts';
import { Digest } from '../core/model/digest.ts';
import { Name, SlotKey, Subject, SubjectId } from '../core/model/name.ts';
import { Weight } from '../core/model/observation.ts';
import { PromotionPlan } from '../core/model/plan.ts';
import { Reason } from '../core/model/reason.ts';
import { DsseEnvelope, SealedRelease, TestCounts } from '../core/model/release.ts';
import { Millis } from '../core/model/time.ts';
import { Verdict } from '../core/model/verdict.ts';
import { verbs } from '../core/model/verbs.ts';

/*
 * What goes over the wire, both ways. The server checks by these and publishes them as OpenAPI; the command line
 * reads by them. All times are milliseconds since 1970-01-01T00:00:00Z by the database's clock.
 */

export const note = z.string().max(500);
export const PromotionId = z.string().regex(/^[a-z0-9-]{1,140}$/, 'expected a promotion id');
export const FreezeId = Name;
export const TokenId = z.string().regex(/^[a-z0-9]{8,32}$/, 'expected a token id');

/** RFC 9457 with our own stable `code`, and where a body was wrong, the places. */
export const Problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string(),
  errors: z.array(z.object({ path: z.string(), message: z.string(), fix: z.string().optional() })).optional(),
});
export type Problem = z.infer<typeof Problem>;

// ---- access

export const Verb = z.enum(verbs);
export type Verb = z.infer<typeof Verb>;

/** What a token may do: these verbs, in this project (`*`: in all), on these stages (`*`: on all). */
export const Grant = z.strictObject({
  project: z.union([z.literal('*'), Name]),
  stages: z.union([z.literal('*'), z.array(Name).min(1).max(50)]),
  verbs: z.array(Verb).min(1).max(8),
});
export type Grant = z.infer<typeof Grant>;

export const WhoAmI = z.object({ subject: Subject, grants: z.array(Grant) });
export type WhoAmI = z.infer<typeof WhoAmI>;

export const CreateTokenRequest = z.strictObject({
  subject: SubjectId,
  kind: z.enum(['person', 'machine']),
  grants: z.array(Grant).min(1).max(50),
  expiresAt: Millis.optional(),
});
export type CreateTokenRequest = z.infer<typeof CreateTokenRequest>;

/** The secret is in this answer and nowhere else, ever. */
export const CreatedToken = z.object({ id: TokenId, token: z.string() });
export type CreatedToken = z.infer<typeof CreatedToken>;

export const TokenView = z.object({
  id: TokenId,
  subject: Subject,
  grants: z.array(Grant),
  createdAt: Millis,
  expiresAt: Millis.nullable(),
  revokedAt: Millis.nullable(),
});
export type TokenView = z.infer<typeof TokenView>;
export const TokenList = z.object({ tokens: z.array(TokenView) });
export type TokenList = z.infer<typeof TokenList>;

// ---- documents

export const DocumentKind = z.enum(['Project', 'Environment', 'Pipeline']);
export type DocumentKind = z.infer<typeof DocumentKind>;

export const ApplyRequest = z.strictObject({
  documents: z.array(z.record(z.string(), z.unknown())).min(1).max(100),
});
export type ApplyRequest = z.infer<typeof ApplyRequest>;

export const ApplyResult = z.object({
  kind: DocumentKind,
  name: Name,
  project: Name,
  digest: Digest,
  change: z.enum(['created', 'changed', 'unchanged']),
});
export type ApplyResult = z.infer<typeof ApplyResult>;
export const ApplyAnswer = z.object({
  results: z.array(ApplyResult),
  /** What refuses nothing and should be looked at: queries that return no series now. */
  warnings: z.array(z.object({ path: z.string(), message: z.string(), fix: z.string().optional() })),
});
export type ApplyAnswer = z.infer<typeof ApplyAnswer>;

export const DocumentView = z.object({
  kind: DocumentKind,
  name: Name,
  project: Name,
  digest: Digest,
  by: Subject,
  at: Millis,
  document: z.unknown(),
});
export type DocumentView = z.infer<typeof DocumentView>;

/** What is applied now, by project, kind and name. */
export const DocumentList = z.object({ documents: z.array(DocumentView) });
export type DocumentList = z.infer<typeof DocumentList>;

// ---- releases

export const ArtifactStored = z.object({ digest: Digest, bytes: z.int() });
export type ArtifactStored = z.infer<typeof ArtifactStored>;

export const OpenReleaseRequest = z.strictObject({
  project: Name,
  service: Name,
  name: Name,
  commit: SealedRelease.shape.commit,
  summary: SealedRelease.shape.summary.default(''),
  contributors: SealedRelease.shape.contributors.default([]),
});
export type OpenReleaseRequest = z.input<typeof OpenReleaseRequest>;

export const AttachRequest = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('statement'), name: Name, envelope: DsseEnvelope }),
  z.strictObject({
    type: z.literal('tests'),
    name: Name,
    artifact: Digest,
    junit: z.string().min(1).max(900_000).describe('The JUnit XML report as text.'),
  }),
]);
export type AttachRequest = z.infer<typeof AttachRequest>;

export const SealReleaseRequest = z.strictObject({
  artifact: z.strictObject({
    name: SealedRelease.shape.artifact.shape.name.min(1),
    digest: Digest,
    kind: z
      .enum(['file', 'image'])
      .default('file')
      .describe('A file was uploaded here before; an image lies in the registry that its name says.'),
  }),
  bundle: Digest.optional().describe('Uploaded here before, as an artifact is.'),
  pipeline: Name.optional().describe(
    'Whose stages ask for it by themselves; all of the service’s unless told.',
  ),
  contributors: SealedRelease.shape.contributors
    .default([])
    .describe('Added to those named when it was opened; nobody is ever taken off.'),
});
export type SealReleaseRequest = z.input<typeof SealReleaseRequest>;

export const AttachmentView = z.object({
  type: z.enum(['statement', 'tests']),
  name: Name,
  at: Millis,
  by: Subject,
  /** Of a test report. */
  artifact: Digest.optional(),
  counts: TestCounts.optional(),
});
export type AttachmentView = z.infer<typeof AttachmentView>;

export const ReleaseStage = z.object({
  stage: Name,
  state: PromotionState,
  promotion: z.string(),
  at: Millis,
});

export const ReleaseView = z.object({
  project: Name,
  service: Name,
  name: Name,
  commit: z.string(),
  summary: z.string(),
  /** As CI claims them. */
  contributors: z.array(SubjectId),
  openedAt: Millis,
  openedBy: Subject,
  sealed: z
    .object({
      digest: Digest,
      artifact: z.object({ name: z.string(), digest: Digest, bytes: z.int().nullable() }),
      bundle: Digest.nullable(),
    })
    .nullable(),
  attachments: z.array(AttachmentView),
  /** The latest end in each stage. */
  stages: z.array(ReleaseStage),
});
export type ReleaseView = z.infer<typeof ReleaseView>;
export const ReleaseList = z.object({ releases: z.array(ReleaseView) });
export type ReleaseList = z.infer<typeof ReleaseList>;

export const WhereRelease = ReleaseView.omit({ stages: true, attachments: true }).extend({
  stages: z.array(z.object({ stage: Name, environment: Name, state: PromotionState, at: Millis })),
  /** Where it gets traffic now, as last seen. */
  running: z.array(z.object({ environment: Name, weight: z.int() })),
});
export const WhereAnswer = z.object({ releases: z.array(WhereRelease) });
export type WhereAnswer = z.infer<typeof WhereAnswer>;

// ---- slots and promotions

export const WaitView = Wait.extend({ sentence: z.string() });
export type WaitView = z.infer<typeof WaitView>;

export const GateView = z.object({
  name: Name,
  kind: z.string(),
  mode: z.enum(['enforce', 'observe']),
  part: z.enum(['gates', 'analysis', 'verification']),
  verdict: Verdict,
  reason: Reason.nullable(),
  sentence: z.string().nullable(),
  at: Millis.nullable(),
});
export type GateView = z.infer<typeof GateView>;

export const PromotionView = z.object({
  id: PromotionId,
  release: Name,
  stage: Name,
  mode: z.enum(['promote', 'rollback']),
  state: PromotionState,
  since: Millis,
  requestedBy: Subject,
  requestedAt: Millis,
  note: z.string(),
  plan: z.object({ digest: Digest, document: PromotionPlan }).nullable(),
  approvals: z.array(z.object({ by: Subject, plan: Digest, at: Millis })),
  /** Index of the step that is wanted; -1 before the first. */
  step: z.int(),
  /** Its share of traffic as last seen; null where nothing was seen. */
  weight: z.int().nullable(),
  steps: z.array(z.int()),
  gates: z.array(GateView),
  waits: z.array(WaitView),
  paused: z.object({ by: Subject, note: z.string(), at: Millis }).nullable(),
  /** Held because a gate asks a person. */
  asked: z.object({ reason: Reason, sentence: z.string(), at: Millis }).nullable(),
  /** Why it goes back, once it does. */
  turnedBack: z.object({ reason: Reason, sentence: z.string(), at: Millis }).nullable(),
});
export type PromotionView = z.infer<typeof PromotionView>;

export const EndedView = z.object({
  id: PromotionId,
  release: Name,
  stage: Name,
  state: PromotionState,
  reason: Reason,
  sentence: z.string(),
  at: Millis,
});
export type EndedView = z.infer<typeof EndedView>;

export const DeployedView = z.object({
  release: Name,
  artifact: Digest,
  configuration: Digest,
  promotion: z.string(),
  since: Millis,
});
export type DeployedView = z.infer<typeof DeployedView>;

export const RollbackView = z.object({
  readiness: z.enum(['ready', 'unsafe', 'unproven', 'impossible']),
  why: z.string(),
  /** The release that a rollback would bring back. */
  release: Name.optional(),
});
export type RollbackView = z.infer<typeof RollbackView>;

/** A hold on this slot, or on all slots of a scope. */
export const FreezeView = z.object({
  id: FreezeId,
  scope: z.enum(['everything', 'project', 'environment']),
  project: Name.nullable(),
  environment: Name.nullable(),
  reason: z.string(),
  until: Millis.nullable(),
  /** Null for a planned one out of the environment's calendar. */
  by: Subject.nullable(),
  at: Millis.nullable(),
});
export type FreezeView = z.infer<typeof FreezeView>;

export const SlotView = z.object({
  project: Name,
  environment: Name,
  service: Name,
  stable: DeployedView.nullable(),
  warm: DeployedView.extend({ until: Millis }).nullable(),
  /** As last seen. */
  weights: z.array(Weight),
  observedAt: Millis.nullable(),
  generation: z.int(),
  moving: PromotionId.nullable(),
  frozen: z.array(FreezeView),
  promotions: z.array(PromotionView),
  ended: z.array(EndedView),
  quarantine: z.array(
    z.object({ artifact: Digest, since: Millis, by: z.string(), reason: Reason, sentence: z.string() }),
  ),
  rollback: RollbackView,
});
export type SlotView = z.infer<typeof SlotView>;
export const SlotList = z.object({
  slots: z.array(SlotView),
  /** Whether there are more, which a narrower question would show. */
  truncated: z.boolean().optional(),
});
export type SlotList = z.infer<typeof SlotList>;

export const PromotionRequest = z.strictObject({
  project: Name,
  service: Name,
  release: Name,
  stage: Name,
  mode: z.enum(['promote', 'rollback']).default('promote'),
  note: note.default(''),
  liftQuarantine: z.boolean().default(false),
  pipeline: Name.optional().describe('Needed only where several pipelines of the service have this stage.'),
});
export type PromotionRequest = z.input<typeof PromotionRequest>;

export const PromotionRequested = z.object({ promotion: PromotionId, slot: SlotKey });
export type PromotionRequested = z.infer<typeof PromotionRequested>;

export const ApproveRequest = z.strictObject({ plan: Digest, note: note.default('') });
export type ApproveRequest = z.input<typeof ApproveRequest>;
export const RejectRequest = z.strictObject({
  note: note.default(''),
  changesRequested: z.boolean().default(false),
});
export type RejectRequest = z.input<typeof RejectRequest>;
export const WaiveRequest = z.strictObject({
  gate: Name,
  note: note.min(1, 'a waiver needs a note that says why'),
  forMs: z
    .int()
    .min(60_000)
    .max(86_400_000)
    .default(3_600_000)
    .describe('How long the waiver counts, in milliseconds: from a minute to a day.'),
});
export type WaiveRequest = z.input<typeof WaiveRequest>;
export const NoteRequest = z.strictObject({ note: note.default('') });
export type NoteRequest = z.input<typeof NoteRequest>;
/** The sequence, in the slot's stream, of the fact that the command became. */
export const Recorded = z.object({ recorded: z.int() });
export type Recorded = z.infer<typeof Recorded>;
