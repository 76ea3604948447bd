import { ok, type Result } from '../model/result.ts';
import { emptyRoot, nodeHasher, type NodeHash, type Sha256 } from './merkle.ts';
import { refuse } from './refusal.ts';
import { nodeKey, type MissingNode, type NodeCoordinate, type ReadNode } from './tree.ts';

/**
 * Inclusion of many leaves at once. One proof a leaf repeats nearly all of its hashes; here the nodes beside the
 * leaves are given once, and the root is computed once from both. Who gets the signed root that way knows that every
 * leaf stands at its index, as if each had been proven alone.
 */

/** A leaf hash and where in the tree it stands. */
export interface PlacedLeaf {
  readonly index: number;
  /** 32 bytes. */
  readonly hash: Uint8Array;
}

/**
 * The stored nodes that, with the leaves at `indexes`, give the root of a tree of `size` leaves: the largest
 * subtrees without any of them. `indexes` rise. Throws where one is outside the tree or out of order.
 */
export function nodesBeside(indexes: readonly number[], size: number): readonly NodeCoordinate[] {
  requireRising(indexes, size);
  const nodes: NodeCoordinate[] = [];
  const visit = (begin: number, end: number, from: number, to: number): void => {
    const length = end - begin;
    if (from === to && isPower(length)) nodes.push(coordinateOf(begin, length));
    if (length === 1 || (from === to && isPower(length))) return;
    const middle = begin + largestPowerBelow(length);
    const split = firstAtLeast(indexes, middle, from, to);
    visit(begin, middle, from, split);
    visit(middle, end, split, to);
  };
  if (size > 0) visit(0, size, 0, indexes.length);
  return nodes;
}

/** The root of a tree of `size` leaves, from some of its leaves (rising by index) and the nodes beside them. */
export function rootFromLeaves(
  sha256: Sha256,
  size: number,
  leaves: readonly PlacedLeaf[],
  readNode: ReadNode,
): Result<Uint8Array, MissingNode> {
  const indexes = leaves.map((leaf) => leaf.index);
  requireRising(indexes, size);
  if (size === 0) return ok(emptyRoot(sha256));
  const walk = new RootWalk(nodeHasher(sha256), indexes, leaves, readNode);
  const root = walk.hashOf(0, size, 0, leaves.length);
  return root === null ? refuse('missing-node', `node ${walk.missing} (level/index) is not there`) : ok(root);
}

class RootWalk {
  missing = '';
  readonly #hashNode: NodeHash;
  readonly #indexes: readonly number[];
  readonly #leaves: readonly PlacedLeaf[];
  readonly #readNode: ReadNode;

  constructor(
    hashNode: NodeHash,
    indexes: readonly number[],
    leaves: readonly PlacedLeaf[],
    readNode: ReadNode,
  ) {
    this.#hashNode = hashNode;
    this.#indexes = indexes;
    this.#leaves = leaves;
    this.#readNode = readNode;
  }

  /** The hash over tree leaves [begin, end), of which leaves number [from, to) are known. */
  hashOf(begin: number, end: number, from: number, to: number): Uint8Array | null {
    const length = end - begin;
    if (from === to && isPower(length)) {
      const coordinate = coordinateOf(begin, length);
      const node = this.#readNode(coordinate);
      if (node === undefined) this.missing = nodeKey(coordinate);
      return node ?? null;
    }
    if (length === 1) return this.#leaves[from]?.hash ?? null;
    const middle = begin + largestPowerBelow(length);
    const split = firstAtLeast(this.#indexes, middle, from, to);
    const left = this.hashOf(begin, middle, from, split);
    if (left === null) return null;
    const right = this.hashOf(middle, end, split, to);
    return right === null ? null : this.#hashNode(left, right);
  }
}

/** Splitting at the largest power of two keeps every part of such a length aligned: it is a stored node. */
function coordinateOf(begin: number, length: number): NodeCoordinate {
  return { level: Math.log2(length), index: begin / length };
}

function isPower(length: number): boolean {
  return 2 ** Math.floor(Math.log2(length)) === length;
}

function largestPowerBelow(count: number): number {
  let power = 1;
  while (power * 2 < count) power *= 2;
  return power;
}

function firstAtLeast(indexes: readonly number[], least: number, from: number, to: number): number {
  let low = from;
  let high = to;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((indexes[middle] ?? 0) < least) low = middle + 1;
    else high = middle;
  }
  return low;
}

function requireRising(indexes: readonly number[], size: number): void {
  if (!Number.isSafeInteger(size) || size < 0) throw new RangeError(`not a tree size: ${size}`);
  let last = -1;
  for (const index of indexes) {
    if (!Number.isSafeInteger(index) || index <= last || index >= size)
      throw new RangeError(`leaf ${index} after ${last} in a tree of ${size}`);
    last = index;
  }
}
