import { judgeUnwaived } from '../../core/decide/gates/metric.ts';
import { type NotWaivable, notWaivable } from '../../core/decide/gates/waiver.ts';
import type { SlotEntry } from '../../core/model/entries.ts';
import type { GateOf } from '../../core/model/gate.ts';
import { ok, unreachable } from '../../core/model/result.ts';
import type { Promotion } from '../../core/model/state.ts';
import { formatDuration } from '../../core/model/time-format.ts';
import type { Millis } from '../../core/model/time.ts';
import { formatArm, formatPercent, formatSeries } from '../../core/report/numbers.ts';
import { sentenceOf } from '../../core/report/sentences.ts';
import type { TurnRecord } from '../../ports/store.ts';
import type { Principal } from '../access.ts';
import { type Answer, refuse } from '../refusal.ts';

interface Wanted {
  readonly gate: string;
  readonly note: string;
  readonly forMs: number;
}

/**
 * The fact of a waiver, or why none may be given: only of a metric gate that cannot tell, at the weight that the
 * promotion is at. The gate judges again, by what is recorded when the waiver is to count.
 */
export function waiverEntry(
  turn: TurnRecord,
  promotion: Promotion,
  by: Principal,
  { gate: name, note, forMs }: Wanted,
  at: Millis,
): Answer<SlotEntry> {
  if (by.subject.kind !== 'person') return refuse(403, 'person-needed', 'only a person can waive a gate');
  const gate = findGate(turn, promotion, name);
  if (!gate.ok) return gate;
  if (promotion.state !== 'rolling-out' || promotion.step < 0 || promotion.mode === 'rollback')
    return refuse(409, 'nothing-to-waive', `promotion ${promotion.id} has no canary that gate ${name} holds`);
  const now = Math.max(at, turn.slot.clock);
  const said = judgeUnwaived(gate.value, { slot: turn.slot, promotion, now });
  const { analysis } = turn.slot;
  const gateAnalysis = analysis?.promotion === promotion.id ? analysis.gates[name] : undefined;
  const not = notWaivable(gate.value, gateAnalysis, promotion, said, now);
  if (not !== null) return refuse(409, 'not-waivable', `gate ${name} ${whyNot(gate.value, not)}`);
  // What was asked for and is not reached yet is still a matter of the weight before.
  const step = promotion.stepReachedAt === null ? Math.max(0, promotion.step - 1) : promotion.step;
  return ok({
    type: 'waived',
    at,
    by: by.subject,
    promotion: promotion.id,
    gate: name,
    step,
    weight: promotion.plan?.document.steps[step] ?? 0,
    until: now + forMs,
    note,
    said: said.reason,
  });
}

function findGate(turn: TurnRecord, promotion: Promotion, name: string): Answer<GateOf<'metric'>> {
  const stage = turn.project.pinned[promotion.pipeline]?.document.spec.stages.find(
    (one) => one.name === promotion.stage,
  );
  const gates = (stage?.analysis ?? []).filter((gate) => gate.kind === 'metric');
  const gate = gates.find((one) => one.name === name);
  if (gate === undefined)
    return refuse(
      404,
      'unknown-gate',
      `stage ${promotion.stage} has no metric gate ${name}${gates.length === 0 ? '' : `; there is ${gates.map((one) => one.name).join(', ')}`}; other gates cannot be waived`,
    );
  if (gate.mode === 'observe')
    return refuse(409, 'nothing-to-waive', `gate ${name} only observes, and blocks nothing`);
  return ok(gate);
}

function whyNot({ maxOutage }: GateOf<'metric'>, not: NotWaivable): string {
  switch (not.because) {
    case 'passes':
      return 'passes: there is nothing to waive';
    case 'says':
      return `does not lack traffic, and what it says is waived by nobody: ${sentenceOf(not.reason)}`;
    case 'limit':
      return `has an absolute limit that nobody waives: ${formatSeries(not.series)} of the canary ${formatArm(not.counts)}, limit ${formatPercent(not.limit)}`;
    case 'silent':
      return 'counts requests of stable and none of the canary, which may answer nothing: that is waived by nobody';
    case 'early':
      return `lacks its source of metrics for ${formatDuration(not.awayMs)} at this weight: it can be waived when that is ${formatDuration(maxOutage)}`;
    default:
      return unreachable(not);
  }
}
