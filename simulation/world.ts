import { setImmediate } from 'node:timers/promises';
import { nodeCrypto } from '../src/engine/crypto.ts';
import { type WorkerEvent, workOnce } from '../src/engine/worker.ts';
import type { ObservePace } from '../src/engine/observe.ts';
import type { Crypto } from '../src/core/model/digest.ts';
import { type SlotKey, slotStream } from '../src/core/model/name.ts';
import type { Weight } from '../src/core/model/observation.ts';
import type { EnvironmentDriver } from '../src/ports/environment.ts';
import type { EngineStore, Lane } from '../src/ports/store.ts';
import { VirtualClock } from './clock.ts';
import { SimulatedEnvironment, type Change } from './environment.ts';
import type { Fates } from './faults.ts';
import { allLanes } from './lanes.ts';
import { MemoryStore, type StoreListener } from './memory-store.ts';
import type { Random } from './random.ts';
import { type Behaviour, type Breach, goodBehaviour, SimulatedSlot } from './simulated-slot.ts';
import { type Crashes, type Parked, WorkerProcess } from './worker-process.ts';

/** 2026-11-21T09:00:00Z: when every simulated world begins. */
export const worldBegins = 1_795_251_600_000;

export interface WorldParts {
  readonly random: Random;
  readonly workers: number;
  readonly pace: ObservePace;
  readonly fates: Fates;
  readonly crashes: Crashes;
  /** How often, of all calls, one stalls for longer than its lease. */
  readonly stalls: number;
  /** How often, while calls are under way, the next event comes first. */
  readonly races: number;
  readonly listener: StoreListener;
  readonly breach: Breach;
  readonly changed: (key: SlotKey, change: Change) => void;
  /** Hear what a worker had read before an effect, and of the shift that it then asks for. */
  readonly effectLoaded: (process: WorkerProcess, slot: SlotKey) => void;
  readonly shiftCalled: (process: WorkerProcess, slot: SlotKey, weights: readonly Weight[]) => void;
  readonly reported: (event: WorkerEvent) => void;
}

/** The engine on a virtual clock: store, workers, outside, and a scheduler that lets one call happen at a time. */
export class World {
  readonly clock = new VirtualClock(worldBegins);
  readonly crypto: Crypto = nodeCrypto;
  readonly store: MemoryStore;
  readonly behaviours = new Map<string, Behaviour>();
  readonly requestsPerSecond = new Map<string, number>();
  /** Both are turned off for the quiet end of a run. */
  fates: Fates;
  faulty = true;
  restarts = 0;
  readonly #parts: WorldParts;
  readonly #driver: EnvironmentDriver;
  readonly #slots = new Map<string, SimulatedSlot>();
  readonly #abort = new WeakMap<AbortSignal, AbortController>();
  #workers: WorkerProcess[] = [];
  #parked: Parked[] = [];

  constructor(parts: WorldParts) {
    this.#parts = parts;
    this.fates = parts.fates;
    this.store = new MemoryStore(this.clock, this.crypto, parts.listener);
    const environment = new SimulatedEnvironment({
      clock: this.clock,
      fates: (call) => this.fates(call),
      giveUp: (signal) => this.clock.after(3_000, () => this.#abort.get(signal)?.abort()),
      slotFor: (key) => this.outside(key),
      changed: parts.changed,
    });
    this.#driver = environment.driver();
    for (let i = 0; i < parts.workers; i++) this.#start();
  }

  /** The outside of one slot. */
  outside(key: SlotKey): SimulatedSlot {
    const name = slotStream(key);
    const known = this.#slots.get(name);
    if (known !== undefined) return known;
    const slot = new SimulatedSlot(
      this.#parts.random.stream(name),
      (release) => this.behaviours.get(release) ?? goodBehaviour,
      this.requestsPerSecond.get(key.environment) ?? 50,
      this.#parts.breach,
    );
    this.#slots.set(name, slot);
    return slot;
  }

  #start(): void {
    const crashes: Crashes = {
      before: (label) => this.faulty && this.#parts.crashes.before(label),
      after: (label) => this.faulty && this.#parts.crashes.after(label),
    };
    const process = new WorkerProcess(
      `worker-${++this.restarts}`,
      (parked) => this.#parked.push(parked),
      crashes,
      (died) => {
        this.#workers = this.#workers.filter((w) => w !== died);
        this.#parked = this.#parked.filter((p) => p.process !== died);
        this.clock.after(this.#parts.random.integer(100, 8_000), () => this.#start());
      },
    );
    this.#workers.push(process);
  }

  /** Lets everything happen until true time has come to a point. */
  async runTo(elapsed: number): Promise<void> {
    for (;;) {
      // All that can go on by itself has gone on when the event loop comes round.
      await setImmediate();
      if (this.#next(elapsed)) continue;
      this.clock.passTo(elapsed);
      return;
    }
  }

  async run(ms: number): Promise<void> {
    return this.runTo(this.clock.elapsed + ms);
  }

  /** One thing happens: a call, a worker's next piece of work, or time passes. False when nothing is left before `until`. */
  #next(until: number): boolean {
    const { random } = this.#parts;
    const startable = this.#startable();
    const choices = this.#parked.length + startable.length;
    if (choices === 0) return this.#passTime(until);
    const timer = this.clock.nextTimer;
    if (this.faulty && timer !== null && timer <= until && random.chance(this.#parts.races)) {
      this.clock.runNextTimer();
      return true;
    }
    const choice = random.integer(0, choices - 1);
    const parked = this.#parked[choice];
    if (parked === undefined) {
      const start = startable[choice - this.#parked.length];
      if (start !== undefined) this.#work(start.process, start.lane);
      return true;
    }
    this.#parked.splice(choice, 1);
    if (this.faulty && random.chance(this.#parts.stalls))
      this.clock.after(random.integer(500, 9_000), parked.go);
    else parked.go();
    return true;
  }

  #startable(): readonly { readonly process: WorkerProcess; readonly lane: Lane }[] {
    const lanes = allLanes.filter((lane) => this.store.hasDue(lane));
    return this.#workers.flatMap((process) =>
      lanes.filter((lane) => !process.busy.has(lane)).map((lane) => ({ process, lane })),
    );
  }

  #passTime(until: number): boolean {
    const due = this.store.nextDue();
    const dueAt = due === null ? null : this.clock.elapsedAt(due);
    const timer = this.clock.nextTimer;
    // A lane that is due while every worker is busy waits for them, that is for a timer.
    const lane = dueAt !== null && dueAt > this.clock.elapsed ? dueAt : null;
    const next = Math.min(timer ?? Infinity, lane ?? Infinity);
    if (next > until) return false;
    if (timer !== null && timer <= next) this.clock.runNextTimer();
    else this.clock.passTo(next);
    return true;
  }

  #work(process: WorkerProcess, lane: Lane): void {
    process.busy.add(lane);
    const driver = this.#watched(process, process.driver(this.#driver));
    const inner = process.store(this.store);
    const store: EngineStore = {
      ...inner,
      load: async (slot) => {
        const record = await inner.load(slot);
        if (lane === 'effect') this.#parts.effectLoaded(process, slot);
        return record;
      },
    };
    void workOnce(
      {
        store,
        crypto: this.crypto,
        driverFor: () => driver,
        pace: this.#parts.pace,
        report: (event) => {
          if (!process.dead) this.#parts.reported(event);
        },
        concurrency: { turn: 2, observe: 2, effect: 2 },
        callLimit: () => this.#signal(),
      },
      lane,
    ).finally(() => process.busy.delete(lane));
  }

  #watched(process: WorkerProcess, driver: EnvironmentDriver): EnvironmentDriver {
    return {
      ...driver,
      traffic: {
        shift: (slot, target, signal) => {
          this.#parts.shiftCalled(process, slot, target.weights);
          return driver.traffic.shift(slot, target, signal);
        },
      },
    };
  }

  #signal(): AbortSignal {
    const controller = new AbortController();
    this.#abort.set(controller.signal, controller);
    return controller.signal;
  }
}
