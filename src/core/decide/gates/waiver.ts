import { gateProfile, seriesOf } from '../../analysis/profile.ts';
import { canaryAtStage, isCanarySilent } from '../../analysis/series.ts';
import type { GateAnalysis, SeriesState } from '../../model/analysis-state.ts';
import type { GateOf } from '../../model/gate.ts';
import type { ArmCounts, Reason } from '../../model/reason.ts';
import type { Promotion, Waiver } from '../../model/state.ts';
import type { Millis } from '../../model/time.ts';
import { awayMs } from '../outage.ts';
import { answer, type GateAnswer } from './context.ts';

/** What a gate says for want of traffic: nothing speaks against the canary, and nothing speaks for it yet. */
const wantsTraffic: readonly Reason['code'][] = [
  'no-traffic',
  'no-stable-traffic',
  'not-enough-traffic',
  'learning',
];
export const isForWantOfTraffic = ({ code }: Reason): boolean => wantsTraffic.includes(code);

/** What a gate may have said last, before its source of metrics went away, for a person to go past it. */
const harmless: readonly Reason['code'][] = [...wantsTraffic, 'within-margin', 'baking'];

/** Why no person may let a promotion go past a gate. */
export type NotWaivable =
  | { readonly because: 'passes' }
  /** It says something else than that it lacks traffic or its source. */
  | { readonly because: 'says'; readonly reason: Reason }
  /** Its canary is seen beyond an absolute limit (0 to 1), for sure or not. */
  | { readonly because: 'limit'; readonly series: string; readonly counts: ArmCounts; readonly limit: number }
  /** Stable has requests, and the canary, for longer than chance explains, has none: it may answer nothing. */
  | { readonly because: 'silent' }
  /** The source of metrics may still come back within its time. */
  | { readonly because: 'early'; readonly awayMs: number };

/**
 * Whether a person may go past what a gate says, by its own answer: only where it cannot tell, for want of traffic or
 * because its source of metrics has been away for longer than it may. Never where it says worse, or suspects it, never
 * where stable alone has requests, and never across an absolute limit, whether that is sure or not. Null: he may.
 */
export function notWaivable(
  gate: GateOf<'metric'>,
  analysis: GateAnalysis | undefined,
  promotion: Promotion,
  { verdict, reason }: Pick<GateAnswer, 'verdict' | 'reason'>,
  now: Millis,
): NotWaivable | null {
  if (verdict === 'pass') return { because: 'passes' };
  const against = speaksAgainst(gate, analysis, reason);
  if (against !== null) return against;
  const away = awayMs(promotion, now);
  return reason.code === 'source-unreadable' && away < gate.maxOutage
    ? { because: 'early', awayMs: away }
    : null;
}

function speaksAgainst(
  gate: GateOf<'metric'>,
  analysis: GateAnalysis | undefined,
  reason: Reason,
): NotWaivable | null {
  const last = analysis?.said?.reason;
  if (reason.code === 'source-unreadable') {
    if (last !== undefined && !harmless.includes(last.code)) return { because: 'says', reason: last };
  } else if (!isForWantOfTraffic(reason)) return { because: 'says', reason };
  const errors = analysis?.rollout.series['errors'];
  if (errors !== undefined && isCanarySilent(errors)) return { because: 'silent' };
  for (const { metric, limit } of gateProfile(gate).metrics) {
    const series = seriesOf(metric);
    const counts = canaryCounts(analysis?.rollout.series[series]);
    if (limit !== null && counts !== null && counts.bad > limit * counts.requests)
      return { because: 'limit', series, counts: { ...counts }, limit };
  }
  return null;
}

/** What the canary has counted at this weight; where that is nothing yet, in the rollout. */
function canaryCounts(series: SeriesState | undefined): ArmCounts | null {
  if (series === undefined) return null;
  const here = canaryAtStage(series);
  return here.requests > 0 ? here : series.total.canary;
}

/**
 * What a gate that cannot tell answers by a person's waiver; null where there is none that counts. It counts at the
 * weight that it was given for until the next one is reached, until its time is over, and for an outage only where it
 * was given for one. A bake is still waited for: it is no question of traffic.
 */
export function byWaiver(
  gate: GateOf<'metric'>,
  analysis: GateAnalysis | undefined,
  promotion: Promotion,
  { verdict, reason }: GateAnswer,
  now: Millis,
): GateAnswer | null {
  const waiver = promotion.waivers?.find(
    (one) => one.gate === gate.name && covers(one, promotion) && now < one.until,
  );
  if (waiver === undefined || verdict === 'pass') return null;
  if (speaksAgainst(gate, analysis, reason) !== null) return null;
  if (reason.code === 'source-unreadable' && waiver.over !== 'source-unreadable') return null;
  const baked = bakedAt(gate, promotion);
  if (now < baked) return answer('pending', { code: 'baking', until: baked }, baked);
  const { by, note, weight, until } = waiver;
  const comparisons = [...(analysis?.comparisons ?? [])];
  return answer('pass', { code: 'waived', by: by.id, note, weight, until, comparisons }, until);
}

/** A step that was asked for and is not reached yet is asked for again by the waiver of the one before. */
const covers = ({ step }: Waiver, promotion: Promotion): boolean =>
  promotion.step === step || (promotion.step === step + 1 && promotion.stepReachedAt === null);

/** When a gate's bake is over: it is asked for before full traffic. */
function bakedAt({ bake }: GateOf<'metric'>, { plan, step, stepReachedAt }: Promotion): Millis {
  const next = plan?.document.steps[step + 1] ?? 100;
  return next < 100 || stepReachedAt === null ? 0 : stepReachedAt + bake;
}
