import { paceOf } from '../../analysis/boundaries.ts';
import { compared, decideRollout, type SequentialReason } from '../../analysis/judgement.ts';
import { gateProfile, seriesOf } from '../../analysis/profile.ts';
import { nextWeight } from '../../analysis/rollout.ts';
import { type GateAnalysis, mostPods, type RolloutState } from '../../model/analysis-state.ts';
import type { GateOf } from '../../model/gate.ts';
import { unreachable } from '../../model/result.ts';
import type { Reason } from '../../model/reason.ts';
import { missingOf, type Told } from './missing.ts';
import { byWaiver } from './waiver.ts';
import { answer, type GateAnswer, type GateContext } from './context.ts';

/** Without a new boundary for this long, or for four scrapes, what was shown before says nothing of now. */
const staleAfterMs = 30_000;

/**
 * Canary against stable, after every scrape. Bound to the rollout: another promotion's samples never count here.
 * - `fail`: worse, with the gate's budget of false rollbacks, or surely over an absolute limit.
 * - `pass`: every metric was shown to be within its margin before the next weight.
 * - `insufficient`: neither yet; the reason says what is missing.
 * - `error`: what the gate counts is not counted, or is not counted any more, or its source could not be read.
 * - `pending`: an arm has no traffic. No data is never success.
 * Where it cannot tell, a person's waiver may open it at one weight; where it says worse, nothing does.
 */
export function judgeMetric(gate: GateOf<'metric'>, context: MetricContext): GateAnswer {
  const found = judgeUnwaived(gate, context);
  const { slot, promotion, now } = context;
  const analysis = slot.analysis?.promotion === promotion.id ? slot.analysis.gates[gate.name] : undefined;
  return byWaiver(gate, analysis, promotion, found, now) ?? found;
}

type MetricContext = Pick<GateContext, 'slot' | 'promotion' | 'now'>;

/** What the gate says by itself, whatever a person has decided. */
export function judgeUnwaived(gate: GateOf<'metric'>, context: MetricContext): GateAnswer {
  const { stable } = context.slot;
  if (stable === null) return answer('pass', { code: 'no-baseline' });
  const analysis = context.slot.analysis?.promotion === context.promotion.id ? context.slot.analysis : null;
  if (analysis?.crowded === true) return answer('error', { code: 'too-many-pods', most: mostPods });
  const { rollout, said } = analysis?.gates[gate.name] ?? unheard;
  // What is worse stays so; whatever else was shown before the silence says nothing of now.
  if (said?.verdict === 'fail') return answer('fail', said.reason);
  const outage = context.promotion.outages?.open ?? null;
  if (outage !== null) return answer('error', { code: 'source-unreadable', ...outage });
  const t = rollout?.counters.told ?? null;
  if (rollout === null || said === null || t === null) return answer('pending', { code: 'no-traffic' });
  const heardUntil = t * 1000 + Math.max(staleAfterMs, 4_000 * (paceOf(rollout.counters.pods) ?? 0));
  if (context.now >= heardUntil) return answer('error', { code: 'no-aligned-data', silent: 'both' });
  return answer(said.verdict, said.reason, heardUntil);
}

const unheard = { rollout: null, said: null } as const;

/**
 * An analysis with what it says at its last boundary. Part of the record: reckoned once a batch of samples, and not at
 * each turn. `steps` are the rollout's weights in percent, rising.
 */
export function analysisOf(
  gate: GateOf<'metric'>,
  rollout: RolloutState,
  steps: readonly number[],
): GateAnalysis {
  const t = rollout.counters.told;
  if (t === null) return { rollout, said: null, comparisons: [] };
  const profile = gateProfile(gate);
  const next = nextWeight(steps, rollout.stage?.weight ?? 0);
  const { move, reason } = decideRollout(rollout, profile, t, next);
  const verdict = move === 'rollback' ? 'fail' : move === 'advance' ? 'pass' : verdictOf(reason);
  const told = { state: rollout, profile, next, gate, steps };
  return {
    rollout,
    said: { verdict, reason: recorded(reason, told, t * 1000) },
    comparisons: profile.metrics
      .map(({ metric }) => compared(told, seriesOf(metric)))
      .filter(({ canary, stable }) => canary.requests > 0 && stable.requests > 0),
  };
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
function recorded(reason: SequentialReason, told: Told, at: number): Reason {
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
      const comparison = compared(told, reason.series);
      return { code: reason.code, comparison, missing: missingOf(told, comparison, reason.missing) };
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
