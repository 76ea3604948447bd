import { learntFrom } from '../../analysis/rollout.ts';
import type { Move } from '../../model/decision.ts';
import { unreachable } from '../../model/result.ts';
import type { Deployed, Promotion, SlotState } from '../../model/state.ts';
import type { Millis } from '../../model/time.ts';
import { forgotten } from '../outage.ts';

/** Ends and earlier stables that a state keeps; the whole history is in the ledger. */
const keptEnds = 20;
const keptHistory = 10;

/** Changes one open promotion; one that is not open changes nothing. */
export function change(
  state: SlotState,
  id: string,
  patch: (promotion: Promotion) => Partial<Promotion>,
): SlotState {
  return { ...state, promotions: state.promotions.map((p) => (p.id === id ? { ...p, ...patch(p) } : p)) };
}

/** Applies one move of a decision. */
export function applyMove(state: SlotState, move: Move, now: Millis): SlotState {
  const id = move.promotion;
  switch (move.type) {
    case 'planned':
      return change(state, id, () => ({ plan: { digest: move.plan, document: move.document } }));
    case 'judged':
      return change(state, id, (p) => ({
        gates: { ...p.gates, [move.gate]: { verdict: move.verdict, reason: move.reason, at: now } },
      }));
    case 'started':
      return {
        ...change(state, id, () => ({ state: 'rolling-out', since: now })),
        moving: id,
        analysis: null,
      };
    case 'shifting':
      return change(state, id, (p) => ({
        step: move.step,
        retreated: p.retreated || move.step < p.step,
        stepAskedAt: now,
        stepReachedAt: null,
        ...(move.step < p.step ? endedWaivers(p, now) : {}),
      }));
    case 'reached':
      return change(state, id, (p) => ({ stepReachedAt: now, ...forgotten(p) }));
    case 'observing':
      return change(state, id, () => ({ state: 'observing', since: now }));
    case 'asked':
      return change(state, id, () => ({ asked: { reason: move.reason, at: now } }));
    case 'turned-back':
      return change(state, id, () => ({
        state: 'rolling-back',
        since: now,
        turnedBack: { endsAs: move.endsAs, reason: move.reason, at: now },
      }));
    case 'at-zero':
      return change(state, id, () => ({ atZeroAt: now }));
    case 'quarantined':
      return {
        ...state,
        quarantine: { ...state.quarantine, [move.artifact]: { since: now, by: id, reason: move.reason } },
      };
    case 'ended':
      return ended(state, move, now);
    case 'waiting':
      return change(state, id, (p) => ({
        waitingSince: Object.fromEntries(move.codes.map((code) => [code, p.waitingSince[code] ?? now])),
      }));
    case 'retired':
      return {
        ...state,
        wanted: state.wanted.filter((release) => release !== move.release),
        warm: state.warm?.deployed.release === move.release ? null : state.warm,
      };
    default:
      return unreachable(move);
  }
}

/** What a person had decided was about a canary that did not take from stable. It counts no more, and is still told. */
const endedWaivers = ({ waivers }: Promotion, now: Millis): Pick<Promotion, 'waivers'> =>
  waivers === undefined
    ? {}
    : { waivers: waivers.map((one) => ({ ...one, until: Math.min(one.until, now) })) };

function ended(state: SlotState, move: Extract<Move, { type: 'ended' }>, now: Millis): SlotState {
  const promotion = state.promotions.find((p) => p.id === move.promotion);
  if (promotion === undefined) return state;
  const end = {
    id: promotion.id,
    release: promotion.release,
    stage: promotion.stage,
    state: move.state,
    reason: move.reason,
    at: now,
    ...(typeof promotion.diagnostics === 'string' ? { diagnostics: promotion.diagnostics } : {}),
  };
  const wasMoving = state.moving === promotion.id;
  const closed: SlotState = {
    ...state,
    promotions: state.promotions.filter((p) => p !== promotion),
    ended: [end, ...state.ended].slice(0, keptEnds),
    moving: wasMoving ? null : state.moving,
    analysis: wasMoving ? null : state.analysis,
    learnt: wasMoving && move.state === 'promoted' ? learnt(state) : state.learnt,
    // What moved and was overtaken leaves no wish behind; a call on its way is fenced by the next generation.
    effects:
      wasMoving && move.state === 'superseded'
        ? state.effects.filter(
            ({ action }) => action.type !== 'shift-traffic' && action.release !== promotion.release,
          )
        : state.effects,
  };
  return move.state === 'promoted' && promotion.plan !== null
    ? promoted(closed, promotion, promotion.plan.document, move.warmUntil, now)
    : closed;
}

/**
 * What a promoted rollout has learnt; one that counted nothing leaves what was there. A canary that failed by fits
 * would teach that errors come in clusters, and the next bad one would be found late.
 */
function learnt({ analysis, learnt: before }: SlotState): SlotState['learnt'] {
  const gates = Object.entries(analysis?.gates ?? {});
  return gates.length === 0
    ? before
    : Object.fromEntries(gates.map(([name, { rollout }]) => [name, learntFrom(rollout)]));
}

function promoted(
  state: SlotState,
  promotion: Promotion,
  plan: {
    readonly release: string;
    readonly artifact: Deployed['artifact'];
    readonly configuration: Deployed['configuration'];
  },
  warmUntil: Millis | null,
  now: Millis,
): SlotState {
  const stable: Deployed = {
    release: plan.release,
    artifact: plan.artifact,
    configuration: plan.configuration,
    promotion: promotion.id,
    since: now,
  };
  const before = state.stable;
  const { [plan.artifact]: _lifted, ...quarantine } = state.quarantine;
  return {
    ...state,
    stable,
    quarantine,
    warm: before === null || warmUntil === null ? null : { deployed: before, until: warmUntil },
    history: before === null ? state.history : [before, ...state.history].slice(0, keptHistory),
  };
}
