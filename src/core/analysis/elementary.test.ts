import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { exp, ln, lnGamma, lnNormalTail, logSumExp } from './elementary.ts';

/** Reference values: computed with 40 digits (mpmath), then rounded to the nearest double. */
const near = (found: number, reference: number, parts: number): void =>
  assert.ok(
    Math.abs(found - reference) <= parts * Math.max(Math.abs(reference), Number.MIN_VALUE),
    `${found} is not ${reference}`,
  );
const unit = 2.3e-16;

test('the logarithm is within a unit of the last place', () => {
  for (const [x, reference] of [
    [0.1, -2.3025850929940455],
    [0.5, -0.6931471805599453],
    [0.7071, -0.346583180371942],
    [0.999999, -1.000000500029089e-6],
    [1.0000001, 9.999999505838704e-8],
    [1, 0],
    [1.5, 0.4054651081081644],
    [2, 0.6931471805599453],
    [3, 1.0986122886681098],
    [10, 2.302585092994046],
    [1e-300, -690.7755278982137],
    [5e-324, -744.4400719213812],
    [1.7e308, 709.7268368932282],
    [9007199254740991, 36.7368005696771],
    [0.005, -5.298317366548036],
    [123.456, 4.815884817283264],
  ] as const)
    near(ln(x), reference, unit);
  assert.equal(ln(0), -Infinity);
  assert.ok(Number.isNaN(ln(-1)) && Number.isNaN(ln(Number.NaN)));
});

test('the exponential is within a unit of the last place', () => {
  for (const [x, reference] of [
    [-745, 5e-324],
    [-700, 9.85967654375977e-305],
    [-20.5, 1.2501528663867426e-9],
    [-1, 0.36787944117144233],
    [-0.3, 0.7408182206817179],
    [-1e-10, 0.9999999999],
    [1e-10, 1.0000000001],
    [0.1, 1.1051709180756477],
    [0.34, 1.4049475905635938],
    [1, 2.718281828459045],
    [2.5, 12.182493960703473],
    [10, 22026.465794806718],
    [50.25, 6.657293676747253e21],
    [300, 1.9424263952412558e130],
    [700, 1.0142320547350045e304],
    [709.7, 1.6549840276802644e308],
  ] as const)
    near(exp(x), reference, 2 * unit);
  assert.equal(exp(-746), 0);
  assert.equal(exp(710), Infinity);
  assert.equal(exp(0), 1);
});

test('the logarithm of the gamma function', () => {
  for (const [x, reference] of [
    [0.5, 0.5723649429247001],
    [1.5, -0.12078223763524522],
    [3.7, 1.428072326665388],
    [13.5, 21.2600761562447],
    [987.5, 5818.958225238585],
    [1001, 5912.128178488163],
    [1e6, 12815504.569147611],
    [1e15, 3.3538776394910668e16],
  ] as const)
    near(lnGamma(x), reference, 3e-14);
});

test('the tail of the normal distribution, near and far', () => {
  for (const [z, reference] of [
    [-8, -6.220960574271786e-16],
    [-3.5, -0.00023265614137680455],
    [-2, -0.02301290932896349],
    [0, -0.6931471805599453],
    [0.5, -1.1759117615936185],
    [1.6448536, -2.9957322179608434],
    [2.9, -6.284058234947419],
    [3.1, -6.940688458421228],
    [5, -15.064998393988725],
    [12, -75.4106730015688],
    [40, -804.6084420137538],
  ] as const)
    assert.ok(
      Math.abs(lnNormalTail(z) - reference) <= 1e-11 * Math.max(1, Math.abs(reference)),
      `${z}: ${lnNormalTail(z)}`,
    );
});

test('they undo each other, and grow', () => {
  const x = fc.double({ min: -700, max: 700, noNaN: true });
  fc.assert(
    fc.property(x, x, (a, b) => {
      assert.ok(Math.abs(ln(exp(a)) - a) <= 1e-15 * Math.max(1, Math.abs(a)));
      if (a < b) assert.ok(exp(a) <= exp(b));
      const sum = logSumExp([a, b]);
      assert.ok(sum >= Math.max(a, b) && sum <= Math.max(a, b) + 0.6931471805599454);
    }),
  );
});
