import type { Action, Heads, Move, Wait } from '../model/decision.ts';
import { projectStream, releaseStream, slotStream, everythingStream } from '../model/name.ts';
import { unreachable } from '../model/result.ts';
import type { Conclusion, Promotion, SlotState, TurnInput } from '../model/state.ts';
import type { Millis } from '../model/time.ts';
import { evaluator } from './evaluator.ts';
import { foldDecision } from './fold/slot.ts';
import { advanceObserving } from './observing.ts';
import { retireWarm } from './retire.ts';
import { advanceRollout } from './rollout.ts';
import { type Step, type Unmet, unmet, type View, wait } from './view.ts';
import { advanceWaiting } from './waiting.ts';
import { waitFrom } from './waits.ts';
import { advanceBack } from './way-back.ts';

/** A turn changes little; more rounds than this mean that two rules undo each other, which is a bug. */
const mostRounds = 100;

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
    // Only the latest wish for the same thing is carried out; one turn never asks for traffic twice.
    actions.push(...outcome.actions);
    slot = foldDecision(slot, { now, moves: [...outcome.moves], actions: [...outcome.actions] });
  }
  throw new Error(`the decision on ${slotStream(slot.key)} does not settle`);
}

type Round =
  | { readonly kind: 'changed'; readonly moves: readonly Move[]; readonly actions: readonly Action[] }
  | { readonly kind: 'settled'; readonly unmet: readonly (readonly [Promotion, readonly Unmet[]])[] };

/** One round: the moving promotion first, then rollbacks, then the others, newest first. */
function settle(input: TurnInput, slot: SlotState, now: Millis): Round {
  const waiting: (readonly [Promotion, readonly Unmet[]])[] = [];
  for (const promotion of inTurn(slot)) {
    const step = advance(input, slot, promotion, now);
    if (step.kind === 'go') return { kind: 'changed', moves: step.moves, actions: step.actions };
    waiting.push([promotion, step.unmet]);
  }
  const retired = retireWarm(slot, now);
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
  const view = look(input, slot, promotion, now);
  if ('reason' in view) return wait(view);
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

/** Looks up what a promotion's rules read, or says what is not there. */
function look(input: TurnInput, slot: SlotState, promotion: Promotion, now: Millis): View | Unmet {
  const stage = input.project.pinned[promotion.pipeline]?.document.spec.stages.find(
    (s) => s.name === promotion.stage,
  );
  if (stage === undefined) return unmet({ code: 'stage-unknown', stage: promotion.stage });
  const environment = input.project.environments[slot.key.environment];
  if (environment === undefined)
    return unmet({ code: 'environment-unknown', environment: slot.key.environment });
  const release = input.releases[promotion.release];
  if (release === undefined) return unmet({ code: 'release-open' });
  return { input, now, slot, promotion, stage, environment, release };
}

/** Names what each promotion waits for, and records it where the kind of wait has changed. */
function conclude(
  slot: SlotState,
  unmetBy: readonly (readonly [Promotion, readonly Unmet[]])[],
  now: Millis,
): { readonly waits: readonly Wait[]; readonly recorded: readonly Move[]; readonly next: Millis | null } {
  const recorded: Move[] = [];
  const waits: Wait[] = [];
  const times: Millis[] = slot.warm === null ? [] : [slot.warm.until];
  for (const [promotion, conditions] of unmetBy) {
    const codes = [...new Set(conditions.map(waitCode))].sort();
    const known = Object.keys(promotion.waitingSince).sort();
    if (codes.join() !== known.join()) recorded.push({ type: 'waiting', promotion: promotion.id, codes });
    for (const condition of conditions) {
      if (condition.next !== null) times.push(condition.next);
      waits.push(waitFrom(condition, promotion, promotion.waitingSince[waitCode(condition)] ?? now));
    }
  }
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
