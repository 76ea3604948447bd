import type { Gate } from '../../model/gate.ts';
import { unreachable } from '../../model/result.ts';
import type { Binding } from '../../model/verdict.ts';
import { judgeApproval } from './approval.ts';
import { judgeCheck } from './check.ts';
import type { GateAnswer, GateContext } from './context.ts';
import { judgeMetric } from './metric.ts';
import { judgeSignature } from './signature.ts';
import { judgeSoak } from './soak.ts';
import { judgeTests } from './tests.ts';
import { judgeWindow } from './window.ts';

/** What each kind's verdict is bound to. */
export const bindings: Readonly<Record<Gate['kind'], Binding>> = {
  signature: 'artifact',
  tests: 'artifact',
  check: 'artifact',
  approval: 'slot',
  window: 'slot',
  metric: 'rollout',
  soak: 'rollout',
};

/** Which kinds may stand where in a stage. */
export const places: Readonly<Record<'gates' | 'analysis' | 'verification', readonly Gate['kind'][]>> = {
  gates: ['signature', 'tests', 'approval', 'window', 'check'],
  analysis: ['metric'],
  verification: ['soak', 'check'],
};

/** Asks one gate. Pure: what it answers follows from its arguments alone. */
export function judge(gate: Gate, context: GateContext): GateAnswer {
  switch (gate.kind) {
    case 'signature':
      return judgeSignature(gate, context);
    case 'tests':
      return judgeTests(gate, context);
    case 'approval':
      return judgeApproval(gate, context);
    case 'metric':
      return judgeMetric(gate, context);
    case 'soak':
      return judgeSoak(gate, context);
    case 'window':
      return judgeWindow(gate, context);
    case 'check':
      return judgeCheck(gate, context);
    default:
      return unreachable(gate);
  }
}
