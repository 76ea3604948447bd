import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { sha256 } from '../../../test/ledger-crypto.ts';
import { leafHash, rootOf, verifyConsistency, verifyInclusion } from './merkle.ts';
import {
  append,
  appendAll,
  consistencyProof,
  consistencyProofNodes,
  emptyFrontier,
  frontierNodes,
  inclusionProof,
  inclusionProofNodes,
  nodeKey,
  proofFromNodes,
  readFrontier,
  rootFromFrontier,
  type ReadNode,
} from './tree.ts';

const largest = 130;
const leaves = Array.from({ length: largest }, (_, i) => leafHash(sha256, Uint8Array.of(i >> 8, i & 255)));
const roots = Array.from({ length: largest + 1 }, (_, size) => rootOf(sha256, leaves.slice(0, size)));
const stored = new Map(
  appendAll(sha256, emptyFrontier, leaves).nodes.map((node) => [nodeKey(node), node.hash]),
);
const readNode: ReadNode = (coordinate) => stored.get(nodeKey(coordinate));

const root = (size: number): Uint8Array => roots[size] ?? assert.fail();
const leaf = (index: number): Uint8Array => leaves[index] ?? assert.fail();
const inclusion = (index: number, size: number): readonly Uint8Array[] => {
  const proof = inclusionProof(sha256, index, size, readNode);
  return proof.ok ? proof.value : assert.fail(proof.error.message);
};
const consistency = (oldSize: number, newSize: number): readonly Uint8Array[] => {
  const proof = consistencyProof(sha256, oldSize, newSize, readNode);
  return proof.ok ? proof.value : assert.fail(proof.error.message);
};
/** The same hashes with one bit of one of them turned; `bit` counts over all. */
const flip = (hashes: readonly Uint8Array[], bit: number): Uint8Array[] =>
  hashes.map((hash, i) => {
    if (Math.floor(bit / 256) !== i) return hash;
    const changed = Uint8Array.from(hash);
    const at = Math.floor((bit % 256) / 8);
    changed[at] = (changed[at] ?? 0) ^ (1 << (bit % 8));
    return changed;
  });

test('a tree that grows leaf by leaf has at each size the root of the definition', () => {
  let frontier = emptyFrontier;
  assert.deepEqual(rootFromFrontier(sha256, frontier), root(0));
  const nodes = [];
  for (const [index, hash] of leaves.entries()) {
    const step = append(sha256, frontier, hash);
    frontier = step.frontier;
    nodes.push(...step.nodes);
    assert.equal(frontier.size, index + 1);
    assert.deepEqual(rootFromFrontier(sha256, frontier), root(index + 1));
  }
  assert.equal(new Set(nodes.map(nodeKey)).size, nodes.length, 'no node is stored twice');
  assert.deepEqual(new Map(nodes.map((node) => [nodeKey(node), node.hash])), stored);
});

test('each stored node is the root of the leaves under it', () => {
  const { nodes } = appendAll(sha256, emptyFrontier, leaves);
  for (const { level, index, hash } of nodes) {
    const width = 2 ** level;
    assert.deepEqual(hash, rootOf(sha256, leaves.slice(index * width, (index + 1) * width)));
  }
});

test('appending in groups of any size is appending one by one; the frontier is read back at any size', () => {
  fc.assert(
    fc.property(fc.nat(largest), fc.nat(largest), (a, b) => {
      const [from, to] = a < b ? [a, b] : [b, a];
      const start = readFrontier(from, readNode);
      assert.ok(start.ok);
      const { frontier } = appendAll(sha256, start.value, leaves.slice(from, to));
      assert.deepEqual(readFrontier(to, readNode), { ok: true, value: frontier });
      assert.deepEqual(rootFromFrontier(sha256, frontier), root(to));
    }),
  );
});

test('every leaf of every size is proven to be included', () => {
  for (let size = 1; size <= largest; size++) {
    for (let index = 0; index < size; index++) {
      const claim = { index, size, leafHash: leaf(index), root: root(size), proof: inclusion(index, size) };
      assert.deepEqual(verifyInclusion(sha256, claim), { ok: true, value: undefined });
    }
  }
});

test('every size is proven consistent with every smaller one', () => {
  for (let newSize = 1; newSize <= largest; newSize++) {
    for (let oldSize = 1; oldSize <= newSize; oldSize++) {
      const proof = consistency(oldSize, newSize);
      const claim = { oldSize, newSize, oldRoot: root(oldSize), newRoot: root(newSize), proof };
      assert.deepEqual(verifyConsistency(sha256, claim), { ok: true, value: undefined });
    }
  }
});

const sizes = fc.integer({ min: 1, max: largest });

test('an inclusion proof with any bit or the index changed, a hash more or less, or for another root fails', () => {
  fc.assert(
    fc.property(
      sizes,
      fc.nat(),
      fc.nat(),
      sizes,
      fc.nat(),
      (size, anyIndex, anyBit, otherSize, otherIndex) => {
        const index = anyIndex % size;
        const proof = inclusion(index, size);
        const claim = { index, size, leafHash: leaf(index), root: root(size), proof };
        const all = [claim.leafHash, claim.root, ...proof];
        const [leafChanged, rootChanged, ...proofChanged] = flip(all, anyBit % (all.length * 256));
        const mutated = {
          ...claim,
          leafHash: leafChanged ?? assert.fail(),
          root: rootChanged ?? assert.fail(),
          proof: proofChanged,
        };
        assert.equal(verifyInclusion(sha256, mutated).ok, false);
        if (otherIndex % size !== index) {
          assert.equal(verifyInclusion(sha256, { ...claim, index: otherIndex % size }).ok, false);
        }
        assert.equal(verifyInclusion(sha256, { ...claim, proof: [...proof, root(otherSize)] }).ok, false);
        if (proof.length > 0)
          assert.equal(verifyInclusion(sha256, { ...claim, proof: proof.slice(1) }).ok, false);
        if (otherSize !== size)
          assert.equal(verifyInclusion(sha256, { ...claim, root: root(otherSize) }).ok, false);
      },
    ),
    { numRuns: 500 },
  );
});

test('a consistency proof with any bit changed, or a hash more or less, fails', () => {
  fc.assert(
    fc.property(sizes, sizes, fc.nat(), (a, b, anyBit) => {
      fc.pre(a !== b);
      const [oldSize, newSize] = a < b ? [a, b] : [b, a];
      const proof = consistency(oldSize, newSize);
      const claim = { oldSize, newSize, oldRoot: root(oldSize), newRoot: root(newSize), proof };
      const all = [claim.oldRoot, claim.newRoot, ...proof];
      const [oldChanged, newChanged, ...proofChanged] = flip(all, anyBit % (all.length * 256));
      const mutated = {
        ...claim,
        oldRoot: oldChanged ?? assert.fail(),
        newRoot: newChanged ?? assert.fail(),
        proof: proofChanged,
      };
      assert.equal(verifyConsistency(sha256, mutated).ok, false);
      assert.equal(verifyConsistency(sha256, { ...claim, proof: [...proof, root(1)] }).ok, false);
      assert.equal(verifyConsistency(sha256, { ...claim, proof: proof.slice(0, -1) }).ok, false);
      assert.equal(verifyConsistency(sha256, { ...claim, oldRoot: root(newSize) }).ok, false);
    }),
    { numRuns: 500 },
  );
});

test('a proof is made of nodes that were listed and fetched before, and of no others', () => {
  fc.assert(
    fc.property(sizes, fc.nat(), sizes, (size, anyIndex, other) => {
      const index = anyIndex % size;
      const [oldSize, newSize] = other < size ? [other, size] : [size, other];
      for (const [nodes, expected] of [
        [inclusionProofNodes(index, size), inclusion(index, size)],
        [consistencyProofNodes(oldSize, newSize), consistency(oldSize, newSize)],
      ] as const) {
        const fetched = new Map(nodes.flat().map((node) => [nodeKey(node), stored.get(nodeKey(node))]));
        const proof = proofFromNodes(sha256, nodes, (node) => fetched.get(nodeKey(node)));
        assert.deepEqual(proof, { ok: true, value: expected });
      }
    }),
  );
});

test('a node that is not stored is named', () => {
  const missing = inclusionProof(sha256, 5, 7, ({ level, index }) =>
    level === 0 && index === 6 ? undefined : root(0),
  );
  assert.deepEqual(missing, {
    ok: false,
    error: { code: 'missing-node', message: 'node 0/6 (level/index) is not stored' },
  });
  assert.equal(readFrontier(6, () => undefined).ok, false);
});

test('coordinates of worked examples', () => {
  assert.deepEqual(frontierNodes(13).map(nodeKey), ['3/0', '2/2', '0/12']);
  assert.deepEqual(inclusionProofNodes(0, 1), []);
  // The tree of 7 leaves of RFC 6962 section 2.1.3: the path of d3 is [c, g, l], that of d6 is [i, k].
  assert.deepEqual(
    inclusionProofNodes(3, 7).map((parts) => parts.map(nodeKey)),
    [['0/2'], ['1/0'], ['1/2', '0/6']],
  );
  assert.deepEqual(
    inclusionProofNodes(6, 7).map((parts) => parts.map(nodeKey)),
    [['1/2'], ['2/0']],
  );
  // Its consistency proofs: from 3 [c, d, g, l], from 4 [l], from 6 [i, j, k].
  assert.deepEqual(
    consistencyProofNodes(3, 7).map((parts) => parts.map(nodeKey)),
    [['0/2'], ['0/3'], ['1/0'], ['1/2', '0/6']],
  );
  assert.deepEqual(
    consistencyProofNodes(4, 7).map((parts) => parts.map(nodeKey)),
    [['1/2', '0/6']],
  );
  assert.deepEqual(
    consistencyProofNodes(6, 7).map((parts) => parts.map(nodeKey)),
    [['1/2'], ['0/6'], ['2/0']],
  );
  assert.deepEqual(consistencyProofNodes(0, 7), []);
  assert.deepEqual(consistencyProofNodes(7, 7), []);
  // Beyond 32 bits.
  assert.deepEqual(frontierNodes(2 ** 40 + 1).map(nodeKey), ['40/0', `0/${2 ** 40}`]);
  assert.equal(inclusionProofNodes(2 ** 52, Number.MAX_SAFE_INTEGER).length, 53);
});

test('sizes and leaves that cannot be are bugs of the caller', () => {
  assert.throws(() => inclusionProofNodes(7, 7), RangeError);
  assert.throws(() => inclusionProofNodes(-1, 7), RangeError);
  assert.throws(() => inclusionProofNodes(0, 2 ** 53), RangeError);
  assert.throws(() => consistencyProofNodes(8, 7), RangeError);
  assert.throws(() => frontierNodes(1.5), RangeError);
  assert.throws(() => append(sha256, emptyFrontier, new Uint8Array(31)), RangeError);
  assert.throws(() => append(sha256, { size: 1, hashes: [] }, leaf(0)), /fewer hashes/);
});
