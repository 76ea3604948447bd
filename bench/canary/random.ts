/** A seeded source of chance: the same seed gives the same world, on every machine of one Node version. */
export class Chance {
  private a: number;
  private b: number;
  private c: number;
  private d: number;

  constructor(seed: number) {
    this.a = Math.imul(seed, 0x9e3779b1) >>> 0;
    this.b = Math.imul(seed ^ 0x5bf03635, 0x85ebca6b) >>> 0;
    this.c = (seed ^ 0xc2b2ae35) >>> 0;
    this.d = 1;
    for (let i = 0; i < 16; i++) this.uniform();
  }

  /** A source that goes on from here without touching this one. */
  copy(): Chance {
    const other = new Chance(0);
    [other.a, other.b, other.c, other.d] = [this.a, this.b, this.c, this.d];
    return other;
  }

  /** In (0, 1): the generator sfc32 (Doty-Humphrey), whose streams do not meet in practice. */
  uniform(): number {
    const t = (((this.a + this.b) | 0) + this.d) | 0;
    this.d = (this.d + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = ((this.c << 21) | (this.c >>> 11)) + t;
    return ((t >>> 0) + 0.5) / 4_294_967_296;
  }

  normal(): number {
    return Math.sqrt(-2 * Math.log(this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
  }

  /** How long until the next of events that come `perSecond`. */
  exponential(perSecond: number): number {
    return -Math.log(this.uniform()) / perSecond;
  }

  /** 1, 2, 3, …, with this mean. */
  geometric(mean: number): number {
    return mean <= 1 ? 1 : 1 + Math.floor(Math.log(this.uniform()) / Math.log(1 - 1 / mean));
  }

  /** By inversion below 10, above by transformed rejection (Hörmann 1993, PTRS): exact in both. */
  poisson(mean: number): number {
    if (mean <= 0) return 0;
    if (mean < 10) {
      const limit = Math.exp(-mean);
      let product = this.uniform();
      let count = 0;
      for (; product > limit; count++) product *= this.uniform();
      return count;
    }
    const b = 0.931 + 2.53 * Math.sqrt(mean);
    const a = -0.059 + 0.02483 * b;
    const inverse = Math.log(1.1239 + 1.1328 / (b - 3.4));
    const accept = 0.9277 - 3.6224 / (b - 2);
    for (;;) {
      const u = this.uniform() - 0.5;
      const v = this.uniform();
      const us = 0.5 - Math.abs(u);
      const k = Math.floor(((2 * a) / us + b) * u + mean + 0.43);
      if (us >= 0.07 && v <= accept) return k;
      if (k < 0 || (us < 0.013 && v > us)) continue;
      if (Math.log(v) + inverse - Math.log(a / (us * us) + b) <= k * Math.log(mean) - mean - lnFactorial(k))
        return k;
    }
  }

  /** By inversion where few are expected, above by transformed rejection (Hörmann 1993, BTRS): exact in both. */
  binomial(n: number, p: number): number {
    if (n <= 0 || p <= 0) return 0;
    if (p >= 1) return n;
    if (p > 0.5) return n - this.binomial(n, 1 - p);
    return n * p < 10 ? this.fewOf(n, p) : this.manyOf(n, p);
  }

  private fewOf(n: number, p: number): number {
    const odds = p / (1 - p);
    for (;;) {
      let u = this.uniform();
      let mass = Math.exp(n * Math.log1p(-p));
      for (let k = 0; k <= n; k++) {
        if (u < mass) return k;
        u -= mass;
        mass *= (odds * (n - k)) / (k + 1);
      }
    }
  }

  private manyOf(n: number, p: number): number {
    const spread = Math.sqrt(n * p * (1 - p));
    const b = 1.15 + 2.53 * spread;
    const a = -0.0873 + 0.0248 * b + 0.01 * p;
    const alpha = (2.83 + 5.1 / b) * spread;
    const middle = Math.floor((n + 1) * p);
    const odds = Math.log(p / (1 - p));
    const height = lnFactorial(middle) + lnFactorial(n - middle);
    for (;;) {
      const u = this.uniform() - 0.5;
      const v = this.uniform();
      const us = 0.5 - Math.abs(u);
      const k = Math.floor(((2 * a) / us + b) * u + n * p + 0.5);
      if (us >= 0.07 && v <= 0.92 - 4.2 / b) return k;
      if (k < 0 || k > n) continue;
      const bound = height - lnFactorial(k) - lnFactorial(n - k) + (k - middle) * odds;
      if (Math.log((v * alpha) / (a / (us * us) + b)) <= bound) return k;
    }
  }
}

const known: number[] = [0];
for (let k = 1; k < 2048; k++) known.push((known[k - 1] ?? 0) + Math.log(k));

function lnFactorial(k: number): number {
  const exact = known[k];
  if (exact !== undefined) return exact;
  return (k + 0.5) * Math.log(k) - k + 0.9189385332046727 + 1 / (12 * k) - 1 / (360 * k ** 3);
}
