import type { Digest } from '../core/model/digest.ts';
import type { Result } from '../core/model/result.ts';

/** Why an artifact is not taken; nothing of it is kept. */
export interface ArtifactRefusal {
  readonly code: 'digest-mismatch' | 'too-large' | 'no-space';
  readonly message: string;
}

/** Uploaded bytes by their digest: archives of `local` environments, manifest bundles of Kubernetes. */
export interface ArtifactStore {
  /** An artifact of more bytes is refused. */
  readonly mostBytes: number;
  /** The size in bytes; null where it is not there. */
  size(digest: Digest): Promise<number | null>;
  /** The bytes as they came in, which were checked then; null where it is not there. */
  read(
    digest: Digest,
  ): Promise<{ readonly bytes: number; readonly content: AsyncIterable<Uint8Array> } | null>;
  /** Takes an artifact in if its digest is the one that was named. The same bytes again change nothing. */
  store(
    digest: Digest,
    body: AsyncIterable<Uint8Array>,
  ): Promise<Result<{ readonly bytes: number; readonly created: boolean }, ArtifactRefusal>>;
}

/** The refusal of an artifact that is larger than `mostBytes`. */
export const tooLarge = (mostBytes: number): ArtifactRefusal => ({
  code: 'too-large',
  message: `an artifact of more than ${mostBytes} bytes is refused`,
});

/** The refusal of bytes that have another digest than the one they were sent under. */
export const otherDigest = (found: Digest, named: Digest): ArtifactRefusal => ({
  code: 'digest-mismatch',
  message: `these bytes have digest ${found}, not ${named}`,
});
