/** How often one token may ask: `perSecond` in the long run, `burst` at once. */
export interface QuotaLimits {
  readonly perSecond: number;
  readonly burst: number;
}

interface Bucket {
  readonly left: number;
  readonly at: number;
}

/** More buckets than this are not remembered; one that is forgotten starts full. */
const mostBuckets = 10_000;

/** A token bucket a key, in this process's memory. Time is given, in milliseconds, and only has to grow. */
export class Quota {
  readonly #limits: QuotaLimits;
  readonly #buckets = new Map<string, Bucket>();

  constructor(limits: QuotaLimits) {
    this.#limits = limits;
  }

  /** Takes one request off a key's bucket: null when it may go on, else the seconds until it may. */
  take(key: string, now: number): number | null {
    const { perSecond, burst } = this.#limits;
    const bucket = this.#buckets.get(key) ?? { left: burst, at: now };
    const left = Math.min(burst, bucket.left + (Math.max(0, now - bucket.at) / 1000) * perSecond);
    this.#buckets.delete(key);
    this.#buckets.set(key, { left: left >= 1 ? left - 1 : left, at: now });
    if (this.#buckets.size > mostBuckets) {
      const oldest = this.#buckets.keys().next().value;
      if (oldest !== undefined) this.#buckets.delete(oldest);
    }
    return left >= 1 ? null : Math.ceil((1 - left) / perSecond);
  }
}
