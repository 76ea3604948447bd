import type { GateOf } from '../../model/gate.ts';
import { answer, type GateAnswer, type GateContext } from './context.ts';

/** Observed-healthy time at full traffic: what was seen, not the difference of two clock readings. */
export function judgeSoak(gate: GateOf<'soak'>, context: Pick<GateContext, 'promotion' | 'now'>): GateAnswer {
  const healthyMs = context.promotion.healthyMs;
  if (healthyMs >= gate.healthyFor) return answer('pass', { code: 'soaked', healthyMs });
  const next = context.now + (gate.healthyFor - healthyMs);
  return answer('pending', { code: 'soaking', healthyMs, neededMs: gate.healthyFor }, next);
}
