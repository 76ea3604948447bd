import { paceOf } from '../../analysis/sequential/boundaries.ts';
import {
  type Comparing,
  compared,
  decideRollout,
  type SequentialReason,
} from '../../analysis/sequential/judgement.ts';
import { gateProfile, seriesOf } from '../../analysis/sequential/profile.ts';
import { nextWeight } from '../../analysis/sequential/rollout.ts';
import { mostPods } from '../sampled.ts';
import type { GateOf } from '../../model/gate.ts';
import { unreachable } from '../../model/result.ts';
import type { Reason } from '../../model/reason.ts';
import { answer, type GateAnswer, type GateContext } from './context.ts';

/** Without a new boundary for this long, or for four scrapes, what was shown before says nothing of now. */
const staleAfterMs = 30_000;

/**
 * Canary against stable, after every scrape. Bound to the rollout: another promotion's samples never count here.
 * - `fail`: worse, with the gate's budget of false rollbacks, or surely over an absolute limit.
 * - `pass`: every metric was shown to be within its margin before the next weight.
 * - `insufficient`: neither yet; the reason says what is missing.
 * - `error`: what the gate counts is not counted, or is not counted any more.
 * - `pending`: an arm has no traffic. No data is never success.
 */
export function judgeMetric(
  gate: GateOf<'metric'>,
  context: Pick<GateContext, 'slot' | 'promotion' | 'now'>,
): GateAnswer {
  const { analysis, stable } = context.slot;
  if (stable === null) return answer('pass', { code: 'no-baseline' });
  if (analysis === null || analysis.promotion !== context.promotion.id)
    return answer('pending', { code: 'no-traffic' });
  if (analysis.crowded) return answer('error', { code: 'too-many-pods', most: mostPods });
  const state = analysis.gates[gate.name];
  const t = state?.counters.told ?? null;
  if (state === undefined || t === null) return answer('pending', { code: 'no-traffic' });
  const profile = gateProfile(gate);
  const next = nextWeight(context.promotion.plan?.document.steps ?? [100], state.stage?.weight ?? 0);
  const { move, reason } = decideRollout(state, profile, t, next);
  const told = { state, profile, next };
  if (move === 'rollback') return answer('fail', recorded(reason, told, t * 1000));
  // What is worse stays so; whatever else was shown before the silence says nothing of now.
  const heardUntil = t * 1000 + Math.max(staleAfterMs, 4_000 * (paceOf(state.counters.pods) ?? 0));
  if (context.now >= heardUntil) return answer('error', { code: 'no-aligned-data', silent: 'both' });
  if (move === 'advance') return answer('pass', recorded(reason, told, t * 1000), heardUntil);
  return answer(verdictOf(reason), recorded(reason, told, t * 1000), heardUntil);
}

/** What a hold is as a verdict. */
function verdictOf({ code }: SequentialReason): 'pending' | 'error' | 'insufficient' {
  switch (code) {
    case 'no-traffic':
    case 'no-stable-traffic':
    case 'step-time':
      return 'pending';
    case 'not-counted':
    case 'no-aligned-data':
      return 'error';
    case 'not-enough-traffic':
    case 'learning':
    case 'will-not-settle':
    case 'suspicious':
    case 'one-bad-pod':
    case 'stable-abnormal':
    case 'stable-degraded':
    case 'worse':
    case 'limit-exceeded':
    case 'within-margin':
    case 'waiting-for-weight':
    case 'ask-a-person':
      return 'insufficient';
    default:
      return unreachable(code);
  }
}

/** A reason of the analysis with its numbers, as it is recorded. */
function recorded(reason: SequentialReason, told: Comparing, at: number): Reason {
  switch (reason.code) {
    case 'no-traffic':
    case 'no-stable-traffic':
      return { code: reason.code };
    case 'no-aligned-data':
      return { code: 'no-aligned-data', silent: reason.silent };
    case 'not-counted':
      return { code: 'not-counted', series: reason.series };
    case 'not-enough-traffic':
    case 'learning': {
      const { requests, seconds } = reason.missing;
      return {
        code: reason.code,
        comparison: compared(told, reason.series),
        missing: {
          requests: [...requests],
          ms: seconds === null ? null : [seconds[0] * 1000, seconds[1] * 1000],
        },
      };
    }
    case 'will-not-settle':
    case 'suspicious':
    case 'one-bad-pod':
    case 'stable-abnormal':
    case 'stable-degraded':
    case 'worse':
      return { code: reason.code, comparison: compared(told, reason.series) };
    case 'limit-exceeded':
      return { code: reason.code, comparison: compared(told, reason.series), limit: reason.limit };
    case 'step-time':
      return { code: 'baking', until: Math.ceil(at + reason.seconds * 1000) };
    case 'within-margin':
      return {
        code: 'within-margin',
        comparisons: told.profile.metrics.map(({ metric }) => compared(told, seriesOf(metric))),
      };
    case 'waiting-for-weight':
    case 'ask-a-person':
      throw new Error(`a rollout is not told ${reason.code}: it keeps its own steps and holds`);
    default:
      return unreachable(reason);
  }
}
