import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeCrypto } from './crypto.ts';

// RFC 8032 section 7.1, test 2: one byte, 0x72.
const publicKey = Buffer.from(
  '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
  'hex',
).toString('base64');
const signature = Buffer.from(
  '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  'hex',
).toString('base64');

test('a digest is that of the UTF-8 bytes', () => {
  assert.equal(
    nodeCrypto.digest('abc'),
    'sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  );
  assert.equal(
    nodeCrypto.digest('é'),
    'sha256:4a99557e4033c3539de2eb65472017cad5f9557f7a0625a09f1c3f6e2ba69c4c',
  );
});

test('the published Ed25519 vector verifies, twice alike, and nothing near it does', () => {
  assert.equal(nodeCrypto.verifyEd25519(publicKey, 'r', signature), true);
  assert.equal(nodeCrypto.verifyEd25519(publicKey, 'r', signature), true);
  assert.equal(nodeCrypto.verifyEd25519(publicKey, 's', signature), false);
  assert.equal(nodeCrypto.verifyEd25519(publicKey, 'r', `B${signature.slice(1)}`), false);
});

test('malformed keys and signatures are false, never an exception', () => {
  for (const key of ['', 'AAAA', 'not base64', publicKey.replace('=', ''), publicKey.replace(/./, '-')])
    assert.equal(nodeCrypto.verifyEd25519(key, 'r', signature), false);
  for (const bad of ['', 'AAAA', signature.slice(0, -2), `${signature} `, signature.slice(4)])
    assert.equal(nodeCrypto.verifyEd25519(publicKey, 'r', bad), false);
});

test('base64 is decoded strictly', () => {
  assert.equal(nodeCrypto.decodeBase64('aMOp'), 'hé');
  assert.equal(nodeCrypto.decodeBase64(''), '');
  // A byte order mark is a character like any other, or the text would not be the bytes that were signed.
  assert.equal(nodeCrypto.decodeBase64('77u/YQ=='), '\uFEFFa');
  for (const bad of ['aMOp=', 'aMO', 'aM Op', 'aGk', 'aGl=', 'a-_b', '/w==', 'gICA'])
    assert.equal(nodeCrypto.decodeBase64(bad), null, bad);
});
