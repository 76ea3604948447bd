import { z } from 'zod';
import { Digest } from './digest.ts';
import { Name, ReleaseKey, Subject, SubjectId } from './name.ts';
import { Instant } from './time.ts';

/** One or more signatures over a payload, as DSSE v1.0.2 has it. `keyid` is a hint and decides nothing. */
export const DsseEnvelope = z.object({
  payload: z.string().max(400_000),
  payloadType: z.string().max(200),
  signatures: z
    .array(z.object({ keyid: z.string().max(200).optional(), sig: z.string().max(2_000) }))
    .min(1)
    .max(10),
});
export type DsseEnvelope = z.infer<typeof DsseEnvelope>;

/** An in-toto statement, of which the core reads the subject's digest and the predicate's type. */
export const InTotoStatement = z.object({
  _type: z.literal('https://in-toto.io/Statement/v1'),
  subject: z
    .array(
      z.object({
        name: z.string().max(300).optional(),
        digest: z.record(z.string().max(40), z.string().max(200)),
      }),
    )
    .min(1)
    .max(50),
  predicateType: z.string().max(300),
  predicate: z.unknown(),
});

/**
 * The predicate type of a check's signed report: `{check, passed, summary?, finishedAt?}`. `finishedAt` (RFC 3339 with
 * `Z`) is the check's own time: a report that says it cannot be made younger by attaching it again.
 */
export const checkPredicateType = 'https://belay.dev/check-report/v1';
export const CheckPredicate = z.object({
  check: Name,
  passed: z.boolean(),
  summary: z.string().max(500).optional(),
  finishedAt: Instant.optional(),
});

/** Counts read from a JUnit XML report when it came in; the report itself is kept beside them by its digest. */
export const TestCounts = z.strictObject({
  total: z.int().min(0),
  failed: z.int().min(0),
  skipped: z.int().min(0),
});
export type TestCounts = z.infer<typeof TestCounts>;

/** Evidence about an artifact, as it came in. */
export const Attachment = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('statement'), name: Name, envelope: DsseEnvelope }),
  z.strictObject({
    type: z.literal('tests'),
    name: Name,
    artifact: Digest,
    content: Digest,
    counts: TestCounts,
  }),
]);
export type Attachment = z.infer<typeof Attachment>;

/** What a release is, once sealed; immutable from then on and named by the digest of its canonical bytes. */
export const SealedRelease = z.strictObject({
  key: ReleaseKey,
  commit: z.string().regex(/^[0-9a-f]{7,64}$/, 'expected a commit id in hex'),
  artifact: z.strictObject({
    name: z.string().max(200),
    digest: Digest,
    bytes: z.int().min(0).nullable().describe('Its size; null for an image, which a registry holds.'),
  }),
  bundle: Digest.nullable().describe('The manifest bundle, where the driver needs one.'),
  contributors: z.array(SubjectId).max(200).describe('Authors and committers, as CI claims them.'),
  summary: z.string().max(2_000),
  openedBy: Subject,
});
export type SealedRelease = z.infer<typeof SealedRelease>;
