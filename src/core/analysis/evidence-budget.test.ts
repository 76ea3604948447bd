import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ArmPair } from '../model/analysis-state.ts';
import { room } from './bursts.ts';
import { exp, ln } from './elementary.ts';
import { nearestHarm, promotionBet } from './promotion-evidence.ts';
import { addRollback, freshRollback, logRollback, rollbackBets } from './rollback-evidence.ts';

/** Probabilities of 0..n bad events of independent requests with these risks. */
function distribution(risks: readonly number[]): readonly number[] {
  let found = [1];
  for (const p of risks)
    found = Array.from(
      { length: found.length + 1 },
      (_, k) => (found[k] ?? 0) * (1 - p) + (found[k - 1] ?? 0) * p,
    );
  return found;
}
/** Probabilities of 0..7 events of a Poisson distribution; what lies beyond is left out. */
function poisson(mean: number): readonly number[] {
  let mass = exp(-mean);
  return Array.from({ length: 8 }, (_, k) => (k === 0 ? mass : (mass *= mean / k)));
}
const pair = (x: number, nc: number, y: number, ns: number): ArmPair => ({
  canary: { bad: x, requests: nc },
  stable: { bad: y, requests: ns },
});

/** The expectation of `e` over both arms' counts. */
function expectation(
  canary: readonly number[],
  stable: readonly number[],
  e: (pair: ArmPair) => number,
): number {
  const [a, b] = [distribution(canary), distribution(stable)];
  let sum = 0;
  a.forEach((pa, x) => b.forEach((pb, y) => (sum += pa * pb * e(pair(x, canary.length, y, stable.length)))));
  return sum;
}

test('by enumeration: each bet of the rollback evidence expects at most what it staked, with the canary at its tolerance', () => {
  const mixed = fc.array(fc.double({ min: 0, max: 0.6, noNaN: true }), { minLength: 4, maxLength: 12 });
  fc.assert(
    fc.property(
      mixed,
      fc.integer({ min: 2, max: 8 }),
      fc.constantFrom(1, 1.1, 1.4),
      fc.constantFrom(1, 2, 5),
      (stable, nc, tolerance, dispersion) => {
        const mean = stable.reduce((sum, p) => sum + p, 0) / stable.length;
        const canary = Array.from({ length: nc }, () => Math.min(1, tolerance * mean));
        for (let j = 0; j < 8; j++) {
          const found = expectation(canary, stable, (one) =>
            exp((rollbackBets(one, tolerance)[j] ?? 0) / dispersion),
          );
          assert.ok(found <= 1 + 1e-9, `bet ${j}: ${found}`);
        }
        const terms = { tolerance, spread: 0, dispersion, crowd: 4, cap: 0.5 * ln(100), share: 0.01 };
        const whole = expectation(canary, stable, (one) =>
          exp(logRollback(addRollback(freshRollback(), one, terms))),
        );
        assert.ok(whole <= 1 + 1e-6, `all together: ${whole}`);
      },
    ),
    { numRuns: 60 },
  );
});

test('by enumeration: where pods differ, the evidence expects at most 1 on average over their places, and less of a better canary', () => {
  const places = [0, 0.5, 1, 1.5, 2, 2.5, 3];
  const chances = [0.5, 0.19146, 0.14988, 0.09185, 0.04406, 0.01654, 0.00621];
  fc.assert(
    fc.property(
      fc.double({ min: 0.002, max: 0.02, noNaN: true }),
      fc.double({ min: 0.05, max: 0.5, noNaN: true }),
      fc.constantFrom(1, 1.1),
      (rate, spread, tolerance) => {
        const terms = { tolerance, spread, dispersion: 1, crowd: Infinity, cap: 0.5 * ln(100), share: 0.01 };
        // Two intervals, so that what is believed of the place after the first meets the second.
        const stable = poisson(90 * rate);
        const twice = (ratio: number): number => {
          const canary = poisson(10 * rate * ratio);
          const over = (e: (one: ArmPair) => number): number => {
            let sum = 0;
            canary.forEach((pa, x) => stable.forEach((pb, y) => (sum += pa * pb * e(pair(x, 10, y, 90)))));
            return sum;
          };
          return over((one) => {
            const first = addRollback(freshRollback(), one, terms);
            return over((other) => exp(logRollback(addRollback(first, other, terms))));
          });
        };
        const found = places.map((place) => twice(Math.max(tolerance, exp(place * spread))));
        const mean = found.reduce((sum, one, i) => sum + one * (chances[i] ?? 0), 0);
        assert.ok(mean <= 1 + 1e-6, String(mean));
        assert.ok(twice(0.5) <= (found[0] ?? 0) + 1e-9);
      },
    ),
    { numRuns: 4 },
  );
});

test('by enumeration: bursts of pods expect at most 1 wherever the canary sits among as many requests as they may', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0.001, max: 3, noNaN: true }),
      fc.array(fc.integer({ min: 20, max: 200 }), { minLength: 1, maxLength: 9 }),
      fc.double({ min: 1, max: 4, noNaN: true }),
      fc.constantFrom(1, 1.1, 1.5),
      (bursts, stable, more, tolerance) => {
        const all = stable.reduce((sum, n) => sum + n, 0);
        const mates = stable.reduce((sum, n) => sum + n * n, 0) / all;
        // `bursts` a stable pod on average; the canary's one pod as small as is allowed, or larger.
        const per = bursts / mates;
        const canary = (more * mates) / (tolerance * room);
        const hit = (n: number, times: number): number => 1 - exp(-per * times * n);
        for (let j = 0; j < 8; j++) {
          let sum = 0;
          distribution(stable.map((n) => hit(n, 1))).forEach((pb, y) => {
            for (const x of [0, 1]) {
              const p = hit(canary, tolerance);
              sum +=
                pb * (x === 1 ? p : 1 - p) * exp(rollbackBets(pair(x, canary, y, all), tolerance)[j] ?? 0);
            }
          });
          assert.ok(sum <= 1 + 1e-9, `bet ${j}: ${sum}`);
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('by enumeration: the promotion evidence expects at most 1 everywhere on the line of harm and beyond', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0.001, max: 0.2, noNaN: true }),
      fc.double({ min: 0.02, max: 0.3, noNaN: true }),
      fc.double({ min: 0, max: 0.4, noNaN: true }),
      fc.double({ min: 0, max: 0.2, noNaN: true }),
      (rate, margin, stableRate, beyond) => {
        const [nc, ns] = [8, 16];
        const canary = Array.from({ length: nc }, () => Math.min(1, stableRate + margin + beyond));
        const stable = Array.from({ length: ns }, () => stableRate);
        const point = nearestHarm(Math.max(rate, margin / 10), nc, ns, { slope: 1, margin });
        const found = expectation(canary, stable, (one) => exp(promotionBet(one, point)));
        assert.ok(found <= 1 + 1e-9, String(found));
      },
    ),
    { numRuns: 60 },
  );
});

test('counts up to 2^53, rates of 0 and 1, and a month of scrapes stay numbers', () => {
  const terms = {
    tolerance: 1.1,
    spread: 0.2,
    dispersion: 3,
    crowd: 4,
    cap: 0.5 * ln(100),
    share: 15 / 14_400,
  };
  const most = Number.MAX_SAFE_INTEGER;
  for (const one of [
    pair(most, most, 0, most),
    pair(0, most, most, most),
    pair(1, 1, 0, most),
    pair(0, 1, 1, 1),
    pair(most, most, most, most),
  ]) {
    let wealth = freshRollback();
    for (let i = 0; i < 200; i++) wealth = addRollback(wealth, one, terms);
    assert.ok(Number.isFinite(logRollback(wealth)));
    for (const rate of [1e-12, 0.5, 0.999]) {
      const point = nearestHarm(rate, one.canary.requests, one.stable.requests, { slope: 1, margin: 0.005 });
      assert.ok(Number.isFinite(promotionBet(one, point)));
    }
  }
  let wealth = freshRollback();
  for (let i = 0; i < 172_800; i++) wealth = addRollback(wealth, pair(1, 150, 9, 1350), terms);
  assert.ok(logRollback(wealth) < ln(100), String(logRollback(wealth)));
});

test('without bad events, or without one arm, nothing moves', () => {
  const terms = { tolerance: 1.1, spread: 0, dispersion: 1, crowd: 4, cap: 2, share: 0.001 };
  for (const one of [pair(0, 10, 0, 90), pair(5, 10, 0, 0), pair(0, 0, 5, 10)])
    assert.deepEqual(addRollback(freshRollback(), one, terms), freshRollback());
});
