import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { sha256, verifyEd25519 } from '../../../test/ledger-crypto.ts';
import { formatCheckpoint, openCheckpoint, type OpenCheckpoint, type TrustedLog } from './checkpoint.ts';
import { decodeUtf8 } from './encoding.ts';
import { leafHash, rootOf, verifyConsistency, verifyInclusion } from './merkle.ts';
import { parseVerifierKey } from './verifier-key.ts';
import {
  appendAll,
  consistencyProof,
  emptyFrontier,
  inclusionProof,
  nodeKey,
  rootFromFrontier,
  type ReadNode,
} from './tree.ts';

/**
 * Vectors of other implementations, in the folder that the environment variable VECTORS names:
 * `merkle/testdata` of github.com/transparency-dev/merkle and `tessera/testdata` of github.com/transparency-dev/tessera.
 */
const folder = process.env['VECTORS'];

if (folder !== undefined && folder !== '') {
  merkleVectors(join(folder, 'merkle', 'testdata'));
  tesseraLog(join(folder, 'tessera', 'testdata', 'log'));
} else if (process.env['CI'] === 'true') {
  test('vectors of other implementations', () => {
    assert.fail('in CI the environment variable VECTORS must name the folder of the vectors');
  });
} else {
  console.log('not run: vectors of other implementations (VECTORS names no folder)');
}

interface InclusionVector {
  readonly leafIdx: number;
  readonly treeSize: number;
  readonly root: string;
  readonly leafHash: string;
  readonly proof: readonly string[] | null;
  readonly wantErr: boolean;
}

interface ConsistencyVector {
  readonly size1: number;
  readonly size2: number;
  readonly root1: string;
  readonly root2: string;
  readonly proof: readonly string[] | null;
  readonly wantErr: boolean;
}

function jsonFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

function merkleVectors(testdata: string): void {
  const bytes = (base64: string): Uint8Array => Buffer.from(base64, 'base64');
  // An index of 2^64 - 1 becomes 2^64 in JSON.parse; neither is a safe integer, so both are refused.
  const read = (file: string): unknown => JSON.parse(readFileSync(file, 'utf8'));

  test('inclusion and consistency vectors: 196 files, none contradicts', () => {
    const inclusion = jsonFiles(join(testdata, 'inclusion'));
    const consistency = jsonFiles(join(testdata, 'consistency'));
    let right = 0;
    for (const file of inclusion) {
      const vector = read(file) as InclusionVector;
      const result = verifyInclusion(sha256, {
        index: vector.leafIdx,
        size: vector.treeSize,
        leafHash: bytes(vector.leafHash),
        root: bytes(vector.root),
        proof: (vector.proof ?? []).map(bytes),
      });
      assert.equal(result.ok, !vector.wantErr, file);
      right += result.ok ? 1 : 0;
    }
    for (const file of consistency) {
      const vector = read(file) as ConsistencyVector;
      const result = verifyConsistency(sha256, {
        oldSize: vector.size1,
        newSize: vector.size2,
        oldRoot: bytes(vector.root1),
        newRoot: bytes(vector.root2),
        proof: (vector.proof ?? []).map(bytes),
      });
      assert.equal(result.ok, !vector.wantErr, file);
      right += result.ok ? 1 : 0;
    }
    assert.equal(inclusion.length + consistency.length, 196);
    assert.ok(right > 0 && right < 196, `${right} are right: both answers must occur`);
  });
}

function tesseraLog(log: string): void {
  const trusted = (): TrustedLog => {
    const vkey = 'example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx';
    const key = parseVerifierKey(sha256, vkey);
    return key.ok
      ? { origin: 'example.com/log/testdata', keys: [key.value] }
      : assert.fail(key.error.message);
  };
  const checkpoints = (): OpenCheckpoint[] =>
    Array.from({ length: 16 }, (_, size) => {
      const note = decodeUtf8(readFileSync(join(log, `checkpoint.${size}`)));
      const opened = openCheckpoint(verifyEd25519, note ?? assert.fail('not UTF-8'), trusted());
      return opened.ok ? opened.value : assert.fail(`checkpoint ${size}: ${opened.error.message}`);
    });
  const leaves = (): Uint8Array[] => {
    // Entries of C2SP tlog-tiles: each with its length in front, 16 bits big-endian.
    const bundle = readFileSync(join(log, 'tile', 'entries', '000.p', '15'));
    const hashes: Uint8Array[] = [];
    for (let at = 0; at < bundle.length;) {
      const end = at + 2 + bundle.readUInt16BE(at);
      hashes.push(leafHash(sha256, bundle.subarray(at + 2, end)));
      at = end;
    }
    return hashes;
  };

  test('a log of Tessera: all 16 checkpoints are signed, and their roots are those of the entries', () => {
    const hashes = leaves();
    assert.equal(hashes.length, 15);
    assert.deepEqual(Buffer.concat(hashes), readFileSync(join(log, 'tile', '0', '000.p', '15')));
    for (const [size, checkpoint] of checkpoints().entries()) {
      assert.equal(checkpoint.size, size);
      assert.deepEqual(Buffer.from(checkpoint.root), Buffer.from(rootOf(sha256, hashes.slice(0, size))));
      const { frontier } = appendAll(sha256, emptyFrontier, hashes.slice(0, size));
      assert.deepEqual(Buffer.from(checkpoint.root), Buffer.from(rootFromFrontier(sha256, frontier)));
      assert.ok(
        readFileSync(join(log, `checkpoint.${size}`), 'utf8').startsWith(`${formatCheckpoint(checkpoint)}\n`),
      );
    }
  });

  test('a log of Tessera: every size is consistent with every earlier one, every entry is included', () => {
    const hashes = leaves();
    const nodes = appendAll(sha256, emptyFrontier, hashes).nodes;
    const stored = new Map(nodes.map((node) => [nodeKey(node), node.hash]));
    const readNode: ReadNode = (node) => stored.get(nodeKey(node));
    const all = checkpoints();
    let proofs = 0;
    for (const newer of all) {
      for (const older of all.slice(1, newer.size + 1)) {
        const proof = consistencyProof(sha256, older.size, newer.size, readNode);
        assert.ok(proof.ok);
        const claim = { oldSize: older.size, newSize: newer.size, oldRoot: older.root, newRoot: newer.root };
        assert.deepEqual(verifyConsistency(sha256, { ...claim, proof: proof.value }), {
          ok: true,
          value: undefined,
        });
        proofs++;
      }
      for (const [index, hash] of hashes.slice(0, newer.size).entries()) {
        const proof = inclusionProof(sha256, index, newer.size, readNode);
        assert.ok(proof.ok);
        const claim = { index, size: newer.size, leafHash: hash, root: newer.root, proof: proof.value };
        assert.deepEqual(verifyInclusion(sha256, claim), { ok: true, value: undefined });
        proofs++;
      }
    }
    assert.equal(proofs, 240);
  });
}
