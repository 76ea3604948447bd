interface Timer {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/**
 * Time that passes only when told to. `elapsed` is true time since the start in milliseconds and never jumps;
 * `wall` is what a database's clock shows, which may be set forward or back.
 */
export class VirtualClock {
  #elapsed = 0;
  #offset: number;
  #order = 0;
  #timers: Timer[] = [];
  readonly #jumps: number[] = [];

  constructor(startsAt: number) {
    this.#offset = startsAt;
  }

  get elapsed(): number {
    return this.#elapsed;
  }

  get wall(): number {
    return this.#elapsed + this.#offset;
  }

  /** Sets the wall clock forward or back, as an operator or a time daemon may. */
  jump(ms: number): void {
    this.#offset += ms;
    this.#jumps.push(this.#elapsed);
  }

  /** How often the wall clock was set since a point of true time. */
  jumpsSince(elapsed: number): number {
    return this.#jumps.filter((at) => at >= elapsed).length;
  }

  /** The true time at which the wall clock will show `wall`, if nobody sets it meanwhile. */
  elapsedAt(wall: number): number {
    return wall - this.#offset;
  }

  /** Runs something after a span of true time. Of two at the same time, the earlier asked for runs first. */
  after(ms: number, run: () => void): void {
    const timer = { at: this.#elapsed + Math.max(0, ms), order: this.#order++, run };
    let low = 0;
    let high = this.#timers.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.#timers[middle];
      if (other !== undefined && other.at > timer.at) low = middle + 1;
      else high = middle;
    }
    // Latest first, so that the next one is taken off the end.
    this.#timers.splice(low, 0, timer);
  }

  /** When the next timer is due, in true time; null when there is none. */
  get nextTimer(): number | null {
    return this.#timers.at(-1)?.at ?? null;
  }

  /** Moves true time to the next timer and runs it, even ahead of its turn. */
  runNextTimer(): void {
    const timer = this.#timers.pop();
    if (timer === undefined) return;
    this.#elapsed = Math.max(this.#elapsed, timer.at);
    timer.run();
  }

  /** Lets time pass up to a point of true time, without running timers. */
  passTo(elapsed: number): void {
    this.#elapsed = Math.max(this.#elapsed, elapsed);
  }
}
