import { ok, type Result } from '../model/result.ts';
import { emptyRoot, hashLength, nodeHasher, type Sha256 } from './merkle.ts';
import { refuse, type Refusal } from './refusal.ts';

/**
 * A complete subtree: 2^level leaves, from leaf index * 2^level on. Once its last leaf is there, its hash never
 * changes; only such nodes are stored. Level 0 are the leaf hashes.
 */
export interface NodeCoordinate {
  readonly level: number;
  readonly index: number;
}

/** A node to be stored. */
export interface TreeNode extends NodeCoordinate {
  readonly hash: Uint8Array;
}

/** The right edge of a tree: its complete subtrees from left (largest) to right, one for each 1 in `size` in binary. */
export interface Frontier {
  readonly size: number;
  readonly hashes: readonly Uint8Array[];
}

/** The frontier of a tree without leaves. */
export const emptyFrontier: Frontier = { size: 0, hashes: [] };

/** What reads a stored node; `undefined` where it is not there. */
export type ReadNode = (coordinate: NodeCoordinate) => Uint8Array | undefined;

export type MissingNode = Refusal<'missing-node'>;

/** A name for a node, for use as a key of a map. */
export const nodeKey = ({ level, index }: NodeCoordinate): string => `${level}/${index}`;

/**
 * Adds one leaf. `nodes` are the subtrees that this leaf completes, from the leaf itself upwards, to be stored;
 * about two a leaf on average.
 */
export function append(
  sha256: Sha256,
  frontier: Frontier,
  leaf: Uint8Array,
): { readonly nodes: readonly TreeNode[]; readonly frontier: Frontier } {
  return appendAll(sha256, frontier, [leaf]);
}

/** Adds leaves in order: the same as `append` for each. */
export function appendAll(
  sha256: Sha256,
  frontier: Frontier,
  leaves: readonly Uint8Array[],
): { readonly nodes: readonly TreeNode[]; readonly frontier: Frontier } {
  if (!Number.isSafeInteger(frontier.size + leaves.length)) throw new RangeError('the tree is full');
  const hashNode = nodeHasher(sha256);
  const hashes = [...frontier.hashes];
  const nodes: TreeNode[] = [];
  let size = frontier.size;
  for (const leaf of leaves) {
    if (leaf.length !== hashLength) throw new RangeError('a leaf hash has 32 bytes');
    let node: TreeNode = { level: 0, index: size, hash: leaf };
    nodes.push(node);
    while (node.index % 2 === 1) {
      const left = hashes.pop();
      if (left === undefined) throw new Error('the frontier has fewer hashes than its size asks for');
      node = { level: node.level + 1, index: (node.index - 1) / 2, hash: hashNode(left, node.hash) };
      nodes.push(node);
    }
    hashes.push(node.hash);
    size++;
  }
  return { nodes, frontier: { size, hashes } };
}

/** The root of the tree that ends in this frontier. */
export function rootFromFrontier(sha256: Sha256, frontier: Frontier): Uint8Array {
  return foldRight(sha256, frontier.hashes) ?? emptyRoot(sha256);
}

/** The nodes that make the frontier of a tree of `size` leaves, left to right: what to read after a restart. */
export const frontierNodes = (size: number): readonly NodeCoordinate[] => {
  requireSize(size);
  return completeSubtrees(0, size);
};

/** Reads the frontier of a tree of `size` leaves back from the stored nodes. */
export function readFrontier(size: number, readNode: ReadNode): Result<Frontier, MissingNode> {
  const hashes = readAll(frontierNodes(size), readNode);
  return hashes.ok ? ok({ size, hashes: hashes.value }) : hashes;
}

/**
 * Which stored nodes a proof needs: one list for each of its hashes. A list of more than one stands for the
 * incomplete right edge of the tree, whose hash is folded from the complete subtrees in it, left to right.
 */
export type ProofNodes = readonly (readonly NodeCoordinate[])[];

/** Nodes of the inclusion proof of a leaf (RFC 9162 section 2.1.3.1). Throws where the tree has no such leaf. */
export function inclusionProofNodes(index: number, size: number): ProofNodes {
  requireSize(size);
  if (!Number.isSafeInteger(index) || index < 0 || index >= size) {
    throw new RangeError(`no leaf ${index} in a tree of ${size}`);
  }
  const fromRoot: (readonly NodeCoordinate[])[] = [];
  let begin = 0;
  let end = size;
  while (end - begin > 1) {
    const middle = begin + largestPowerBelow(end - begin);
    if (index < middle) {
      fromRoot.push(completeSubtrees(middle, end));
      end = middle;
    } else {
      fromRoot.push(completeSubtrees(begin, middle));
      begin = middle;
    }
  }
  return fromRoot.reverse();
}

/**
 * Nodes of the consistency proof between two sizes (RFC 9162 section 2.1.4.1); none where the sizes are the same or
 * the old tree is empty. Throws where the old size is larger than the new one.
 */
export function consistencyProofNodes(oldSize: number, newSize: number): ProofNodes {
  requireSize(oldSize);
  requireSize(newSize);
  if (oldSize > newSize) throw new RangeError(`a log of ${oldSize} cannot become one of ${newSize}`);
  if (oldSize === 0) return [];
  const fromRoot: (readonly NodeCoordinate[])[] = [];
  let begin = 0;
  let end = newSize;
  while (end !== oldSize) {
    const middle = begin + largestPowerBelow(end - begin);
    if (oldSize <= middle) {
      fromRoot.push(completeSubtrees(middle, end));
      end = middle;
    } else {
      fromRoot.push(completeSubtrees(begin, middle));
      begin = middle;
    }
  }
  // What is left is the old tree itself, whose root the verifier has, or its last complete subtree, which he has not.
  if (begin !== 0) fromRoot.push(completeSubtrees(begin, end));
  return fromRoot.reverse();
}

/** The inclusion proof of a leaf, from its sibling upwards. Throws where the tree has no such leaf. */
export const inclusionProof = (
  sha256: Sha256,
  index: number,
  size: number,
  readNode: ReadNode,
): Result<readonly Uint8Array[], MissingNode> =>
  proofFromNodes(sha256, inclusionProofNodes(index, size), readNode);

/** The consistency proof between two sizes. Throws where the old size is larger than the new one. */
export const consistencyProof = (
  sha256: Sha256,
  oldSize: number,
  newSize: number,
  readNode: ReadNode,
): Result<readonly Uint8Array[], MissingNode> =>
  proofFromNodes(sha256, consistencyProofNodes(oldSize, newSize), readNode);

/** Makes a proof of nodes that were listed before and read since, say in one query. */
export function proofFromNodes(
  sha256: Sha256,
  nodes: ProofNodes,
  readNode: ReadNode,
): Result<readonly Uint8Array[], MissingNode> {
  const proof: Uint8Array[] = [];
  for (const parts of nodes) {
    const hashes = readAll(parts, readNode);
    if (!hashes.ok) return hashes;
    const hash = foldRight(sha256, hashes.value);
    if (hash !== undefined) proof.push(hash);
  }
  return ok(proof);
}

function readAll(
  coordinates: readonly NodeCoordinate[],
  readNode: ReadNode,
): Result<readonly Uint8Array[], MissingNode> {
  const hashes: Uint8Array[] = [];
  for (const coordinate of coordinates) {
    const hash = readNode(coordinate);
    if (hash === undefined)
      return refuse('missing-node', `node ${nodeKey(coordinate)} (level/index) is not stored`);
    hashes.push(hash);
  }
  return ok(hashes);
}

function foldRight(sha256: Sha256, hashes: readonly Uint8Array[]): Uint8Array | undefined {
  const hashNode = nodeHasher(sha256);
  let root = hashes.at(-1);
  for (let i = hashes.length - 2; i >= 0; i--) {
    const left = hashes[i];
    if (left !== undefined && root !== undefined) root = hashNode(left, root);
  }
  return root;
}

/** The complete subtrees that cover leaves [begin, end), left to right. `begin` is a multiple of the largest. */
function completeSubtrees(begin: number, end: number): readonly NodeCoordinate[] {
  const nodes: NodeCoordinate[] = [];
  let from = begin;
  while (from < end) {
    let level = 0;
    let leaves = 1;
    while (leaves * 2 <= end - from) {
      leaves *= 2;
      level++;
    }
    nodes.push({ level, index: from / leaves });
    from += leaves;
  }
  return nodes;
}

function largestPowerBelow(count: number): number {
  let power = 1;
  while (power * 2 < count) power *= 2;
  return power;
}

function requireSize(size: number): void {
  if (!Number.isSafeInteger(size) || size < 0)
    throw new RangeError(`a tree size is a whole number, not ${size}`);
}
