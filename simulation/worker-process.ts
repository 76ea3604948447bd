import type { EnvironmentDriver } from '../src/ports/environment.ts';
import type { EngineStore, Lane } from '../src/ports/store.ts';

/** A call that waits for the scheduler to let it happen. */
export interface Parked {
  readonly process: WorkerProcess;
  readonly label: string;
  readonly go: () => void;
}

/** How the scheduler decides over one call: whether the process dies before or after it. */
export interface Crashes {
  before(label: string): boolean;
  after(label: string): boolean;
}

/**
 * One worker as a process that may die: every call of the store and of a driver is a point at which the scheduler
 * may let somebody else go first, or end the process before or after it. What a dead process was waiting for is
 * never answered.
 */
export class WorkerProcess {
  readonly name: string;
  dead = false;
  readonly busy = new Set<Lane>();
  readonly #park: (parked: Parked) => void;
  readonly #crashes: Crashes;
  readonly #died: (process: WorkerProcess) => void;

  constructor(
    name: string,
    park: (parked: Parked) => void,
    crashes: Crashes,
    died: (process: WorkerProcess) => void,
  ) {
    this.name = name;
    this.#park = park;
    this.#crashes = crashes;
    this.#died = died;
  }

  kill(): void {
    if (this.dead) return;
    this.dead = true;
    this.#died(this);
  }

  /** Lets a call through when its turn has come. */
  async #through<T>(label: string, call: () => Promise<T>): Promise<T> {
    await new Promise<void>((go) => {
      if (!this.dead) this.#park({ process: this, label, go });
    });
    if (this.#crashes.before(label)) this.kill();
    if (this.dead) return never();
    const answer = await call();
    if (!this.dead && this.#crashes.after(label)) this.kill();
    return this.dead ? never() : answer;
  }

  store(inner: EngineStore): EngineStore {
    return {
      claim: (lane, limit, leaseMs) => this.#through('store.claim', () => inner.claim(lane, limit, leaseMs)),
      load: (slot) => this.#through('store.load', () => inner.load(slot)),
      commit: (turn) => this.#through('store.commit', () => inner.commit(turn)),
      release: (claim, dueAt) => this.#through('store.release', () => inner.release(claim, dueAt)),
      observed: (slot, seen) => this.#through('store.observed', () => inner.observed(slot, seen)),
      sampled: (slot, promotion, samples) =>
        this.#through('store.sampled', () => inner.sampled(slot, promotion, samples)),
      historyRead: (slot, read) => this.#through('store.historyRead', () => inner.historyRead(slot, read)),
      diagnosticsRead: (slot, read, bytes) =>
        this.#through('store.diagnosticsRead', () => inner.diagnosticsRead(slot, read, bytes)),
      lookFailed: (slot, message) => this.#through('store.lookFailed', () => inner.lookFailed(slot, message)),
      sourceChanged: (slot, news) =>
        this.#through('store.sourceChanged', () => inner.sourceChanged(slot, news)),
      effectFailed: (slot, effect, outcome, message) =>
        this.#through('store.effectFailed', () => inner.effectFailed(slot, effect, outcome, message)),
    };
  }

  driver(inner: EnvironmentDriver): EnvironmentDriver {
    return {
      fences: inner.fences,
      desiredState: {
        applyWorkload: (slot, spec, signal) =>
          this.#through('driver.apply', () => inner.desiredState.applyWorkload(slot, spec, signal)),
        removeWorkload: (slot, target, signal) =>
          this.#through('driver.remove', () => inner.desiredState.removeWorkload(slot, target, signal)),
      },
      traffic: {
        shift: (slot, target, signal) =>
          this.#through('driver.shift', () => inner.traffic.shift(slot, target, signal)),
      },
      observer: {
        observe: (slot, signal) =>
          this.#through('driver.observe', () => inner.observer.observe(slot, signal)),
      },
      metrics: {
        scrape: (slot, arms, signal) =>
          this.#through('driver.scrape', () => inner.metrics.scrape(slot, arms, signal)),
        history: (slot, asked, signal) =>
          this.#through('driver.history', () => inner.metrics.history(slot, asked, signal)),
      },
      troubleshooting: {
        diagnose: (slot, release, signal) =>
          this.#through('driver.diagnose', () => inner.troubleshooting.diagnose(slot, release, signal)),
      },
    };
  }
}

const never = (): Promise<never> => new Promise(() => undefined);
