/** Seconds by which Prometheus' clock and ours may differ before a sample is put down to the wrong weight. */
export const clockSlack = 1;

/**
 * Which share the canary had when a sample was taken. Samples are scraped by somebody else, before we look: the weight
 * of now need not be the weight of then. It is told only where the looks before and after saw the same.
 */
export class WeightsSeen {
  #looks: { readonly at: number; readonly weight: number }[] = [];
  readonly #longest: number;

  /** Looks further apart than `longest` seconds tell nothing of the time between them. */
  constructor(longest: number) {
    this.#longest = longest;
  }

  /** Records one look at the weights; times only grow. */
  look(at: number, weight: number): void {
    this.#looks.push({ at, weight });
    const kept = at - 2 * this.#longest - clockSlack;
    this.#looks = this.#looks.filter((one) => one.at >= kept);
  }

  /** The weight at a time; null where it is not known for sure, `later` where a look to come can tell. */
  at(t: number): number | 'later' | null {
    const after = this.#looks.findIndex((look) => look.at >= t + clockSlack);
    if (after < 0) return 'later';
    const before = this.#looks.findLastIndex((look) => look.at <= t - clockSlack);
    if (before < 0) return null;
    const between = this.#looks.slice(before, after + 1);
    const [first] = between;
    const gaps = between.some((look, i) => i > 0 && look.at - (between[i - 1]?.at ?? 0) > this.#longest);
    if (first === undefined || gaps || between.some((look) => look.weight !== first.weight)) return null;
    return first.weight;
  }
}
