import { z } from 'zod';
import { Digest } from './digest.ts';
import { ReleaseKey } from './name.ts';

export const evidenceFormat = 'belay.dev/evidence/v1';

const hash = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 lower-case hex digits');
const size = z.int().min(0);

/** A path inside a pack: plain names, no way out of the folder, nothing hidden. */
const PackPath = z
  .string()
  .max(300)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*(\/[A-Za-z0-9][A-Za-z0-9._-]*){0,2}$/, 'expected a plain relative path');

/**
 * What an evidence pack holds. Its canonical bytes are `manifest.json`; `manifest.note` is a C2SP note by the log's
 * key over their digest. Every other file of the pack is named here by its own.
 */
export const EvidenceManifest = z.strictObject({
  format: z.literal(evidenceFormat),
  release: ReleaseKey,
  /** The evaluator of the server that made the pack; each decision names its own. */
  evaluator: z.string().max(100),
  /** The checkpoint: the log's origin, how many leaves it has, and their root in hex. */
  log: z.strictObject({ origin: z.string().min(1).max(200), size, root: hash }),
  /** The older tree size from which the pack can show that the log has only grown; null where none was asked for. */
  since: size.nullable(),
  /** Each stream from its first entry to number `to`, whose leaf hash is `head`. */
  streams: z
    .array(z.strictObject({ stream: z.string().max(300), to: z.int().min(1), head: hash }))
    .max(100_000),
  files: z.array(z.strictObject({ path: PackPath, bytes: size, digest: Digest })).max(300_000),
  /** Content that entries name and that retention has removed. */
  pruned: z.array(Digest).max(300_000),
});
export type EvidenceManifest = z.infer<typeof EvidenceManifest>;
