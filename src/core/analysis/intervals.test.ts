import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { differenceInterval, rounded, scoreInterval } from './intervals.ts';

const z = 1.959963984540054;
const near = (found: number, published: number): void =>
  assert.ok(Math.abs(found - published) < 0.00005 + 1e-12, `${found} is not ${published}`);

test('score intervals as published (Newcombe 1998, Statistics in Medicine 17:857, table I, method 3)', () => {
  const worked: readonly (readonly [number, number, number, number])[] = [
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ];
  for (const [bad, requests, lower, upper] of worked) {
    const interval = scoreInterval(bad, requests, z);
    near(interval.lower, lower);
    near(interval.upper, upper);
  }
});

test('differences as published (Newcombe 1998, Statistics in Medicine 17:873, table II, method 10)', () => {
  const worked: readonly (readonly [number, number, number, number, number, number])[] = [
    [56, 70, 48, 80, 0.0524, 0.3339],
    [9, 10, 3, 10, 0.1705, 0.809],
    [6, 7, 2, 7, 0.0582, 0.8062],
    [5, 56, 0, 29, -0.0381, 0.1926],
    [0, 10, 0, 20, -0.1611, 0.2775],
    [0, 10, 0, 10, -0.2775, 0.2775],
    [10, 10, 0, 20, 0.6791, 1],
    [10, 10, 0, 10, 0.6075, 1],
  ];
  for (const [a, m, b, n, lower, upper] of worked) {
    const interval = differenceInterval({ bad: a, requests: m }, { bad: b, requests: n }, z);
    near(interval.lower, lower);
    near(interval.upper, upper);
  }
});

test('nothing seen is nothing known', () => {
  assert.deepEqual(scoreInterval(0, 0, z), { lower: 0, upper: 1 });
});

test('an interval holds its estimate and lies in its range', () => {
  const arm = fc
    .tuple(fc.integer({ min: 1, max: 100_000 }), fc.double({ min: 0, max: 1, noNaN: true }))
    .map(([requests, share]) => ({ requests, bad: Math.round(requests * share) }));
  fc.assert(
    fc.property(arm, arm, fc.double({ min: 0.5, max: 5, noNaN: true }), (a, b, quantile) => {
      const { lower, upper } = differenceInterval(a, b, quantile);
      const d = a.bad / a.requests - b.bad / b.requests;
      assert.ok(-1 - 1e-9 <= lower && lower <= d + 1e-9 && d - 1e-9 <= upper && upper <= 1 + 1e-9);
    }),
  );
});

test('stored numbers have six places', () => {
  assert.equal(rounded(0.123456789), 0.123457);
  assert.equal(rounded(-0.0000004), -0);
});
