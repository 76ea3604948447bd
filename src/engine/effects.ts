import { readyOf, weightOf } from '../core/decide/capacity.ts';
import { freezesOn } from '../core/decide/freeze.ts';
import { holdsOn } from '../core/decide/holds.ts';
import { lookAt } from '../core/decide/look.ts';
import { renderConfiguration } from '../core/decide/plan.ts';
import { lostTrust } from '../core/decide/turn-back.ts';
import { gateConditions } from '../core/decide/stage-gates.ts';
import type { Action } from '../core/model/decision.ts';
import { type Crypto, seal } from '../core/model/digest.ts';
import { unreachable } from '../core/model/result.ts';
import type { OpenEffect, SlotState } from '../core/model/state.ts';
import type { Millis } from '../core/model/time.ts';
import { cutWords } from '../core/model/words.ts';
import { keepDiagnostics } from './diagnostics.ts';
import type { EnvironmentDriver, Outcome, RenderedConfiguration } from '../ports/environment.ts';
import type { Claim, EngineStore, TurnRecord } from '../ports/store.ts';

/** An effect that was accepted and is not seen yet is asked for again after this long. */
const askAgainMs = 3_000;
const longestPauseMs = 30_000;
/** Traffic that is to leave a release is tried again soon, however long the outside was away. */
const longestBackMs = 2_000;

/** After so many attempts the pause grows no more. */
const attemptsOfGrowth = 8;
/** As much of what the outside says is recorded. */
const longestWords = 500;

/** The pause before the next try, in milliseconds: doubling from 250 ms. */
const pauseAfter = (attempts: number, longest: number): number =>
  Math.min(longest, 250 * 2 ** Math.min(attempts - 1, 10));

const longestPause = (slot: SlotState, action: Action): number =>
  action.type === 'shift-traffic' && !grows(slot, action) ? longestBackMs : longestPauseMs;

/** When the calls of one piece of work are given up: all of them, and before that the reading of diagnostics. */
export interface CallLimits {
  readonly signal: AbortSignal;
  readonly diagnosticsLimit: () => AbortSignal;
}

/**
 * Carries out a slot's open effects, in the order in which they were decided. Before one that increases exposure
 * freezes, trust, pauses and the gates at the door are read again: what was committed meanwhile wins, and the effect
 * waits.
 */
export async function carryOut(
  store: EngineStore,
  driver: EnvironmentDriver | undefined,
  crypto: Crypto,
  claim: Claim,
  { signal, diagnosticsLimit }: CallLimits,
): Promise<
  readonly { readonly effect: Action['type']; readonly outcome: Outcome['outcome'] | 'frozen' | 'refused' }[]
> {
  let record = await store.load(claim.slot);
  const results: { effect: Action['type']; outcome: Outcome['outcome'] | 'frozen' | 'refused' }[] = [];
  let due: Millis | null = null;
  for (const [index, wanted] of record.slot.effects.entries()) {
    // The one before has taken time: freezes, trust and the effects themselves are read again.
    if (index > 0) record = await store.load(claim.slot);
    const open = record.slot.effects.find((effect) => effect.action.generation === wanted.action.generation);
    if (open === undefined) continue;
    if (driver !== undefined)
      await keepDiagnostics(store, driver, crypto, record.slot, open.action, diagnosticsLimit);
    const outcome = await attempt(record, driver, crypto, open, signal);
    results.push({ effect: open.action.type, outcome: outcome.outcome });
    const pause = await settle(store, claim, open, outcome, record);
    due = due === null ? record.now + pause : Math.min(due, record.now + pause);
  }
  await store.release(claim, due);
  return results;
}

type Attempt =
  | Outcome
  | { readonly outcome: 'frozen' }
  | { readonly outcome: 'refused'; readonly message: string };

async function attempt(
  record: TurnRecord,
  driver: EnvironmentDriver | undefined,
  crypto: Crypto,
  open: OpenEffect,
  signal: AbortSignal,
): Promise<Attempt> {
  if (driver === undefined)
    return { outcome: 'refused', message: `no driver serves environment ${record.slot.key.environment}` };
  if (grows(record.slot, open.action)) {
    if (isFrozen(record)) return { outcome: 'frozen' };
    const doubt = doubtOf(record, crypto) ?? missingCapacity(record.slot, open.action);
    if (doubt !== null) return { outcome: 'refused', message: doubt };
    if (isHeld(record, crypto)) return { outcome: 'frozen' };
  }
  try {
    return await execute(record, driver, crypto, open.action, signal);
  } catch (error) {
    // A driver that throws has broken its contract; whether the outside changed is not known.
    return { outcome: 'unknown', message: error instanceof Error ? error.message : String(error) };
  }
}

/** Whether an action gives a release other than stable more traffic than it is seen to have. */
function grows(slot: SlotState, action: Action): boolean {
  if (action.type !== 'shift-traffic') return false;
  return action.weights.some(
    (w) => w.release !== slot.stable?.release && w.weight > (weightOf(slot, w.release) ?? 0),
  );
}

/** Why there is no capacity for a shift any more: what was ready at the decision may be gone. */
function missingCapacity(slot: SlotState, action: Action): string | null {
  if (action.type !== 'shift-traffic') return null;
  const dry = action.weights.find(
    (w) => w.weight > 0 && w.release !== slot.stable?.release && readyOf(slot, w.release) === 0,
  );
  return dry === undefined ? null : `nothing of ${dry.release} is ready`;
}

/** Whether a freeze holds the slot now. It never holds a rollback. */
function isFrozen({ slot, project, everything, now }: TurnRecord): boolean {
  if (slot.promotions.find((p) => p.id === slot.moving)?.mode === 'rollback') return false;
  const environment = project.environments[slot.key.environment];
  return (
    environment === undefined ||
    freezesOn(slot.key, environment.document, project, everything, now).length > 0
  );
}

/** Whether a person or a gate at the door holds what moves since the decision: a pause, a window, an approval run out. */
function isHeld(record: TurnRecord, crypto: Crypto): boolean {
  const { slot, now } = record;
  const moving = slot.promotions.find((p) => p.id === slot.moving);
  const looked = moving === undefined ? null : lookAt({ ...record, crypto }, slot, moving, now);
  return looked?.found === true && [...holdsOn(looked.view), ...gateConditions(looked.view)].length > 0;
}

/** Why what moves may no longer get more traffic: trust that was taken away after the decision. */
function doubtOf(record: TurnRecord, crypto: Crypto): string | null {
  const { slot, now } = record;
  const moving = slot.promotions.find((p) => p.id === slot.moving);
  if (moving === undefined) return 'nothing moves that could get it';
  const looked = lookAt({ ...record, crypto }, slot, moving, now);
  if (!looked.found) return `what it was decided on is not there: ${looked.missing.reason.code}`;
  const lost = lostTrust(looked.view);
  return lost === null ? null : `its signature no longer counts: ${lost.reason.code}`;
}

async function execute(
  record: TurnRecord,
  driver: EnvironmentDriver,
  crypto: Crypto,
  action: Action,
  signal: AbortSignal,
): Promise<Attempt> {
  const { key } = record.slot;
  switch (action.type) {
    case 'apply-workload': {
      const configuration = rendered(record, crypto, action);
      if (configuration === null)
        return { outcome: 'refused', message: 'the environment has changed since the plan was made' };
      return driver.desiredState.applyWorkload(key, { ...action, configuration }, signal);
    }
    case 'shift-traffic':
      return driver.traffic.shift(key, action, signal);
    case 'remove-workload':
      return driver.desiredState.removeWorkload(key, action, signal);
    default:
      return unreachable(action);
  }
}

/** The configuration that the plan names, rendered again; null when it no longer comes out with the digest that was approved. */
function rendered(
  record: TurnRecord,
  crypto: Crypto,
  action: Extract<Action, { type: 'apply-workload' }>,
): RenderedConfiguration | null {
  const environment = record.project.environments[record.slot.key.environment]?.document;
  if (environment === undefined) return null;
  const bundle = record.releases[action.release]?.sealed?.release.bundle ?? null;
  const configuration = renderConfiguration(environment, bundle);
  const { digest } = seal(crypto, configuration);
  return digest === action.configuration ? { digest, ...configuration } : null;
}

/** Whether a failure is to be recorded: what goes on in the same words is so only now and then. */
function isNews({ failure }: OpenEffect, message: string, now: Millis): boolean {
  const at = failure?.at;
  if (failure === null || at === undefined || failure.attempts < attemptsOfGrowth) return true;
  return failure.message !== cutWords(message, longestWords) || now - at >= longestPauseMs;
}

/** Records what went wrong, and says how long to pause. */
async function settle(
  store: EngineStore,
  { slot: key }: Claim,
  open: OpenEffect,
  outcome: Attempt,
  { slot, now }: TurnRecord,
): Promise<number> {
  const attempts = (open.failure?.attempts ?? 0) + 1;
  const failed = async (how: 'failed' | 'unknown', message: string): Promise<number> => {
    if (isNews(open, message, now)) await store.effectFailed(key, open, how, message);
    return pauseAfter(attempts, longestPause(slot, open.action));
  };
  switch (outcome.outcome) {
    case 'done':
      return askAgainMs;
    case 'frozen':
      return 1_000;
    case 'stale':
      await failed('failed', `the outside has seen generation ${outcome.generation}, which is newer`);
      return longestPauseMs;
    case 'failed':
    case 'unknown':
      return failed(outcome.outcome, outcome.message);
    case 'refused':
      return failed('failed', outcome.message);
    default:
      return unreachable(outcome);
  }
}
