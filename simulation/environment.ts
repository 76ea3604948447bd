import { type SlotKey, slotStream } from '../src/core/model/name.ts';
import { err, ok, type Result, unreachable } from '../src/core/model/result.ts';
import { type EnvironmentDriver, type Outcome, type Unreadable } from '../src/ports/environment.ts';
import type { VirtualClock } from './clock.ts';
import type { CallFate, Fates } from './faults.ts';
import type { SimulatedSlot } from './simulated-slot.ts';

/** What the environment needs of the world around it. */
export interface EnvironmentParts {
  readonly clock: VirtualClock;
  readonly fates: Fates;
  /** Asks that a signal of a hanging call be aborted when its caller's patience ends. */
  readonly giveUp: (signal: AbortSignal) => void;
  readonly slotFor: (key: SlotKey) => SimulatedSlot;
  /** Hears of each call that changed something, with the generation it carried. */
  readonly changed: (key: SlotKey, change: Change) => void;
}

/** A call that the outside accepted. `again` says that a call of this generation had been accepted before. */
export interface Change {
  readonly call: 'apply' | 'remove' | 'shift';
  readonly generation: number;
  readonly again: boolean;
}

/** The simulated environment as its ports: every call may meet its fate. */
export class SimulatedEnvironment {
  readonly #parts: EnvironmentParts;
  readonly #accepted = new Map<string, Set<string>>();

  constructor(parts: EnvironmentParts) {
    this.#parts = parts;
  }

  driver(): EnvironmentDriver {
    const { clock, slotFor } = this.#parts;
    return {
      fences: true,
      desiredState: {
        applyWorkload: (slot, spec, signal) =>
          this.#call(slot, 'apply', spec.generation, signal, () => {
            slotFor(slot).apply(spec.release, spec.artifact, spec.replicas, clock.elapsed);
            return null;
          }),
        removeWorkload: (slot, target, signal) =>
          this.#call(slot, 'remove', target.generation, signal, () => slotFor(slot).remove(target.release)),
      },
      traffic: {
        shift: (slot, target, signal) =>
          this.#call(slot, 'shift', target.generation, signal, () => {
            slotFor(slot).shift(target.weights, clock.elapsed);
            return null;
          }),
      },
      observer: {
        observe: (slot, signal) => this.#read('observe', signal, () => slotFor(slot).look(clock.elapsed)),
      },
      metrics: {
        scrape: (slot, arms, signal) =>
          this.#measure(slot, 'scrape', signal, (outside) =>
            outside.scrape(arms.canary, arms.stable, clock.elapsed, clock.wall),
          ),
        history: (slot, { stable }, signal) =>
          this.#measure(slot, 'history', signal, (outside) =>
            outside.history(stable, clock.elapsed, clock.wall),
          ),
      },
      troubleshooting: {
        diagnose: (slot, release, signal) =>
          this.#read('diagnose', signal, () => slotFor(slot).diagnose(release)),
      },
    };
  }

  async #call(
    key: SlotKey,
    call: Change['call'],
    generation: number,
    signal: AbortSignal,
    change: () => string | null,
  ): Promise<Outcome> {
    const happen = (): Outcome => this.#happen(key, call, generation, change);
    const fate = this.#parts.fates(call);
    switch (fate.fate) {
      case 'fails':
        return { outcome: 'failed', message: 'simulated failure' };
      case 'twice':
        happen();
        return happen();
      case 'answer-lost':
        happen();
        return { outcome: 'unknown', message: 'simulated loss of the answer' };
      case 'happens-later':
        this.#parts.clock.after(fate.afterMs, happen);
        return { outcome: 'unknown', message: 'simulated time-out' };
      case 'plain':
      case 'late':
      case 'hangs':
        await this.#delay(fate, signal);
        return happen();
      default:
        return unreachable(fate);
    }
  }

  /** `change` does it, or returns why the outside refuses. */
  #happen(key: SlotKey, call: Change['call'], generation: number, change: () => string | null): Outcome {
    const slot = this.#parts.slotFor(key);
    if (!slot.accepts(generation)) return { outcome: 'stale', generation: slot.generation };
    const refused = change();
    if (refused !== null) return { outcome: 'failed', message: refused };
    const accepted = this.#accepted.get(slotStream(key)) ?? new Set();
    this.#accepted.set(slotStream(key), accepted);
    const again = accepted.has(`${call} ${generation}`);
    accepted.add(`${call} ${generation}`);
    this.#parts.changed(key, { call, generation, again });
    return { outcome: 'done' };
  }

  async #measure<T>(
    key: SlotKey,
    call: string,
    signal: AbortSignal,
    look: (outside: SimulatedSlot) => T,
  ): Promise<Result<T, Unreadable>> {
    const outside = this.#parts.slotFor(key);
    const message = outside.metricsSay;
    return message === null
      ? this.#read(call, signal, () => look(outside))
      : err({ code: 'unreachable', message });
  }

  async #read<T>(call: string, signal: AbortSignal, look: () => T): Promise<Result<T, Unreadable>> {
    const fate = this.#parts.fates(call);
    if (fate.fate === 'fails' || fate.fate === 'answer-lost')
      return err({ code: 'unreachable', message: 'simulated failure' });
    // What was read is as old as the answer is late.
    const seen = look();
    await this.#delay(fate, signal);
    return ok(seen);
  }

  async #delay(fate: CallFate, signal: AbortSignal): Promise<void> {
    if (fate.fate === 'late')
      await new Promise<void>((resolve) => {
        this.#parts.clock.after(fate.afterMs, resolve);
      });
    if (fate.fate === 'hangs') {
      this.#parts.giveUp(signal);
      await new Promise<never>((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error('given up')), { once: true });
      });
    }
  }
}
