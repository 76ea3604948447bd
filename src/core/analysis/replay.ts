import type { RolloutState } from '../model/analysis-state.ts';
import type { Sample } from '../model/observation.ts';
import { inBatches, type Round, takeIn } from './boundaries.ts';
import { type Judgement, judgeRollout, type MetricNumbers, type SequentialReason } from './judgement.ts';
import type { Profile } from './profile.ts';
import { addRound, beginWith, beginWithHistory } from './rollout.ts';

export type Move = 'advance' | 'hold' | 'rollback' | 'promote';

/** One boundary of a replay; `t` in seconds. */
export interface ReplayDecision {
  readonly t: number;
  readonly move: Move;
  readonly reason: SequentialReason;
  readonly metrics: readonly MetricNumbers[];
}

export interface Replay {
  readonly decisions: readonly ReplayDecision[];
  readonly final: { readonly move: Move; readonly t: number | null; readonly reason: SequentialReason };
}

/**
 * Plays recorded samples through a profile; samples and history in the order of time. An advance takes effect when the
 * file's weight rises; until then later boundaries wait for it. The next weight is the next in the file, else 1; an
 * advance at the last weight is a promotion. It goes on to the end for the record; `final` is the first rollback or
 * promotion, else the last hold.
 */
export function replay(samples: Iterable<Sample>, history: Iterable<Sample>, profile: Profile): Replay {
  const weights = weightsOf(samples);
  const nextOf = (weight: number): number => weights.find((one) => one > weight && one < 1) ?? 1;
  let state: RolloutState = isEmpty(history)
    ? beginWith(profile, samples)
    : beginWithHistory(profile, history);
  let { counters } = state;
  const watched = new Set(Object.keys(state.series));
  const decisions: ReplayDecision[] = [];
  let asked: number | null = null;
  for (const batch of inBatches(samples)) {
    const taken = takeIn(counters, batch, profile.warmUp, watched);
    ({ state: counters } = taken);
    for (const round of taken.rounds) {
      const next = nextOf(round.weight);
      state = addRound(state, round, profile, next);
      const decision = decideAt(judgeRollout(state, profile, round.to, next), round, asked, next);
      if (decision.move === 'advance' || decision.move === 'promote') asked = round.weight;
      decisions.push(decision);
    }
  }
  const end = decisions.find(({ move }) => move === 'rollback' || move === 'promote') ?? decisions.at(-1);
  return {
    decisions,
    final:
      end === undefined
        ? { move: 'hold', t: null, reason: { code: lone(samples) } }
        : { move: end.move, t: end.t, reason: end.reason },
  };
}

/** Rising, each once. */
function weightsOf(samples: Iterable<Sample>): readonly number[] {
  const weights = new Set<number>();
  for (const { weight } of samples) weights.add(weight);
  return [...weights].sort((a, b) => a - b);
}

function isEmpty(samples: Iterable<Sample>): boolean {
  for (const _ of samples) return false;
  return true;
}

/** What is missing where nothing could be compared. */
function lone(samples: Iterable<Sample>): 'no-traffic' | 'no-stable-traffic' {
  let canary = false;
  for (const { arm, weight } of samples) {
    if (arm === 'stable') return 'no-traffic';
    canary ||= weight > 0;
  }
  return canary ? 'no-stable-traffic' : 'no-traffic';
}

function decideAt(judged: Judgement, round: Round, asked: number | null, next: number): ReplayDecision {
  const { move, reason, metrics } = judged;
  const t = round.to;
  if (move === 'rollback') return { t, move, reason, metrics };
  if (asked !== null && round.weight <= asked)
    return { t, move: 'hold', reason: { code: 'waiting-for-weight' }, metrics };
  if (move === 'advance' && next >= 1) return { t, move: 'promote', reason, metrics };
  return { t, move, reason, metrics };
}
