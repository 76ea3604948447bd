import { judgeMetric as judgeCounts } from '../../analysis/judge.ts';
import type { GateOf } from '../../model/gate.ts';
import { answer, type GateAnswer, type GateContext } from './context.ts';

/** Canary against stable. Bound to the rollout: another promotion's samples never count here. */
export function judgeMetric(
  gate: GateOf<'metric'>,
  context: Pick<GateContext, 'slot' | 'promotion'>,
): GateAnswer {
  const { analysis, stable } = context.slot;
  if (stable === null) return answer('pass', { code: 'no-baseline', metric: gate.metric });
  if (analysis === null || analysis.promotion !== context.promotion.id) {
    return answer('pending', { code: 'no-traffic', metric: gate.metric });
  }
  const judged = judgeCounts(analysis, gate);
  return answer(judged.verdict, judged.reason);
}
