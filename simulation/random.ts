/** A source of numbers that is the same for the same seed on every machine. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;
  readonly #seed: string;

  constructor(seed: string) {
    this.#seed = seed;
    const next = hashOf(seed);
    this.#a = next();
    this.#b = next();
    this.#c = next();
    this.#d = 1;
    for (let i = 0; i < 12; i++) this.#next();
  }

  /** A stream of its own for one entity: what another one draws does not change what this one gets. */
  stream(name: string): Random {
    return new Random(`${this.#seed}/${name}`);
  }

  /** sfc32 of Chris Doty-Humphrey's PractRand: 32 bits. */
  #next(): number {
    const t = (this.#a + this.#b + this.#d) | 0;
    this.#d = (this.#d + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (this.#c << 21) | (this.#c >>> 11);
    this.#c = (this.#c + t) | 0;
    return t >>> 0;
  }

  /** A fraction in [0, 1). */
  fraction(): number {
    return this.#next() / 4_294_967_296;
  }

  /** Whether something of this probability happens. */
  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** An integer of [from, to], both included. */
  integer(from: number, to: number): number {
    return from + Math.floor(this.fraction() * (to - from + 1));
  }

  /** One of these. */
  pick<T>(items: readonly T[]): T {
    const item = items[this.integer(0, items.length - 1)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  }

  /** How many of `trials` happen at a probability: exact for few, rounded normal for many. */
  binomial(trials: number, probability: number): number {
    if (probability <= 0 || trials <= 0) return 0;
    if (probability >= 1) return trials;
    if (trials <= 20) {
      let count = 0;
      for (let i = 0; i < trials; i++) if (this.chance(probability)) count++;
      return count;
    }
    // The sum of twelve uniforms has variance 1; it needs no logarithm, so machines agree.
    let normal = -6;
    for (let i = 0; i < 12; i++) normal += this.fraction();
    const count = Math.round(
      trials * probability + normal * Math.sqrt(trials * probability * (1 - probability)),
    );
    return Math.min(trials, Math.max(0, count));
  }
}

/** Mixes a text into 32-bit seeds (FNV-1a and the finaliser of MurmurHash3). */
function hashOf(text: string): () => number {
  let h = 2_166_136_261;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 16_777_619);
  return () => {
    h = (h + 0x6d2b79f5) | 0;
    let k = h;
    k = Math.imul(k ^ (k >>> 16), 0x85ebca6b);
    k = Math.imul(k ^ (k >>> 13), 0xc2b2ae35);
    return (k ^ (k >>> 16)) >>> 0;
  };
}
