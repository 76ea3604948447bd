import type { SlotKey } from '../src/core/model/name.ts';
import type { Millis } from '../src/core/model/time.ts';
import type { Claim, Lane } from '../src/ports/store.ts';

export const allLanes: readonly Lane[] = ['turn', 'observe', 'effect'];

/** One lane of one slot: when it is due, and who works on it. */
export class LaneState {
  readonly slot: SlotKey;
  readonly lane: Lane;
  dueAt: Millis | null = null;
  token = 0;
  leasedUntil: Millis | null = null;
  /** Something came in while it was worked on: it is due again as soon as that work ends. */
  #signalled = false;

  constructor(slot: SlotKey, lane: Lane) {
    this.slot = slot;
    this.lane = lane;
  }

  isDue(now: Millis): boolean {
    return this.dueAt !== null && this.dueAt <= now && (this.leasedUntil === null || this.leasedUntil <= now);
  }

  /** When it will be due, if nothing comes in. */
  get next(): Millis | null {
    return this.dueAt === null ? null : Math.max(this.dueAt, this.leasedUntil ?? 0);
  }

  signal(now: Millis): void {
    this.dueAt = Math.min(this.dueAt ?? now, now);
    this.#signalled = true;
  }

  claim(now: Millis, leaseMs: number): Claim {
    this.token++;
    this.leasedUntil = now + leaseMs;
    this.dueAt = now;
    this.#signalled = false;
    return { slot: this.slot, lane: this.lane, token: this.token };
  }

  holds(claim: Claim, now: Millis): boolean {
    return claim.token === this.token && this.leasedUntil !== null && now < this.leasedUntil;
  }

  get signalled(): boolean {
    return this.#signalled;
  }

  /** Ends the work with exactly this next time. */
  settle(dueAt: Millis | null): void {
    this.leasedUntil = null;
    this.dueAt = dueAt;
  }

  giveBack(now: Millis, dueAt: Millis | null): void {
    this.leasedUntil = null;
    this.dueAt = this.#signalled ? Math.min(now, dueAt ?? now) : dueAt;
  }
}
