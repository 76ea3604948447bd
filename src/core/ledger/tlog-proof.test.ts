import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { sha256, signerOf, verifyEd25519 } from '../../../test/ledger-crypto.ts';
import { signCheckpoint } from './checkpoint.ts';
import { leafHash } from './merkle.ts';
import {
  formatTlogProof,
  parseTlogProof,
  tlogProofLimits,
  verifyTlogProof,
  type TlogProof,
} from './tlog-proof.ts';
import { appendAll, emptyFrontier, inclusionProof, nodeKey, rootFromFrontier } from './tree.ts';

const origin = 'log.example/main';
const signer = signerOf(origin, new Uint8Array(32).fill(7));
const trusted = { origin, keys: [signer.key] };
const crypto = { sha256, verify: verifyEd25519 };

const leaves = Array.from({ length: 21 }, (_, i) => leafHash(sha256, Uint8Array.of(i)));
const leaf = (index: number): Uint8Array => leaves[index] ?? assert.fail();
const { nodes, frontier } = appendAll(sha256, emptyFrontier, leaves);
const stored = new Map(nodes.map((node) => [nodeKey(node), node.hash]));
const root = rootFromFrontier(sha256, frontier);
const checkpoint = signCheckpoint({ origin, size: leaves.length, root, extensions: [] }, signer);

function proofOf(index: number): TlogProof {
  const hashes = inclusionProof(sha256, index, leaves.length, (node) => stored.get(nodeKey(node)));
  assert.ok(hashes.ok);
  return { index, hashes: hashes.value, checkpoint };
}

const verifyCode = (text: string, hash: Uint8Array): string => {
  const result = verifyTlogProof(crypto, text, hash, trusted);
  return result.ok ? 'ok' : result.error.code;
};
const parseCode = (text: string): string => {
  const result = parseTlogProof(text);
  return result.ok ? 'ok' : result.error.code;
};

test('the form of a proof', () => {
  const hash = new Uint8Array(32).fill(3);
  const base64 = 'AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM=';
  const bare = formatTlogProof({ index: 0, hashes: [], checkpoint: 'any\n' });
  assert.equal(bare, 'c2sp.org/tlog-proof@v1\nindex 0\n\nany\n');
  const full = formatTlogProof({
    index: 9,
    hashes: [hash, hash],
    checkpoint,
    extra: Uint8Array.of(255, 239),
  });
  assert.equal(full, `c2sp.org/tlog-proof@v1\nextra /+8=\nindex 9\n${base64}\n${base64}\n\n${checkpoint}`);
});

test('every leaf is proven, and proven to be no other', () => {
  for (let index = 0; index < leaves.length; index++) {
    const text = formatTlogProof(proofOf(index));
    const verified = verifyTlogProof(crypto, text, leaf(index), trusted);
    assert.ok(verified.ok);
    assert.deepEqual([verified.value.index, verified.value.checkpoint.size], [index, leaves.length]);
    assert.equal(verifyCode(text, leaf((index + 1) % leaves.length)), 'root-mismatch');
  }
});

test('a proof that was tampered with is refused by its reason', () => {
  const text = formatTlogProof(proofOf(5));
  const foreign = signCheckpoint(
    { origin: 'log.example/other', size: leaves.length, root, extensions: [] },
    signerOf('log.example/other', new Uint8Array(32).fill(9)),
  );
  const posed = signerOf(origin, new Uint8Array(32).fill(9));
  const forged = signCheckpoint({ origin, size: leaves.length, root, extensions: [] }, posed);
  assert.equal(verifyCode(text.replace('index 5', 'index 4'), leaf(5)), 'root-mismatch');
  assert.equal(verifyCode(text.replace('index 5', 'index 21'), leaf(5)), 'index-out-of-range');
  assert.equal(verifyCode(text.replace('\n21\n', '\n22\n'), leaf(5)), 'invalid-signature');
  assert.equal(verifyCode(text.replace(checkpoint, foreign), leaf(5)), 'no-known-signature');
  assert.equal(verifyCode(text.replace(checkpoint, forged), leaf(5)), 'no-known-signature');
  assert.equal(verifyCode(text.replace(/\n[^\n]+\n\n/, '\n\n'), leaf(5)), 'proof-too-short');
  assert.equal(
    verifyCode(formatTlogProof({ ...proofOf(5), hashes: [...proofOf(5).hashes, root] }), leaf(5)),
    'proof-too-long',
  );
});

test('malformed proofs', () => {
  const text = formatTlogProof(proofOf(5));
  const line = text.split('\n')[2] ?? '';
  const malformed: readonly (readonly [string, string])[] = [
    ['', 'not-a-proof'],
    [text.replace('@v1', '@v2'), 'not-a-proof'],
    [`\n${text}`, 'not-a-proof'],
    [text.replaceAll('\n', '\r\n'), 'not-a-proof'],
    [text.replace('index 5\n', ''), 'malformed-index'],
    [text.replace('index 5', 'index 05'), 'malformed-index'],
    [text.replace('index 5', 'index -5'), 'malformed-index'],
    [text.replace('index 5', 'index 18446744073709551615'), 'malformed-index'],
    [text.replace('index 5', 'Index 5'), 'malformed-index'],
    [text.replace('index 5', 'extra AAAA\nextra AAAA\nindex 5'), 'malformed-index'],
    [text.replace('index 5', 'index 5\nextra AAAA'), 'malformed-hash'],
    [text.replace('index 5', 'extra !!\nindex 5'), 'malformed-extra'],
    [text.replace(line, `${line} `), 'malformed-hash'],
    [text.replace(line, line.slice(4)), 'malformed-hash'],
    [text.slice(0, text.indexOf('\n\n')), 'no-checkpoint'],
    [text.slice(0, text.indexOf('\n\n') + 2), 'no-checkpoint'],
  ];
  for (const [proof, code] of malformed) assert.equal(parseCode(proof), code, JSON.stringify(proof));
});

test('limits: 53 hashes are read, one more is not, nor a text that is too long', () => {
  const hashes = Array.from({ length: tlogProofLimits.hashes }, () => root);
  const text = formatTlogProof({ index: 0, hashes, checkpoint });
  assert.equal(parseCode(text), 'ok');
  const line = text.split('\n')[2] ?? '';
  assert.equal(parseCode(text.replace(line, `${line}\n${line}`)), 'malformed-hash');
  assert.equal(parseCode(text + 'x'.repeat(tlogProofLimits.characters)), 'proof-too-large');
  assert.throws(() => formatTlogProof({ index: 0, hashes: [...hashes, root], checkpoint }), RangeError);
  assert.throws(() => formatTlogProof({ index: -1, hashes, checkpoint }), RangeError);
  assert.throws(() => formatTlogProof({ index: 0, hashes, checkpoint: '' }), RangeError);
});

test('what is written is read back', () => {
  const extra = fc.option(fc.uint8Array({ maxLength: 40 }), { nil: undefined });
  const hashes = fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), { maxLength: 53 });
  fc.assert(
    fc.property(fc.maxSafeNat(), hashes, extra, (index, hashes, extra) => {
      const proof: TlogProof = { index, hashes, checkpoint, ...(extra === undefined ? {} : { extra }) };
      const read = parseTlogProof(formatTlogProof(proof));
      assert.deepEqual(read, { ok: true, value: proof });
    }),
  );
});

test('any changed character is noticed, but for the extra data, which nothing authenticates', () => {
  const text = formatTlogProof({ ...proofOf(6), extra: Uint8Array.of(1, 2, 3) });
  for (let i = 0; i < text.length; i++) {
    const mutated = `${text.slice(0, i)}${text[i] === 'A' ? 'B' : 'A'}${text.slice(i + 1)}`;
    const inExtra = i >= text.indexOf('extra ') + 6 && i < text.indexOf('\nindex');
    assert.equal(verifyCode(mutated, leaf(6)) === 'ok', inExtra, `character ${i}`);
  }
});
