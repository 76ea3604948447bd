import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { binomialTail } from './binomial.ts';

const near = (actual: number, expected: number): void =>
  assert.ok(Math.abs(actual - expected) <= 1e-9 * Math.max(1e-6, expected), `${actual} is not ${expected}`);

test('tails that can be worked out by hand', () => {
  near(binomialTail(0, 10, 0.3), 1);
  near(binomialTail(3, 3, 0.1), 0.001);
  near(binomialTail(1, 2, 0.5), 0.75);
  near(binomialTail(2, 4, 0.5), 11 / 16);
  near(binomialTail(1, 5, 0.1), 1 - 0.9 ** 5);
});

test('far tails neither overflow nor vanish', () => {
  near(binomialTail(1, 10_000, 1e-6), 1 - (1 - 1e-6) ** 10_000);
  const far = binomialTail(600, 1_000, 0.5);
  // Known to be 1.3642e-10 (tail of 1,000 fair tosses at 600).
  assert.ok(Math.abs(far / 1.364232e-10 - 1) < 1e-5, String(far));
});

test('more successes are never more probable, and a likelier success never less', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 400 }),
      fc.double({ min: 0.001, max: 0.999, noNaN: true }),
      fc.nat(),
      (n, p, raw) => {
        const k = raw % n;
        assert.ok(binomialTail(k + 1, n, p) <= binomialTail(k, n, p) + 1e-12);
        assert.ok(binomialTail(k, n, Math.min(0.9999, p * 1.1)) >= binomialTail(k, n, p) - 1e-9);
      },
    ),
  );
});
