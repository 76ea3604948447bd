/** Says on stderr what happens and when, in seconds since the start. */
export class Progress {
  readonly #started = performance.now();

  say(text: string): void {
    process.stderr.write(`${this.seconds.toFixed(1).padStart(6)} s  ${text}\n`);
  }

  get seconds(): number {
    return (performance.now() - this.#started) / 1000;
  }

  /** Does a piece of work and says how long it took. */
  async step<T>(name: string, work: () => Promise<T>): Promise<T> {
    const started = performance.now();
    const result = await work();
    this.say(`${name} (${((performance.now() - started) / 1000).toFixed(1)} s)`);
    return result;
  }
}
