import { ok, type Result } from '../model/result.ts';
import { equalBytes } from './encoding.ts';
import { refuse, type Refusal } from './refusal.ts';

/** SHA-256. It must neither keep nor change `bytes`, which the caller may use again for the next hash. */
export type Sha256 = (bytes: Uint8Array) => Uint8Array;

/** Bytes of a SHA-256 hash. */
export const hashLength = 32;

/** The hash of a leaf: SHA-256 of 0x00 and the entry (RFC 6962 section 2.1). */
export type LeafHash = (entry: Uint8Array) => Uint8Array;

/** A `LeafHash` for many entries, which keeps one buffer: allocating one for each costs about as much as hashing it. */
export function leafHasher(sha256: Sha256): LeafHash {
  let input = new Uint8Array(1024);
  return (entry) => {
    const length = entry.length + 1;
    if (input.length < length) input = new Uint8Array(2 * length);
    input.set(entry, 1);
    return sha256(input.subarray(0, length));
  };
}

/** The hash of one leaf. */
export const leafHash = (sha256: Sha256, entry: Uint8Array): Uint8Array => leafHasher(sha256)(entry);

/** The root of a tree without leaves: SHA-256 of nothing (RFC 6962 section 2.1). */
export const emptyRoot = (sha256: Sha256): Uint8Array => sha256(new Uint8Array(0));

/**
 * The hash of an inner node: SHA-256 of 0x01, the left and the right hash (RFC 6962 section 2.1). Throws where one
 * of them is not 32 bytes long: 31 and 33 bytes would hash as if they were another pair.
 */
export type NodeHash = (left: Uint8Array, right: Uint8Array) => Uint8Array;

/** A `NodeHash` that fills the same 65 bytes again and again: allocating them costs about as much as hashing them. */
export function nodeHasher(sha256: Sha256): NodeHash {
  const input = new Uint8Array(1 + 2 * hashLength);
  input[0] = 1;
  return (left, right) => {
    if (left.length !== hashLength || right.length !== hashLength)
      throw new RangeError('a node hash has 32 bytes');
    input.set(left, 1);
    input.set(right, 1 + hashLength);
    return sha256(input);
  };
}

/** The Merkle tree hash (RFC 6962 section 2.1) of all leaves, given as leaf hashes in order. */
export function rootOf(sha256: Sha256, leafHashes: readonly Uint8Array[]): Uint8Array {
  const hashNode = nodeHasher(sha256);
  let level = leafHashes;
  while (level.length > 1) {
    const above: Uint8Array[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const left = level[i];
      const right = level[i + 1];
      // A node without a sibling goes up as it is: that is what splitting at the largest power of two comes to.
      if (left !== undefined) above.push(right === undefined ? left : hashNode(left, right));
    }
    level = above;
  }
  return level[0] ?? emptyRoot(sha256);
}

export type InclusionCode =
  | 'size-out-of-range'
  | 'index-out-of-range'
  | 'hash-length'
  | 'proof-too-short'
  | 'proof-too-long'
  | 'root-mismatch';

/** What an inclusion proof claims: that the leaf is number `index` (from 0) of the tree of `size` leaves with `root`. */
export interface InclusionClaim {
  readonly index: number;
  readonly size: number;
  readonly leafHash: Uint8Array;
  readonly root: Uint8Array;
  /** From the leaf's sibling to the child of the root. */
  readonly proof: readonly Uint8Array[];
}

/**
 * Checks an inclusion proof (RFC 9162 section 2.1.3.2). Sizes above 2^53 - 1 are refused: numbers do not hold them
 * exactly, and no log is that long.
 */
export function verifyInclusion(
  sha256: Sha256,
  claim: InclusionClaim,
): Result<undefined, Refusal<InclusionCode>> {
  const { index, size, proof } = claim;
  if (!isSize(size))
    return refuse('size-out-of-range', `a tree size is a whole number below 2^53, not ${size}`);
  if (!isSize(index) || index >= size)
    return refuse('index-out-of-range', `no leaf ${index} in a tree of ${size}`);
  if (claim.leafHash.length !== hashLength || !areHashes(proof)) return wrongLength;

  const hashNode = nodeHasher(sha256);
  let node = index;
  let last = size - 1;
  let hash = claim.leafHash;
  for (const sibling of proof) {
    if (last === 0)
      return refuse('proof-too-long', `${proof.length} hashes are too many for leaf ${index} of ${size}`);
    if (isOdd(node) || node === last) {
      hash = hashNode(sibling, hash);
      while (!isOdd(node) && node !== 0) {
        node = half(node);
        last = half(last);
      }
    } else {
      hash = hashNode(hash, sibling);
    }
    node = half(node);
    last = half(last);
  }
  if (last !== 0)
    return refuse('proof-too-short', `${proof.length} hashes are too few for leaf ${index} of ${size}`);
  if (!equalBytes(hash, claim.root))
    return refuse('root-mismatch', `the proof of leaf ${index} leads to another root`);
  return ok(undefined);
}

export type ConsistencyCode =
  | 'size-out-of-range'
  | 'old-larger-than-new'
  | 'old-tree-empty'
  | 'same-size-different-roots'
  | 'hash-length'
  | 'proof-too-short'
  | 'proof-too-long'
  | 'old-root-mismatch'
  | 'new-root-mismatch';

/** What a consistency proof claims: that the new tree begins with all leaves of the old one, in the same order. */
export interface ConsistencyClaim {
  readonly oldSize: number;
  readonly newSize: number;
  readonly oldRoot: Uint8Array;
  readonly newRoot: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/**
 * Checks a consistency proof (RFC 9162 section 2.1.4.2). Two trees of one size are consistent when their roots are
 * the same and the proof is empty; for size 0 the root must be that of the empty tree. From an empty tree to a
 * larger one nothing can be proven, so it is refused as `old-tree-empty`: a caller who starts from nothing has
 * nothing to compare with, and says so himself.
 */
export function verifyConsistency(
  sha256: Sha256,
  claim: ConsistencyClaim,
): Result<undefined, Refusal<ConsistencyCode>> {
  const { oldSize, newSize, proof } = claim;
  if (!isSize(oldSize) || !isSize(newSize)) {
    return refuse(
      'size-out-of-range',
      `tree sizes are whole numbers below 2^53, not ${oldSize} and ${newSize}`,
    );
  }
  if (oldSize > newSize)
    return refuse('old-larger-than-new', `a log of ${oldSize} cannot become one of ${newSize}`);
  if (oldSize === newSize) return verifySameSize(sha256, claim);
  if (oldSize === 0) return refuse('old-tree-empty', 'nothing can be proven about an empty tree');
  if (!areHashes(proof) || claim.oldRoot.length !== hashLength) return wrongLength;
  return verifyGrowth(nodeHasher(sha256), claim);
}

function verifySameSize(
  sha256: Sha256,
  claim: ConsistencyClaim,
): Result<undefined, Refusal<ConsistencyCode>> {
  const { oldSize, oldRoot, newRoot, proof } = claim;
  if (proof.length > 0) return refuse('proof-too-long', 'two trees of one size are compared without a proof');
  if (!equalBytes(oldRoot, newRoot)) {
    return refuse('same-size-different-roots', `two trees of ${oldSize} leaves have different roots`);
  }
  if (oldSize === 0 && !equalBytes(oldRoot, emptyRoot(sha256))) {
    return refuse('old-root-mismatch', 'the root is not that of an empty tree');
  }
  return ok(undefined);
}

function verifyGrowth(
  hashNode: NodeHash,
  claim: ConsistencyClaim,
): Result<undefined, Refusal<ConsistencyCode>> {
  const { oldSize, newSize, oldRoot, newRoot, proof } = claim;
  let node = oldSize - 1;
  let last = newSize - 1;
  while (isOdd(node)) {
    node = half(node);
    last = half(last);
  }
  // An old tree that is one complete subtree of the new one begins the path itself, and its root is left out.
  const [first, ...rest] = node === 0 ? [oldRoot, ...proof] : proof;
  const lengths = `${proof.length} hashes from ${oldSize} to ${newSize} leaves`;
  if (first === undefined) return refuse('proof-too-short', `${lengths} are too few`);
  let oldHash = first;
  let newHash = first;
  for (const sibling of rest) {
    if (last === 0) return refuse('proof-too-long', `${lengths} are too many`);
    if (isOdd(node) || node === last) {
      oldHash = hashNode(sibling, oldHash);
      newHash = hashNode(sibling, newHash);
      while (!isOdd(node) && node !== 0) {
        node = half(node);
        last = half(last);
      }
    } else {
      newHash = hashNode(newHash, sibling);
    }
    node = half(node);
    last = half(last);
  }
  if (last !== 0) return refuse('proof-too-short', `${lengths} are too few`);
  if (!equalBytes(oldHash, oldRoot))
    return refuse('old-root-mismatch', 'the proof leads to another old root');
  if (!equalBytes(newHash, newRoot))
    return refuse('new-root-mismatch', 'the proof leads to another new root');
  return ok(undefined);
}

const wrongLength = refuse('hash-length', 'a hash of the proof is not 32 bytes long');
const isSize = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;
const areHashes = (hashes: readonly Uint8Array[]): boolean =>
  hashes.every((hash) => hash.length === hashLength);
// Division instead of shifts: bit operations cut numbers to 32 bits.
const isOdd = (value: number): boolean => value % 2 === 1;
const half = (value: number): number => Math.floor(value / 2);
