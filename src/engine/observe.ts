import type { Weight } from '../core/model/observation.ts';
import type { SlotState } from '../core/model/state.ts';
import type { Millis } from '../core/model/time.ts';
import type { EnvironmentDriver, Unreadable } from '../ports/environment.ts';
import type { Claim, EngineStore } from '../ports/store.ts';

/** How often a slot is looked at, in milliseconds. */
export interface ObservePace {
  /** While an effect is open: the sooner it is read back, the sooner the next move. */
  readonly effect: number;
  /** While a promotion moves; also the pace of scrapes. */
  readonly moving: number;
  /** While nothing moves. */
  readonly idle: number;
}

/** When a slot is to be looked at again. */
export function nextLook(slot: SlotState, now: Millis, pace: ObservePace): Millis {
  if (slot.effects.length > 0) return now + pace.effect;
  return now + (slot.moving === null ? pace.idle : pace.moving);
}

/**
 * Looks at the outside once and records what it shows. What cannot be read is not recorded: the last observation
 * grows old, and everything that needs a fresh one waits. `unscraped` hears why there are no samples.
 */
export async function observeSlot(
  store: EngineStore,
  driver: EnvironmentDriver | undefined,
  claim: Claim,
  pace: ObservePace,
  signal: AbortSignal,
  unscraped: (why: Unreadable) => void,
): Promise<'seen' | 'unreadable'> {
  const { slot, now } = await store.load(claim.slot);
  if (driver === undefined) {
    await store.release(claim, now + pace.idle);
    return 'unreadable';
  }
  const seen = await driver.observer.observe(claim.slot, signal);
  if (seen.ok) await store.observed(claim.slot, seen.value);
  const scraped = await scrape(store, driver, claim, slot, seen.ok ? seen.value.weights : null, signal);
  if (scraped !== null) unscraped(scraped);
  await store.release(claim, nextLook(slot, now, pace));
  return seen.ok ? 'seen' : 'unreadable';
}

/** Reads both arms' counters while a canary has been asked to take traffic. Returns why that was not possible. */
async function scrape(
  store: EngineStore,
  driver: EnvironmentDriver,
  claim: Claim,
  slot: SlotState,
  weights: readonly Weight[] | null,
  signal: AbortSignal,
): Promise<Unreadable | null> {
  const moving = slot.promotions.find((p) => p.id === slot.moving);
  if (moving === undefined || moving.state !== 'rolling-out' || slot.stable === null) return null;
  const read = await driver.metrics.scrape(
    claim.slot,
    { canary: moving.release, stable: slot.stable.release, weights },
    signal,
  );
  if (!read.ok) return read.error;
  if (read.value.length > 0) await store.sampled(claim.slot, moving.id, read.value);
  return null;
}
