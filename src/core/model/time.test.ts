import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { formatDuration, formatInstant } from './time-format.ts';
import { Duration, Instant } from './time.ts';

test('instants of note, and leap years', () => {
  const worked: readonly (readonly [string, number])[] = [
    ['1970-01-01T00:00:00Z', 0],
    ['2000-02-29T12:00:00Z', 951_825_600_000],
    ['2024-02-29T23:59:59Z', 1_709_251_199_000],
    ['2024-03-01T00:00:00Z', 1_709_251_200_000],
    ['2026-12-31T23:59:59Z', 1_798_761_599_000],
    ['2100-02-28T00:00:00Z', 4_107_456_000_000],
    ['2100-03-01T00:00:00Z', 4_107_542_400_000],
    ['9999-12-31T23:59:59Z', 253_402_300_799_000],
  ];
  for (const [text, at] of worked) {
    assert.equal(formatInstant(at), text);
    assert.equal(Instant.parse(text), at);
  }
});

test('instants agree with the platform’s own calendar', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 253_402_300_799 }), (seconds) => {
      const text = `${new Date(seconds * 1_000).toISOString().slice(0, 19)}Z`;
      assert.equal(formatInstant(seconds * 1_000), text);
      assert.equal(Instant.parse(text), seconds * 1_000);
    }),
    { numRuns: 2_000 },
  );
});

test('an instant needs its Z, and a day that there is', () => {
  assert.equal(Instant.parse('2026-12-20T10:30Z'), Date.UTC(2026, 11, 20, 10, 30));
  for (const bad of [
    '2026-12-20T00:00:00+01:00',
    '2026-13-01T00:00:00Z',
    '2026-12-20',
    '2026-12-20T24:00:00Z',
    '2026-02-30T00:00:00Z',
    '2025-02-29T00:00:00Z',
    '2026-04-31T00:00:00Z',
  ])
    assert.equal(Instant.safeParse(bad).success, false, bad);
});

test('durations as people write them', () => {
  const worked: readonly (readonly [string, number])[] = [
    ['5s', 5_000],
    ['2m', 120_000],
    ['1h30m', 5_400_000],
    ['7d', 604_800_000],
    ['250ms', 250],
    ['1m1ms', 60_001],
  ];
  for (const [text, ms] of worked) assert.equal(Duration.parse(text), ms, text);
  assert.equal(Duration.parse(1_500), 1_500);
  for (const bad of ['', '5', '5 s', '-5s', '1.5h', '5y', '400d', 's'])
    assert.equal(Duration.safeParse(bad).success, false, bad);
});

test('durations as people read them', () => {
  const worked: readonly (readonly [number, string])[] = [
    [0, '0 ms'],
    [850, '850 ms'],
    [4_000, '4 s'],
    [59_600, '1 min'],
    [125_000, '2 min 5 s'],
    [3_599_600, '1 h'],
    [12_000_000, '3 h 20 min'],
    [86_399_999, '1 d'],
    [187_200_000, '2 d 4 h'],
  ];
  for (const [ms, text] of worked) assert.equal(formatDuration(ms), text);
});
