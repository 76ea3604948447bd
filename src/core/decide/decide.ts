import type { Action, Heads, Move, Wait } from '../model/decision.ts';
import { projectStream, releaseStream, slotStream, everythingStream } from '../model/name.ts';
import { unreachable } from '../model/result.ts';
import type { Conclusion, Promotion, SlotState, TurnInput } from '../model/state.ts';
import type { Millis } from '../model/time.ts';
import { crowdedOut } from './crowd.ts';
import { evaluator } from './evaluator.ts';
import { foldDecision } from './fold/slot.ts';
import { advanceObserving } from './observing.ts';
import { lookAt } from './look.ts';
import { retire } from './retire.ts';
import { advanceRollout } from './rollout.ts';
import { unseen } from './unreadable.ts';
import { go, type Step, type Unmet, wait } from './view.ts';
import { advanceWaiting, endMove } from './waiting.ts';
import { waitFrom } from './waits.ts';
import { advanceBack } from './way-back.ts';

/** A turn changes little; more rounds than this mean that two rules undo each other, which is a bug. */
const mostRounds = 200;
/** A decision must fit into one entry of the ledger: what is left over is decided in the next turn, at once. */
const mostMoves = 40;
/** In UTF-16 units of their JSON: with what one more round adds, and with what was read, an entry holds it. */
const longestMoves = 12_000;

/**
 * Decides one turn of one slot. Pure: the same input gives the same conclusion, byte for byte. It applies the
 * first rule that has something to do, folds the change in, and starts over, until every open promotion waits;
 * then it says what each waits for.
 */
export function decide(input: TurnInput): Conclusion {
  const now = Math.max(input.now, input.slot.clock);
  const moves: Move[] = [];
  const actions: Action[] = [];
  let slot = input.slot;
  let length = 0;
  for (let round = 0; round < mostRounds; round++) {
    const outcome = settle(input, slot, now);
    if (outcome.kind === 'settled') {
      const { waits, recorded, next } = conclude(slot, outcome.unmet, now);
      moves.push(...recorded);
      return {
        decision: { now, evaluator, reads: readHeads(input), moves, actions },
        waits,
        nextCheck: next,
      };
    }
    moves.push(...outcome.moves);
    length += JSON.stringify(outcome.moves).length;
    // Only the latest wish for the same thing is carried out; one turn never asks for traffic twice.
    actions.push(...outcome.actions);
    slot = foldDecision(slot, { now, moves: [...outcome.moves], actions: [...outcome.actions] });
    if (moves.length >= mostMoves || length >= longestMoves) {
      return {
        decision: { now, evaluator, reads: readHeads(input), moves, actions },
        waits: [],
        nextCheck: now,
      };
    }
  }
  throw new Error(`the decision on ${slotStream(slot.key)} does not settle`);
}

type Round =
  | { readonly kind: 'changed'; readonly moves: readonly Move[]; readonly actions: readonly Action[] }
  | { readonly kind: 'settled'; readonly unmet: readonly (readonly [Promotion, readonly Unmet[]])[] };

/** One round: the moving promotion first, then rollbacks, then the others, newest first. */
function settle(input: TurnInput, slot: SlotState, now: Millis): Round {
  const crowd = crowdedOut(slot);
  if (crowd.length > 0) return { kind: 'changed', moves: crowd, actions: [] };
  const waiting: (readonly [Promotion, readonly Unmet[]])[] = [];
  for (const promotion of inTurn(slot)) {
    const step = advance(input, slot, promotion, now);
    if (step.kind === 'go') return { kind: 'changed', moves: step.moves, actions: step.actions };
    waiting.push([promotion, [...step.unmet, ...unseen(slot, promotion)]]);
  }
  const retired = retire(slot, now);
  if (retired.kind === 'go') return { kind: 'changed', moves: retired.moves, actions: retired.actions };
  return { kind: 'settled', unmet: waiting };
}

function inTurn(slot: SlotState): readonly Promotion[] {
  const rank = (p: Promotion): number => (p.id === slot.moving ? 0 : p.mode === 'rollback' ? 1 : 2);
  return slot.promotions
    .map((promotion, index) => ({ promotion, index }))
    .sort((a, b) => rank(a.promotion) - rank(b.promotion) || b.index - a.index)
    .map(({ promotion }) => promotion);
}

function advance(input: TurnInput, slot: SlotState, promotion: Promotion, now: Millis): Step {
  // Going back needs no document and no gate.
  if (promotion.state === 'rolling-back') return advanceBack(slot, promotion);
  const looked = lookAt(input, slot, promotion, now);
  if (!looked.found) return abortBlindly(slot, promotion) ?? wait(looked.missing);
  const { view } = looked;
  switch (promotion.state) {
    case 'waiting':
      return advanceWaiting(view);
    case 'rolling-out':
      return advanceRollout(view);
    case 'observing':
      return advanceObserving(view);
    case 'promoted':
    case 'rolled-back':
    case 'refused':
    case 'aborted':
    case 'superseded':
      throw new Error(`promotion ${promotion.id} has ended and is still open`);
    default:
      return unreachable(promotion.state);
  }
}

/** A person's abort counts even where the documents that a promotion names are not there. */
function abortBlindly(slot: SlotState, promotion: Promotion): Step | null {
  if (promotion.abort === null) return null;
  const { by, note } = promotion.abort;
  const reason = { code: 'abort-asked', by: by.id, note } as const;
  if (promotion.state === 'waiting') return go([endMove(promotion, 'aborted', reason)]);
  return slot.stable === null && promotion.step >= 0
    ? null
    : go([{ type: 'turned-back', promotion: promotion.id, endsAs: 'aborted', reason }]);
}

/** Names what each promotion waits for, and records it where the kind of wait has changed. */
function conclude(
  slot: SlotState,
  unmetBy: readonly (readonly [Promotion, readonly Unmet[]])[],
  now: Millis,
): { readonly waits: readonly Wait[]; readonly recorded: readonly Move[]; readonly next: Millis | null } {
  const recorded: Move[] = [];
  let left = 0;
  let length = 0;
  const waits: Wait[] = [];
  const times: Millis[] = slot.warm === null ? [] : [slot.warm.until];
  for (const [promotion, conditions] of unmetBy) {
    const codes = [...new Set(conditions.map(waitCode))].sort();
    const known = Object.keys(promotion.waitingSince).sort();
    if (codes.join() !== known.join()) {
      if (recorded.length < mostMoves && length < longestMoves) {
        recorded.push({ type: 'waiting', promotion: promotion.id, codes });
        length += codes.join().length;
      } else left++;
    }
    for (const condition of conditions) {
      if (condition.next !== null) times.push(condition.next);
      waits.push(waitFrom(condition, promotion, promotion.waitingSince[waitCode(condition)] ?? now));
    }
  }
  if (left > 0) return { waits, recorded, next: now };
  const future = times.filter((at) => at > now);
  return { waits, recorded, next: future.length === 0 ? null : Math.min(...future) };
}

const waitCode = (condition: Unmet): string =>
  condition.gate === null ? condition.reason.code : `${condition.reason.code}/${condition.gate}`;

/** The head of every stream that this turn read. */
function readHeads(input: TurnInput): Heads {
  const { key } = input.slot;
  const heads: Record<string, number> = {
    [slotStream(key)]: input.slot.seq,
    [projectStream(key.project)]: input.project.seq,
    [everythingStream]: input.everything.seq,
  };
  for (const [name, release] of Object.entries(input.releases)) {
    heads[releaseStream({ project: key.project, service: key.service, name })] = release.seq;
  }
  return heads;
}

/** Whether a conclusion has anything to record; a hold for the same reason is no new entry. */
export const isMaterial = (conclusion: Conclusion): boolean =>
  conclusion.decision.moves.length > 0 || conclusion.decision.actions.length > 0;
