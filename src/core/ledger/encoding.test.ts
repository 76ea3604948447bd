import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  decodeBase64,
  decodeDecimal,
  decodeHex,
  decodeUtf8,
  encodeBase64,
  encodeHex,
  encodeUtf8,
  equalBytes,
} from './encoding.ts';

const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));

test('base64 and hex are those of Node, and read back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => {
      assert.equal(encodeBase64(bytes), Buffer.from(bytes).toString('base64'));
      assert.equal(encodeHex(bytes), Buffer.from(bytes).toString('hex'));
      assert.deepEqual(decodeBase64(encodeBase64(bytes)), bytes);
      assert.deepEqual(decodeHex(encodeHex(bytes)), bytes);
    }),
  );
});

test('base64 that is not canonical is refused', () => {
  for (const text of [
    'A',
    'AA',
    'AAA',
    'AAAAA',
    'AB==',
    'AAB=',
    '====',
    '=AAA',
    'A===',
    'AA=A',
    'AA==AA==',
    'AA= ',
  ]) {
    assert.equal(decodeBase64(text), null, text);
  }
  for (const text of ['AA-_', 'AAA\n', ' AAA', 'AAé=', 'AA\u0000='])
    assert.equal(decodeBase64(text), null, text);
  assert.deepEqual(decodeBase64(''), new Uint8Array(0));
  assert.deepEqual(decodeBase64('/+8='), bytesOf('ffef'));
});

test('whatever base64 decodes is exactly what encodes to it', () => {
  const almost = fc.string({
    unit: fc.constantFrom('A', 'B', 'Q', 'g', 'w', '/', '+', '=', '-'),
    maxLength: 8,
  });
  fc.assert(
    fc.property(almost, (text) => {
      const bytes = decodeBase64(text);
      if (bytes !== null) assert.equal(encodeBase64(bytes), text);
      else assert.notEqual(Buffer.from(text, 'base64').toString('base64'), text);
    }),
    { numRuns: 2000 },
  );
});

test('hex takes pairs of lower-case digits only', () => {
  for (const text of ['0', 'AB', '0g', '00 ', '0x00']) assert.equal(decodeHex(text), null, text);
});

test('UTF-8 is that of Node, and lone surrogates have none', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const bytes = encodeUtf8(text);
      assert.ok(bytes !== null);
      assert.ok(equalBytes(bytes, Buffer.from(text, 'utf8')));
      assert.equal(decodeUtf8(bytes), text);
    }),
  );
  assert.equal(encodeUtf8('a\ud800b'), null);
  assert.equal(encodeUtf8('\udc00\ud800'), null);
});

test('UTF-8 decodes exactly what a fatal decoder takes', () => {
  const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const expected = (bytes: Uint8Array): string | null => {
    try {
      return strict.decode(bytes);
    } catch {
      return null;
    }
  };
  const lead = fc.constantFrom(
    0x00,
    0x41,
    0x80,
    0xbf,
    0xc0,
    0xc1,
    0xc2,
    0xdf,
    0xe0,
    0xed,
    0xef,
    0xf0,
    0xf4,
    0xf5,
    0xff,
  );
  const any = fc.oneof(lead, fc.integer({ min: 0x80, max: 0xbf }), fc.integer({ min: 0, max: 255 }));
  fc.assert(
    fc.property(fc.array(any, { maxLength: 6 }), (values) => {
      const bytes = Uint8Array.from(values);
      assert.equal(decodeUtf8(bytes), expected(bytes));
    }),
    { numRuns: 5000 },
  );
  for (const hex of ['c080', 'e08080', 'eda080', 'f08080', 'f4908080', 'f888808080', 'c2', 'efbb']) {
    assert.equal(decodeUtf8(bytesOf(hex)), null, hex);
  }
  assert.equal(decodeUtf8(bytesOf('efbbbf41')), '\ufeffA');
});

test('a decimal is plain and exact', () => {
  assert.equal(decodeDecimal('0'), 0);
  assert.equal(decodeDecimal('20852163'), 20852163);
  assert.equal(decodeDecimal('9007199254740991'), Number.MAX_SAFE_INTEGER);
  for (const text of [
    '',
    '00',
    '01',
    '-1',
    '+1',
    ' 1',
    '1\n',
    '1.0',
    '1e3',
    '0x1',
    '٣',
    '9007199254740992',
  ]) {
    assert.equal(decodeDecimal(text), null, JSON.stringify(text));
  }
  assert.equal(decodeDecimal('18446744073709551615'), null);
});
