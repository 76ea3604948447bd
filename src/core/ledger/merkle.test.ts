import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sha256 } from '../../../test/ledger-crypto.ts';
import { decodeHex, encodeHex } from './encoding.ts';
import {
  emptyRoot,
  leafHash,
  leafHasher,
  nodeHasher,
  rootOf,
  verifyConsistency,
  verifyInclusion,
} from './merkle.ts';

const bytes = (hex: string): Uint8Array => decodeHex(hex) ?? assert.fail(`not hex: ${hex}`);

/** The tree of the Certificate Transparency tests: its entries, and its root at each size from 0 on. */
const entries = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
];
const roots = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];
const leaves = entries.map((entry) => leafHash(sha256, bytes(entry)));
const leaf = (index: number): Uint8Array => leaves[index] ?? assert.fail();
const root = (size: number): Uint8Array => bytes(roots[size] ?? assert.fail());

test('the known tree has its known roots at every size', () => {
  for (let size = 0; size <= leaves.length; size++) {
    assert.equal(encodeHex(rootOf(sha256, leaves.slice(0, size))), roots[size]);
  }
  assert.equal(encodeHex(emptyRoot(sha256)), roots[0]);
  const known = '395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56';
  assert.equal(encodeHex(leafHash(sha256, Buffer.from('L123456'))), known);
});

test('one hasher for entries of any length, in any order, and each hash is a value of its own', () => {
  const hashLeaf = leafHasher(sha256);
  const lengths = [5000, 0, 1023, 1024, 1, 65_535, 3];
  const hashes = lengths.map((length) => hashLeaf(new Uint8Array(length).fill(length & 255)));
  for (const [i, length] of lengths.entries()) {
    const entry = new Uint8Array(length).fill(length & 255);
    assert.deepEqual(hashes[i], sha256(Buffer.concat([Uint8Array.of(0), entry])));
  }
});

test('known inclusion proofs of the tree of 8 are right, for their leaf only', () => {
  const proof = [
    'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
    'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
    'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  ].map(bytes);
  const claim = { index: 5, size: 8, leafHash: leaf(5), root: root(8), proof };
  const code = (change: Partial<typeof claim>): string => {
    const result = verifyInclusion(sha256, { ...claim, ...change });
    return result.ok ? 'ok' : result.error.code;
  };
  assert.equal(code({}), 'ok');
  assert.equal(code({ leafHash: leaf(4) }), 'root-mismatch');
  assert.equal(code({ index: 4 }), 'root-mismatch');
  assert.equal(code({ root: root(7) }), 'root-mismatch');
  assert.equal(code({ size: 9 }), 'proof-too-short');
  assert.equal(code({ proof: proof.slice(1) }), 'proof-too-short');
  assert.equal(code({ proof: [...proof, root(8)] }), 'proof-too-long');
  assert.equal(code({ index: 8 }), 'index-out-of-range');
  assert.equal(code({ index: -1 }), 'index-out-of-range');
  assert.equal(code({ index: 1.5 }), 'index-out-of-range');
  assert.equal(code({ index: Number('18446744073709551615') }), 'index-out-of-range');
  assert.equal(code({ size: 2 ** 53 }), 'size-out-of-range');
  assert.equal(code({ size: Number.NaN }), 'size-out-of-range');
  assert.equal(code({ size: 0, index: 0 }), 'index-out-of-range');
  assert.equal(code({ leafHash: new Uint8Array(0) }), 'hash-length');
  assert.equal(
    code({ proof: [proof[0] ?? assert.fail(), new Uint8Array(33), new Uint8Array(31)] }),
    'hash-length',
  );
});

test('a proof in a tree of more than 2^32 leaves is not cut to 32 bits', () => {
  // The leaf is the last one and so the right child of the root: its only sibling is the subtree of 2^33 leaves.
  const size = 2 ** 33 + 1;
  const sibling = leaf(1);
  const claim = {
    index: 2 ** 33,
    size,
    leafHash: leaf(0),
    root: nodeHasher(sha256)(sibling, leaf(0)),
    proof: [sibling],
  };
  assert.equal(verifyInclusion(sha256, claim).ok, true);
  assert.equal(verifyInclusion(sha256, { ...claim, index: 0 }).ok, false);
  assert.equal(verifyInclusion(sha256, { ...claim, size: 2 }).ok, false);
  const grown = { oldSize: 2 ** 33, newSize: size, oldRoot: sibling, newRoot: claim.root, proof: [leaf(0)] };
  assert.equal(verifyConsistency(sha256, grown).ok, true);
  assert.equal(verifyConsistency(sha256, { ...grown, oldSize: 2 ** 32 }).ok, false);
});

test('known consistency proofs of the tree of 8 are right, for their sizes and roots only', () => {
  const hashNode = nodeHasher(sha256);
  // From 6 to 8: the last complete subtree of the old tree (leaves 4, 5), then its siblings (6, 7) and (0 to 3).
  const proof = [hashNode(leaf(4), leaf(5)), hashNode(leaf(6), leaf(7)), root(4)];
  const claim = { oldSize: 6, newSize: 8, oldRoot: root(6), newRoot: root(8), proof };
  const code = (change: Partial<typeof claim>): string => {
    const result = verifyConsistency(sha256, { ...claim, ...change });
    return result.ok ? 'ok' : result.error.code;
  };
  assert.equal(code({}), 'ok');
  assert.equal(code({ oldRoot: root(5) }), 'old-root-mismatch');
  assert.equal(code({ newRoot: root(7) }), 'new-root-mismatch');
  assert.equal(code({ proof: [] }), 'proof-too-short');
  assert.equal(code({ proof: proof.slice(0, 2) }), 'proof-too-short');
  assert.equal(code({ proof: [...proof, root(1)] }), 'proof-too-long');
  assert.equal(code({ oldSize: 9 }), 'old-larger-than-new');
  assert.equal(code({ oldSize: -1 }), 'size-out-of-range');
  assert.equal(code({ newSize: 2 ** 64 }), 'size-out-of-range');
  assert.equal(code({ oldRoot: new Uint8Array(31) }), 'hash-length');
  assert.equal(code({ proof: [new Uint8Array(33), new Uint8Array(31), root(4)] }), 'hash-length');
  // From 4, the old root itself begins the path and is not in the proof.
  assert.equal(code({ oldSize: 4, oldRoot: root(4), proof: [rootOf(sha256, leaves.slice(4))] }), 'ok');
});

test('two trees of one size have one root and no proof; from an empty tree nothing is proven', () => {
  const code = (
    oldSize: number,
    newSize: number,
    oldRoot: Uint8Array,
    newRoot: Uint8Array,
    proof: Uint8Array[],
  ) => {
    const result = verifyConsistency(sha256, { oldSize, newSize, oldRoot, newRoot, proof });
    return result.ok ? 'ok' : result.error.code;
  };
  assert.equal(code(5, 5, root(5), root(5), []), 'ok');
  assert.equal(code(5, 5, root(5), root(6), []), 'same-size-different-roots');
  assert.equal(code(5, 5, root(5), root(5), [root(5)]), 'proof-too-long');
  assert.equal(code(0, 0, root(0), root(0), []), 'ok');
  assert.equal(code(0, 0, root(1), root(1), []), 'old-root-mismatch');
  assert.equal(code(0, 1, root(0), root(1), []), 'old-tree-empty');
});

test('hashes of a wrong length never become a node', () => {
  assert.throws(() => nodeHasher(sha256)(new Uint8Array(31), new Uint8Array(33)), RangeError);
});
