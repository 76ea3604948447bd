/**
 * Elementary functions from the four operations and the square root alone, which IEEE 754 fixes to the last bit.
 * The language leaves `Math.exp` and `Math.log` to the engine; a decision that is derived again on another machine
 * years later must find the same digits.
 */

const bits = new DataView(new ArrayBuffer(8));

/** 2^k for k in [-1022, 1023], exactly. */
function powerOfTwo(k: number): number {
  bits.setUint32(0, (k + 1023) << 20);
  bits.setUint32(4, 0);
  return bits.getFloat64(0);
}

/** ln 2 in two parts: the first has 32 bits, so that its product with any exponent is exact. */
const ln2High = 2_977_044_471 / 4_294_967_296;
const ln2Low = 1.9082149292705877e-10;

/**
 * The natural logarithm; -Infinity at 0, NaN below. The argument is m·2^k with m in [√½, √2), and
 * ln m = 2·artanh(s) for s = (m-1)/(m+1), arranged as f - f²/2 + s·(f²/2 + rest) with f = m-1 (exact), so that the
 * rounding of s meets only the small terms.
 */
export function ln(x: number): number {
  if (!(x > 0)) return x === 0 ? -Infinity : Number.NaN;
  if (x === Infinity) return Infinity;
  const subnormal = x < 2.2250738585072014e-308;
  bits.setFloat64(0, subnormal ? x * 18_014_398_509_481_984 : x);
  const high = bits.getUint32(0);
  let k = (high >>> 20) - 1023 - (subnormal ? 54 : 0);
  bits.setUint32(0, (high & 0xfffff) | 0x3ff00000);
  let m = bits.getFloat64(0);
  if (m > Math.SQRT2) {
    m /= 2;
    k += 1;
  }
  const f = m - 1;
  const s = f / (2 + f);
  const square = s * s;
  let rest = 0;
  for (let n = 25; n >= 3; n -= 2) rest = (rest + 2 / n) * square;
  const half = 0.5 * f * f;
  return k * ln2High + (f - (half - (s * (half + rest) + k * ln2Low)));
}

/** e^x. x = k·ln 2 + r with |r| ≤ ½ ln 2, and the series of e^r to its 14th term, whose rest is below 2^-57. */
export function exp(x: number): number {
  if (Number.isNaN(x)) return x;
  if (x > 709.782712893384) return Infinity;
  if (x < -745.1332191019412) return 0;
  const k = Math.round(x / Math.LN2);
  const r = x - k * ln2High - k * ln2Low;
  let tail = 0;
  for (let n = 14; n >= 2; n--) tail = ((tail + 1) * r) / n;
  // The largest term last, so that what is rounded is the result and not the way to it.
  const value = 1 + (r + r * tail);
  if (k > 1023) return value * powerOfTwo(1023) * 2 ** (k - 1023);
  if (k < -1022) return value * powerOfTwo(k + 200) * powerOfTwo(-200);
  return value * powerOfTwo(k);
}

/** ln(e^a + e^b + …) without leaving the range; -Infinity of nothing. */
export function logSumExp(logs: readonly number[]): number {
  const most = Math.max(...logs);
  if (most === -Infinity || most === Infinity) return most;
  let sum = 0;
  for (const log of logs) sum += exp(log - most);
  return most + ln(sum);
}

const lnSqrtTwoPi = 0.9189385332046727;

/** ln Γ(x) for x > 0: Stirling's series from 12 on, reached by Γ(x+1) = x·Γ(x). */
export function lnGamma(x: number): number {
  let shifted = 1;
  let z = x;
  for (; z < 12; z += 1) shifted *= z;
  const inverse = 1 / (z * z);
  const series =
    (1 / 12 -
      inverse *
        (1 / 360 -
          inverse * (1 / 1260 - inverse * (1 / 1680 - inverse * (1 / 1188 - (inverse * 691) / 360_360))))) /
    z;
  return (z - 0.5) * ln(z) - z + lnSqrtTwoPi + series - ln(shifted);
}

/** ln of the standard normal's upper tail, P(Z > z); far out it stays exact where the tail itself underflows. */
export function lnNormalTail(z: number): number {
  const lnDensity = -0.5 * z * z - lnSqrtTwoPi;
  if (z > 3) {
    // Laplace's continued fraction 1/(z + 1/(z + 2/(z + …))).
    let fraction = z;
    for (let n = 60; n >= 1; n--) fraction = z + n / fraction;
    return lnDensity - ln(fraction);
  }
  if (z < -3) return ln(1 - exp(lnNormalTail(-z)));
  // Φ(z) = ½ + φ(z)(z + z³/3 + z⁵/15 + …).
  let term = z;
  let sum = z;
  for (let n = 3; Math.abs(term) > 1e-18 && n < 200; n += 2) {
    term *= (z * z) / n;
    sum += term;
  }
  return ln(0.5 - exp(lnDensity) * sum);
}

/** A number as it is stored: nine places, so that states written by two machines are the same text. */
export const stored = (value: number): number => Math.round(value * 1e9) / 1e9;
