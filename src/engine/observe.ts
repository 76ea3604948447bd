import { analysisFromHistory } from '../core/decide/sampled.ts';
import { isNews } from '../core/decide/unreadable.ts';
import { sourceNews } from '../core/decide/outage.ts';
import type { Weight } from '../core/model/observation.ts';
import { ok, type Result } from '../core/model/result.ts';
import type { SlotState } from '../core/model/state.ts';
import type { Millis } from '../core/model/time.ts';
import { cutWords } from '../core/model/words.ts';
import type { EnvironmentDriver, Unreadable } from '../ports/environment.ts';
import type { Claim, EngineStore, TurnRecord } from '../ports/store.ts';

/** As much of what the outside says is recorded. */
const longestWords = 500;

/** How often a slot is looked at, in milliseconds. */
export interface ObservePace {
  /** While an effect is open: the sooner it is read back, the sooner the next move. */
  readonly effect: number;
  /** While a promotion moves; also the pace of scrapes. */
  readonly moving: number;
  /** While nothing moves. */
  readonly idle: number;
}

/** When the calls of one look are given up: all of them, and before that the reading of a history. */
export interface LookLimits {
  readonly signal: AbortSignal;
  readonly historyLimit: AbortSignal;
}

/** When a slot is to be looked at again. */
export function nextLook(slot: SlotState, now: Millis, pace: ObservePace): Millis {
  if (slot.effects.length > 0) return now + pace.effect;
  return now + (slot.moving === null ? pace.idle : pace.moving);
}

/**
 * Looks at the outside once and records what it shows. Of what cannot be read the last observation grows old, and
 * everything that needs a fresh one waits; when that lasts, it is recorded with the outside's words. `unscraped` hears
 * why there are no samples.
 */
export async function observeSlot(
  store: EngineStore,
  driver: EnvironmentDriver | undefined,
  claim: Claim,
  pace: ObservePace,
  { signal, historyLimit }: LookLimits,
  unscraped: (why: Unreadable) => void,
): Promise<'seen' | 'unreadable'> {
  const record = await store.load(claim.slot);
  const { slot, now } = record;
  if (driver === undefined) {
    await recordUnseen(store, record, `no driver serves environment ${slot.key.environment}`);
    await store.release(claim, now + pace.idle);
    return 'unreadable';
  }
  const seen = await driver.observer.observe(claim.slot, signal);
  if (!seen.ok) await recordUnseen(store, record, seen.error.message);
  // A process that stood still has an old look in its hands: another may have looked since, and acted on it.
  else if (!signal.aborted) await store.observed(claim.slot, seen.value);
  const begun = await readHistory(store, driver, claim, record, historyLimit);
  const scraped = await scrape(store, driver, claim, slot, seen.ok ? seen.value.weights : null, signal);
  if (scraped?.ok === false) unscraped(scraped.error);
  // A history that could not be read has just said so itself.
  if (scraped !== null && !begun) await recordOutage(store, record, scraped);
  await store.release(claim, nextLook(slot, now, pace));
  return seen.ok ? 'seen' : 'unreadable';
}

/**
 * Once a rollout, before anything of it is counted: what stable has counted before. Where the source cannot tell, the
 * rollout begins without it, and the record says why; a source that remembers nothing has nothing to record. Returns
 * whether it was recorded.
 */
async function readHistory(
  store: EngineStore,
  driver: EnvironmentDriver,
  claim: Claim,
  { slot, project, pending, now }: TurnRecord,
  signal: AbortSignal,
): Promise<boolean> {
  const moving = rollingOut(slot);
  if (moving === null || slot.analysis?.promotion === moving.id || pending.samples.length > 0) return false;
  const asked = { stable: moving.stable, before: now / 1000 };
  const read = await driver.metrics.history(claim.slot, asked, signal);
  if (read.ok && read.value.slices.length === 0) return false;
  const analysis = analysisFromHistory(slot, project, read.ok ? read.value.samples : []);
  if (analysis === null) return false;
  await store.historyRead(claim.slot, {
    promotion: moving.id,
    slices: read.ok ? [...read.value.slices] : [],
    ended: read.ok ? read.value.ended : null,
    message: read.ok ? '' : cutWords(read.error.message, longestWords),
    analysis,
  });
  return true;
}

/** Records that nobody can look at the slot, when that is new. */
async function recordUnseen(
  store: EngineStore,
  { slot, pending, now }: TurnRecord,
  message: string,
): Promise<void> {
  const said = cutWords(message, longestWords);
  if (isNews(slot, said, pending.seenUntil ?? slot.seenUntil, now)) await store.lookFailed(slot.key, said);
}

/** Records that the source of metrics went away, says something else, or is back: a gate's time stands still meanwhile. */
async function recordOutage(
  store: EngineStore,
  { slot, now }: TurnRecord,
  scraped: Result<null, Unreadable>,
): Promise<void> {
  const promotion = slot.promotions.find((p) => p.id === slot.moving);
  if (promotion === undefined) return;
  const news = sourceNews(promotion, scraped.ok ? null : cutWords(scraped.error.message, longestWords), now);
  if (news !== null) await store.sourceChanged(slot.key, news);
}

/** The promotion whose traffic is compared, and with which release; null while there is none. */
function rollingOut(
  slot: SlotState,
): { readonly id: string; readonly release: string; readonly stable: string } | null {
  const moving = slot.promotions.find((p) => p.id === slot.moving);
  if (moving === undefined || moving.state !== 'rolling-out' || slot.stable === null) return null;
  return { id: moving.id, release: moving.release, stable: slot.stable.release };
}

/** Reads both arms' counters while a canary has been asked to take traffic; null where none has. */
async function scrape(
  store: EngineStore,
  driver: EnvironmentDriver,
  claim: Claim,
  slot: SlotState,
  weights: readonly Weight[] | null,
  signal: AbortSignal,
): Promise<Result<null, Unreadable> | null> {
  const moving = rollingOut(slot);
  if (moving === null) return null;
  const arms = { canary: moving.release, stable: moving.stable, weights };
  const read = await driver.metrics.scrape(claim.slot, arms, signal);
  if (!read.ok) return read;
  if (read.value.length > 0) await store.sampled(claim.slot, moving.id, read.value);
  return ok(null);
}
