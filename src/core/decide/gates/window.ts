import type { GateOf } from '../../model/gate.ts';
import { answer, type GateAnswer, type GateContext } from './context.ts';

/** Closed intervals in UTC, start included and end excluded. Overlapping ones close until the last ends. */
export function judgeWindow(gate: GateOf<'window'>, context: Pick<GateContext, 'now'>): GateAnswer {
  const { now } = context;
  let until = now;
  let note = '';
  for (const interval of [...gate.closed].sort((a, b) => a.from - b.from)) {
    if (interval.from <= until && interval.to > until) {
      until = interval.to;
      note = interval.reason;
    }
  }
  if (until > now) return answer('pending', { code: 'window-closed', until, note }, until);
  const coming = gate.closed.filter((interval) => interval.from > now).map((interval) => interval.from);
  return answer('pass', { code: 'window-open' }, coming.length === 0 ? null : Math.min(...coming));
}
