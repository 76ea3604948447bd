import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { sha256, signerOf, verifyEd25519 } from '../../../test/ledger-crypto.ts';
import { encodeBase64, encodeHex } from './encoding.ts';
import { formatNote, noteLimits, openNote, parseNote, signNote } from './note.ts';
import {
  formatVerifierKey,
  isKeyName,
  parseVerifierKey,
  verifierKey,
  type VerifierKey,
} from './verifier-key.ts';

const log = signerOf('log.example/main', new Uint8Array(32).fill(7));
const witness = signerOf('witness.example', new Uint8Array(32).fill(8));
const text = 'a first line\n\nand, after an empty one, a last\n';
const signed = signNote(text, [log, witness]);
const [logLine = '', witnessLine = ''] = signed.slice(text.length + 1).match(/.*\n/g) ?? [];

const parseCode = (note: string): string => {
  const result = parseNote(note);
  return result.ok ? 'ok' : result.error.code;
};
const openCode = (note: string, keys: readonly VerifierKey[]): string => {
  const result = openNote(verifyEd25519, note, keys);
  return result.ok ? 'ok' : result.error.code;
};
const keyCode = (key: string): string => {
  const result = parseVerifierKey(sha256, key);
  return result.ok ? 'ok' : result.error.code;
};

/** A checkpoint of the test log of the Tessera project, and its key: made by another implementation. */
const foreignKey = 'example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx';
const foreignNote = `example.com/log/testdata
15
rKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=

\u2014 example.com/log/testdata M9e0luh4jTG+UMBqOUo9/q+yAEvx1ilBEniMvjf1zfcBOhg+CKubMt53MvIt/uEWP6zdkdIQzd/fmwlM/dlPWF74ewI=
`;

test('a note of another implementation opens, and is written back as it was', () => {
  const key = parseVerifierKey(sha256, foreignKey);
  assert.ok(key.ok);
  assert.deepEqual([key.value.name, key.value.keyId], ['example.com/log/testdata', '33d7b496']);
  assert.equal(formatVerifierKey(key.value), foreignKey);
  const note = openNote(verifyEd25519, foreignNote, [key.value]);
  assert.ok(note.ok);
  assert.deepEqual(note.value.signedBy, [key.value]);
  assert.equal(formatNote(note.value), foreignNote);
});

test('a key with any character changed, or cut anywhere, is refused', () => {
  const key = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
  assert.equal(keyCode(key), 'ok');
  for (let i = 0; i < key.length; i++) {
    assert.notEqual(keyCode(key.slice(0, i)), 'ok');
    if (i > 0) assert.notEqual(keyCode(key.slice(i)), 'ok');
    for (const char of ['A', 'b', '0', '+', ' ', '=', '\n']) {
      if (char !== key[i]) assert.notEqual(keyCode(key.slice(0, i) + char + key.slice(i + 1)), 'ok');
    }
  }
  assert.equal(keyCode(key.replace('c74f20a3', 'c74f20a4')), 'key-id-mismatch');
  assert.equal(keyCode(key.replace('c74f20a3', 'C74F20A3')), 'malformed-key');
  assert.equal(keyCode(`${key}\n`), 'malformed-key');
  // Keys that are no Ed25519 keys, each with the key id that fits it.
  const withId = (typed: Uint8Array): string => {
    const id = encodeHex(sha256(Buffer.concat([Buffer.from('a\n'), typed])).slice(0, 4));
    return `a+${id}+${encodeBase64(typed)}`;
  };
  assert.equal(keyCode(withId(new Uint8Array(33).fill(1))), 'ok');
  assert.equal(keyCode(withId(new Uint8Array(34).fill(1))), 'malformed-key');
  assert.equal(keyCode(withId(new Uint8Array(32).fill(1))), 'malformed-key');
  assert.equal(keyCode(withId(new Uint8Array(33).fill(4))), 'unknown-algorithm');
});

test('names of keys', () => {
  for (const name of ['a', 'log.example/main', 'å', '\u{1F511}']) assert.equal(isKeyName(name), true, name);
  for (const name of [
    '',
    'a b',
    'a+b',
    'a\u00a0b',
    'a\u2028b',
    'a\u3000',
    'a\u0085',
    '\t',
    'a\u0000',
    '\ud800',
  ]) {
    assert.equal(isKeyName(name), false, JSON.stringify(name));
  }
  assert.throws(() => verifierKey(sha256, 'a b', log.key.publicKey), RangeError);
  assert.throws(() => verifierKey(sha256, 'a', new Uint8Array(31)), RangeError);
});

test('a note names the known keys that signed it', () => {
  const signers = (note: string, keys: readonly VerifierKey[]) => {
    const result = openNote(verifyEd25519, note, keys);
    return result.ok ? result.value.signedBy.map((key) => key.name) : result.error.code;
  };
  assert.equal(signed, `${text}\n${logLine}${witnessLine}`);
  assert.deepEqual(signers(signed, [log.key]), ['log.example/main']);
  assert.deepEqual(signers(signed, [witness.key, log.key]), ['log.example/main', 'witness.example']);
  assert.deepEqual(signers(signed, []), 'no-known-signature');
  // The same signature twice is one key's: a quorum counts keys.
  assert.deepEqual(signers(`${text}\n${logLine}${logLine}`, [log.key, log.key]), ['log.example/main']);
});

test('a known key must be right; one that shares only name or id is a stranger', () => {
  const other = signerOf('log.example/main', new Uint8Array(32).fill(9));
  assert.equal(openCode(signNote(text, [other]), [log.key]), 'no-known-signature');
  const changed = signed.replace('a first', 'a worst');
  assert.equal(openCode(changed, [log.key]), 'invalid-signature');
  // Right and wrong by the same key: the wrong one is not passed over.
  const wrongLine = signNote('another\n', [log]).slice('another\n\n'.length);
  assert.equal(openCode(`${text}\n${logLine}${wrongLine}`, [log.key]), 'invalid-signature');
  assert.equal(openCode(`${text}\n${witnessLine}${wrongLine}`, [log.key, witness.key]), 'invalid-signature');
  const claimed = { ...other.key, keyId: log.key.keyId };
  assert.equal(openCode(signed, [claimed]), 'invalid-signature');
  assert.equal(openCode(signed, [log.key, claimed]), 'ambiguous-key');
  const short = formatNote({ text, signatures: [{ ...log.key, signature: new Uint8Array(63) }] });
  assert.equal(openCode(short, [log.key]), 'invalid-signature');
});

test('malformed notes', () => {
  assert.equal(parseCode(signed), 'ok');
  const malformed: readonly (readonly [string, string])[] = [
    ['', 'malformed-note'],
    [text.replace('\n\n', '\n'), 'malformed-note'],
    [`${text}\n`, 'malformed-signature'],
    [`${text}\n${logLine.slice(0, -1)}`, 'malformed-note'],
    [`\u0001${signed}`, 'malformed-note'],
    [signed.replaceAll('\n', '\r\n'), 'malformed-note'],
    [`\ud800${signed}`, 'malformed-note'],
    [`${signed}unexpected\n`, 'malformed-signature'],
    [`${signed}\n`, 'malformed-signature'],
    [`${text}\n${logLine.replace('\u2014', '-')}`, 'malformed-signature'],
    [`${text}\n${logLine.replace('log.example/main', 'log example')}`, 'malformed-signature'],
    [`${text}\n${logLine.replace('log.example/main', 'log+example')}`, 'malformed-signature'],
    [`${text}\n${logLine.replace('log.example/main ', '')}`, 'malformed-signature'],
    [`${text}\n${logLine.replace('=\n', '\n')}`, 'malformed-signature'],
    [`${text}\n\u2014 log.example/main AAAAAA==\n`, 'malformed-signature'],
  ];
  for (const [note, code] of malformed) assert.equal(parseCode(note), code, JSON.stringify(note));
});

test('limits: 100 signatures and 1,000,000 bytes are read, one more is not', () => {
  assert.equal(parseCode(`${text}\n${logLine.repeat(noteLimits.signatures)}`), 'ok');
  assert.equal(parseCode(`${text}\n${logLine.repeat(noteLimits.signatures + 1)}`), 'too-many-signatures');
  const rest = Buffer.byteLength(`\n\n${logLine}`);
  assert.equal(parseCode(`${'x'.repeat(noteLimits.bytes - rest)}\n\n${logLine}`), 'ok');
  assert.equal(parseCode(`${'x'.repeat(noteLimits.bytes - rest + 1)}\n\n${logLine}`), 'note-too-large');
  assert.equal(parseCode(`${'é'.repeat((noteLimits.bytes - rest) / 2 + 1)}\n\n${logLine}`), 'note-too-large');
});

test('what cannot be a note is not written', () => {
  assert.throws(() => signNote('no newline at the end', [log]), RangeError);
  assert.throws(() => signNote('text\n', []), RangeError);
  assert.throws(() => signNote('tab\t\n', [log]), RangeError);
  assert.throws(() => signNote('\ud800\n', [log]), RangeError);
  assert.throws(() => signNote(text, [{ ...log, sign: () => new Uint8Array(63) }]), RangeError);
  assert.throws(() =>
    formatNote({ text, signatures: [{ name: 'a', keyId: 'xyz', signature: Uint8Array.of(1) }] }),
  );
});

test('any text of lines comes back as it was signed, and any changed character is noticed', () => {
  const line = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((value) => !/\p{Cc}/u.test(value));
  const body = fc.array(line, { minLength: 1, maxLength: 5 }).map((lines) => `${lines.join('\n')}\n`);
  fc.assert(
    fc.property(body, fc.nat(), (text, at) => {
      const note = signNote(text, [log]);
      const opened = openNote(verifyEd25519, note, [log.key]);
      assert.ok(opened.ok);
      assert.equal(opened.value.text, text);
      const i = at % note.length;
      const mutated = `${note.slice(0, i)}${note[i] === 'A' ? 'B' : 'A'}${note.slice(i + 1)}`;
      assert.notEqual(openCode(mutated, [log.key]), 'ok');
    }),
  );
});
