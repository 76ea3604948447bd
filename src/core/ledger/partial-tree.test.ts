import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { sha256 } from '../../../test/ledger-crypto.ts';
import { equalBytes } from './encoding.ts';
import { rootOf } from './merkle.ts';
import { nodesBeside, rootFromLeaves } from './partial-tree.ts';
import { appendAll, emptyFrontier, nodeKey } from './tree.ts';

const hashes = Array.from({ length: 70 }, (_, i) => sha256(Uint8Array.of(i)));
const placed = (indexes: readonly number[]) =>
  indexes.map((index) => ({ index, hash: hashes[index] ?? Uint8Array.of() }));

const trees = fc
  .integer({ min: 1, max: hashes.length })
  .chain((size) => fc.tuple(fc.constant(size), fc.subarray(Array.from({ length: size }, (_, i) => i))));

test('any leaves and the nodes beside them give the root, and no node is given that is not needed', () => {
  fc.assert(
    fc.property(trees, ([size, indexes]) => {
      const leaves = hashes.slice(0, size);
      const stored = new Map(appendAll(sha256, emptyFrontier, leaves).nodes.map((n) => [nodeKey(n), n.hash]));
      const given = new Map(nodesBeside(indexes, size).map((n) => [nodeKey(n), stored.get(nodeKey(n))]));
      const root = rootFromLeaves(sha256, size, placed(indexes), (n) => given.get(nodeKey(n)));
      assert.ok(root.ok);
      assert.deepEqual(root.value, rootOf(sha256, leaves));
      for (const key of given.keys()) {
        const less = rootFromLeaves(sha256, size, placed(indexes), (n) =>
          nodeKey(n) === key ? undefined : given.get(nodeKey(n)),
        );
        assert.deepEqual(less.ok ? '' : less.error.code, 'missing-node');
      }
    }),
  );
});

test('a leaf that is not the one of its index gives another root', () => {
  fc.assert(
    fc.property(trees, fc.nat(), ([size, indexes], which) => {
      fc.pre(indexes.length > 0);
      const leaves = hashes.slice(0, size);
      const stored = new Map(appendAll(sha256, emptyFrontier, leaves).nodes.map((n) => [nodeKey(n), n.hash]));
      const forged = placed(indexes).map((leaf, i) =>
        i === which % indexes.length ? { ...leaf, hash: sha256(leaf.hash) } : leaf,
      );
      const root = rootFromLeaves(sha256, size, forged, (n) => stored.get(nodeKey(n)));
      assert.ok(root.ok);
      assert.equal(equalBytes(root.value, rootOf(sha256, leaves)), false);
    }),
  );
});

test('leaves out of order, twice, or outside the tree are a bug of the caller', () => {
  for (const indexes of [[1, 0], [2, 2], [5], [-1]]) {
    assert.throws(() => nodesBeside(indexes, 5), RangeError);
    assert.throws(() => rootFromLeaves(sha256, 5, placed(indexes), () => undefined), RangeError);
  }
  assert.deepEqual(nodesBeside([], 0), []);
});
