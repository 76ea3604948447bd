import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sha256, signerOf, verifyEd25519 } from '../../../test/ledger-crypto.ts';
import { formatCheckpoint, openCheckpoint, parseCheckpoint, signCheckpoint } from './checkpoint.ts';
import { emptyRoot } from './merkle.ts';
import { signNote } from './note.ts';

const origin = 'log.example/main';
const signer = signerOf(origin, new Uint8Array(32).fill(7));
const witness = signerOf('witness.example', new Uint8Array(32).fill(8));
const checkpoint = { origin, size: 42, root: new Uint8Array(32).fill(3), extensions: [] };
const rootLine = 'AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM=';
const trusted = { origin, keys: [signer.key] };

const parseCode = (text: string): string => {
  const result = parseCheckpoint(text);
  return result.ok ? 'ok' : result.error.code;
};
const openCode = (note: string, log = trusted): string => {
  const result = openCheckpoint(verifyEd25519, note, log);
  return result.ok ? 'ok' : result.error.code;
};

test('a checkpoint is three lines', () => {
  assert.equal(formatCheckpoint(checkpoint), `${origin}\n42\n${rootLine}\n`);
  const empty = formatCheckpoint({ ...checkpoint, size: 0, root: emptyRoot(sha256) });
  assert.equal(empty, `${origin}\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n`);
});

test('the example of the specification is read', () => {
  const text = 'example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n';
  const read = parseCheckpoint(text);
  assert.ok(read.ok);
  assert.equal(read.value.size, 20852163);
  assert.equal(Buffer.from(read.value.root).toString('hex').slice(0, 8), '0ac5186a');
  assert.equal(formatCheckpoint(read.value), text);
});

test('extension lines are kept', () => {
  const read = parseCheckpoint(`an origin with spaces\n7\n${rootLine}\nfirst\nsecond\n`);
  assert.ok(read.ok);
  assert.deepEqual(read.value.extensions, ['first', 'second']);
});

test('malformed checkpoints', () => {
  const malformed: readonly (readonly [string, string])[] = [
    ['', 'malformed-checkpoint'],
    [`${origin}\n42\n`, 'malformed-checkpoint'],
    [`${origin}\n42\n${rootLine}`, 'malformed-checkpoint'],
    [`${origin}\n42\n${rootLine}\nno newline`, 'malformed-checkpoint'],
    [`\n42\n${rootLine}\n`, 'malformed-checkpoint'],
    [`${origin}\n42\n${rootLine}\n\n`, 'malformed-checkpoint'],
    [`${origin}\n42\n${rootLine}\n\nx\n`, 'malformed-checkpoint'],
    [`${origin}\n042\n${rootLine}\n`, 'malformed-size'],
    [`${origin}\n-1\n${rootLine}\n`, 'malformed-size'],
    [`${origin}\n 1\n${rootLine}\n`, 'malformed-size'],
    [`${origin}\n18446744073709551615\n${rootLine}\n`, 'malformed-size'],
    [`${origin}\n42\n${rootLine.slice(4)}\n`, 'malformed-root'],
    [`${origin}\n42\n${rootLine.replace('M=', 'N=')}\n`, 'malformed-root'],
    [`${origin}\n42\n${rootLine.replace('=', '')}\n`, 'malformed-root'],
  ];
  for (const [text, code] of malformed) assert.equal(parseCode(text), code, JSON.stringify(text));
});

test('only the trusted log with its own origin is believed', () => {
  const note = signCheckpoint(checkpoint, signer);
  const opened = openCheckpoint(verifyEd25519, note, trusted);
  assert.deepEqual(opened, { ok: true, value: { ...checkpoint, signedBy: [signer.key] } });
  assert.equal(openCode(note.replace('42', '43')), 'invalid-signature');
  assert.equal(openCode(note, { origin: 'log.example/other', keys: [signer.key] }), 'other-origin');
  assert.equal(openCode(note, { origin, keys: [witness.key] }), 'no-known-signature');
  // A witness alone does not make a checkpoint, beside the log it is ignored.
  assert.equal(openCode(signNote(formatCheckpoint(checkpoint), [witness])), 'no-known-signature');
  assert.equal(openCode(signNote(formatCheckpoint(checkpoint), [witness, signer])), 'ok');
  // What the log's key signed and is no checkpoint.
  assert.equal(openCode(signNote(`${origin}\nhello\n`, [signer])), 'malformed-checkpoint');
});

test('while a key is replaced, both are believed', () => {
  const next = signerOf(origin, new Uint8Array(32).fill(9));
  const both = { origin, keys: [signer.key, next.key] };
  assert.equal(openCode(signCheckpoint(checkpoint, signer), both), 'ok');
  assert.equal(openCode(signCheckpoint(checkpoint, next), both), 'ok');
});

test('what cannot be a checkpoint is not written', () => {
  assert.throws(() => formatCheckpoint({ ...checkpoint, origin: '' }), RangeError);
  assert.throws(() => formatCheckpoint({ ...checkpoint, origin: 'two\nlines' }), RangeError);
  assert.throws(() => formatCheckpoint({ ...checkpoint, origin: `${origin}\n1\n${rootLine}` }), RangeError);
  assert.throws(() => formatCheckpoint({ ...checkpoint, size: 1.5 }), RangeError);
  assert.throws(() => formatCheckpoint({ ...checkpoint, size: 2 ** 53 }), RangeError);
  assert.throws(() => formatCheckpoint({ ...checkpoint, root: new Uint8Array(31) }), RangeError);
  assert.throws(() => formatCheckpoint({ ...checkpoint, extensions: [''] }), RangeError);
  assert.throws(() => formatCheckpoint({ ...checkpoint, extensions: ['a\nb'] }), RangeError);
  assert.throws(() => signCheckpoint(checkpoint, witness), RangeError);
});
