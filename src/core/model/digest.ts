import { z } from 'zod';
import { canonicalJson } from './canonical.ts';

/** The identity of bytes: `sha256:` and 64 lower-case hex digits, as in OCI. A tag is never an identity. */
export const Digest = z
  .string()
  .regex(
    /^sha256:[0-9a-f]{64}$/,
    'expected a digest: sha256: and 64 lower-case hex digits (a tag is no identity)',
  );
export type Digest = z.infer<typeof Digest>;

/**
 * The cryptography that the core needs, given to it by its caller. All are pure functions of their arguments,
 * so a caller may remember their answers.
 */
export interface Crypto {
  /** The digest of the UTF-8 bytes of `text`. */
  digest(text: string): Digest;
  /**
   * Whether `signature` (base64) is one over `message` (UTF-8 text) by the Ed25519 key `publicKey` (base64 of
   * its 32 raw bytes), by RFC 8032. Malformed input is `false`.
   */
  verifyEd25519(publicKey: string, message: string, signature: string): boolean;
  /** The text that base64 (standard alphabet, padded) stands for, or null where it is not valid UTF-8 or base64. */
  decodeBase64(text: string): string | null;
}

/** A document serialised once: these bytes are kept, hashed, signed and checked, never serialised again. */
export interface Sealed {
  readonly bytes: string;
  readonly digest: Digest;
}

/** Serialises a document canonically and names it by its digest. */
export function seal(crypto: Crypto, document: unknown): Sealed {
  const bytes = canonicalJson(document);
  return { bytes, digest: crypto.digest(bytes) };
}

/** The first twelve hex digits, for people to read. */
export const shortDigest = (digest: string): string => digest.replace(/^sha256:/, '').slice(0, 12);
