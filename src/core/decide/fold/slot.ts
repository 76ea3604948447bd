import { versionOf } from '../evaluator.ts';
import type { Action, Decision } from '../../model/decision.ts';
import type { SlotEntry } from '../../model/entries.ts';
import type { SlotKey } from '../../model/name.ts';
import type { Observation } from '../../model/observation.ts';
import { unreachable } from '../../model/result.ts';
import type { OpenEffect, Promotion, SlotState } from '../../model/state.ts';
import type { Millis } from '../../model/time.ts';
import { failedAt, resumedAt } from '../outage.ts';
import { applyMove, change } from './moves.ts';
import { said } from './people.ts';
import { isSeen } from './seen.ts';

/** Longer silence between two looks is not observed time: soak does not grow over it. */
export const longestGapMs = 15_000;

/** A slot of which nothing is known. */
export const emptySlot = (key: SlotKey): SlotState => ({
  key,
  seq: 0,
  clock: 0,
  generation: 0,
  evaluator: 0,
  stable: null,
  warm: null,
  moving: null,
  promotions: [],
  ended: [],
  history: [],
  quarantine: {},
  wanted: [],
  weights: [],
  effects: [],
  observed: null,
  seenUntil: null,
  analysis: null,
  learnt: {},
});

/** Folds one entry of the slot's stream into its state. Total: an entry that fits nothing changes nothing but the clock. */
export function foldSlot(state: SlotState, entry: SlotEntry, seq: number): SlotState {
  const next = { ...state, seq, clock: Math.max(state.clock, entry.at) };
  switch (entry.type) {
    case 'requested':
      // An id names one promotion for ever: asking again under it changes nothing.
      return [...next.promotions, ...next.ended].some((p) => p.id === entry.promotion)
        ? next
        : { ...next, promotions: [...next.promotions, newPromotion(entry)] };
    case 'approved':
    case 'rejected':
    case 'paused':
    case 'resumed':
    case 'abort-asked':
    case 'waived':
      return change(next, entry.promotion, (p) => said(p, entry));
    case 'observed':
      return observed(next, entry.observation);
    case 'seen':
      // Whoever records "seen until" has looked in between: it holds no gap.
      return soak(
        { ...next, seenUntil: Math.max(next.seenUntil ?? 0, entry.until) },
        next.seenUntil,
        entry.until,
      );
    case 'sampled':
      return { ...next, analysis: entry.analysis };
    case 'history-read':
      // It comes before anything is counted, or not at all.
      if (next.moving !== entry.promotion || next.analysis?.promotion === entry.promotion) return next;
      return change({ ...next, analysis: entry.analysis }, entry.promotion, (p) =>
        entry.ended === null ? { outages: failedAt(p, entry.message, entry.at) } : {},
      );
    case 'diagnostics-read':
      return change(next, entry.promotion, () => ({ diagnostics: entry.content }));
    case 'look-failed':
      return {
        ...next,
        unreadable: {
          message: entry.message,
          since: state.unreadable?.since ?? entry.at,
          recordedAt: entry.at,
        },
      };
    case 'scrape-failed':
      return change(next, entry.promotion, (p) => ({ outages: failedAt(p, entry.message, entry.at) }));
    case 'scrape-resumed':
      return change(next, entry.promotion, (p) => resumedAt(p, entry.at));
    case 'effect-failed':
      return {
        ...next,
        effects: next.effects.map((effect) =>
          effect.action.generation === entry.generation
            ? { ...effect, failure: { attempts: entry.attempts, message: entry.message, at: entry.at } }
            : effect,
        ),
      };
    case 'decided':
      return {
        ...foldDecision(next, entry.decision),
        evaluator: Math.max(next.evaluator, versionOf(entry.decision.evaluator)),
      };
    default:
      return unreachable(entry);
  }
}

/** Folds a decision's moves and actions; also used while the decision is still being made. */
export function foldDecision(
  state: SlotState,
  decision: Readonly<Pick<Decision, 'now' | 'moves' | 'actions'>>,
): SlotState {
  const moved = decision.moves.reduce((s, move) => applyMove(s, move, decision.now), state);
  return decision.actions.reduce((s, action) => applyAction(s, action, decision.now), moved);
}

function newPromotion(entry: Extract<SlotEntry, { type: 'requested' }>): Promotion {
  return {
    id: entry.promotion,
    release: entry.release,
    stage: entry.stage,
    pipeline: entry.pipeline,
    mode: entry.mode,
    liftQuarantine: entry.liftQuarantine,
    by: entry.by,
    note: entry.note,
    requestedAt: entry.at,
    state: 'waiting',
    since: entry.at,
    plan: null,
    approvals: [],
    rejected: null,
    abort: null,
    paused: null,
    asked: null,
    gates: {},
    step: -1,
    retreated: false,
    stepAskedAt: null,
    stepReachedAt: null,
    healthyMs: 0,
    turnedBack: null,
    atZeroAt: null,
    waitingSince: {},
  };
}

function observed(state: SlotState, observation: Observation): SlotState {
  const gap = observation.at - (state.seenUntil ?? observation.at);
  const { unreadable: _, ...readable } = state;
  const soaked = gap > longestGapMs ? readable : soak(readable, state.seenUntil, observation.at);
  return {
    ...soaked,
    observed: observation,
    // Whoever wrote the route without us has used up generations: ours go on after theirs.
    generation: Math.max(state.generation, observation.generation),
    seenUntil: observation.at,
    effects: state.effects.filter((effect) => !isSeen(effect.action, observation)),
  };
}

/** Adds the time since the last look to the soak of the promotion that is observed, if the last look was healthy. */
function soak(state: SlotState, from: Millis | null, to: Millis): SlotState {
  const moving = state.promotions.find((p) => p.id === state.moving);
  if (moving === undefined || moving.state !== 'observing' || from === null || state.observed === null)
    return state;
  const since = Math.max(from, moving.since);
  if (to <= since || !isHealthy(state.observed, moving.release)) return state;
  return change(state, moving.id, (p) => ({ healthyMs: p.healthyMs + (to - since) }));
}

function isHealthy(observation: Observation, release: string): boolean {
  const workload = observation.workloads.find((w) => w.release === release);
  return workload !== undefined && workload.ready > 0 && workload.ready >= workload.desired;
}

function applyAction(state: SlotState, action: Action, now: Millis): SlotState {
  const replaced = state.effects.filter((effect) => !replaces(action, effect.action));
  const effect: OpenEffect = { action, since: now, failure: null };
  const next = { ...state, generation: action.generation, effects: [...replaced, effect] };
  switch (action.type) {
    case 'apply-workload':
      return {
        ...next,
        wanted: next.wanted.includes(action.release) ? next.wanted : [...next.wanted, action.release],
      };
    case 'shift-traffic':
      return { ...next, weights: action.weights };
    case 'remove-workload':
      return next;
    default:
      return unreachable(action);
  }
}

/** Whether a newer action makes an older, still open one pointless. */
function replaces(newer: Action, older: Action): boolean {
  if (newer.type === 'shift-traffic' || older.type === 'shift-traffic') return newer.type === older.type;
  return newer.release === older.release;
}
