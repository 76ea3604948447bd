import type { Action, Decision, Move } from '../model/decision.ts';
import type { Promotion, SlotState, TurnInput } from '../model/state.ts';

/** An invariant that a decision would break. `stops` says whether the decision may not be taken. */
export interface Finding {
  readonly invariant: number;
  readonly message: string;
  readonly stops: boolean;
}

/**
 * A second pair of eyes over a decision: checks the invariants from what went in and what came out, sharing no
 * rule with what decided. It never stops a move towards stable: a decision that only takes exposure away is
 * reported and taken.
 */
export function lintDecision(input: TurnInput, decision: Decision, after: SlotState): readonly Finding[] {
  const findings = [
    ...weightsAddUp(decision.actions),
    ...generationsGrow(input.slot, decision.actions),
    ...capacityBeforeTraffic(input.slot, decision.actions),
    ...verifiedBeforeTraffic(input, decision, after),
    ...trafficBeforeRemoval(input.slot, decision.actions, after),
    ...frozenStays(input, decision, after),
    ...endsAreSeen(input.slot, decision.moves),
    ...oneMoves(after),
  ];
  return exposes(input.slot, decision) ? findings : findings.map((finding) => ({ ...finding, stops: false }));
}

const finding = (invariant: number, message: string): Finding => ({ invariant, message, stops: true });

type Shift = Extract<Action, { type: 'shift-traffic' }>;
const shiftsOf = (actions: readonly Action[]): readonly Shift[] =>
  actions.filter((action) => action.type === 'shift-traffic');

/** Whether a decision gives a release more traffic than it is seen to have, makes it stable, or takes one away. */
function exposes(slot: SlotState, { actions, moves }: Decision): boolean {
  const seen = (release: string): number =>
    slot.observed?.weights.find((w) => w.release === release)?.weight ?? 0;
  const grows = shiftsOf(actions).some((shift) =>
    shift.weights.some((w) => w.release !== slot.stable?.release && w.weight > seen(w.release)),
  );
  const promotes = moves.some((move) => move.type === 'ended' && move.state === 'promoted');
  return grows || promotes || actions.some((action) => action.type === 'remove-workload');
}

/** Invariant 5: weights add up to 100. */
function weightsAddUp(actions: readonly Action[]): readonly Finding[] {
  return shiftsOf(actions).flatMap((shift) => {
    const sum = shift.weights.reduce((total, w) => total + w.weight, 0);
    return sum === 100 ? [] : [finding(5, `weights add up to ${sum}`)];
  });
}

/** Invariant 8: each effect carries a higher generation than the one before. */
function generationsGrow(slot: SlotState, actions: readonly Action[]): readonly Finding[] {
  let last = slot.generation;
  const findings: Finding[] = [];
  for (const action of actions) {
    if (action.generation <= last)
      findings.push(finding(8, `generation ${action.generation} does not follow ${last}`));
    last = action.generation;
  }
  return findings;
}

/** Invariant 5: whatever gets traffic is seen to be ready. */
function capacityBeforeTraffic(slot: SlotState, actions: readonly Action[]): readonly Finding[] {
  return shiftsOf(actions).flatMap((shift) =>
    shift.weights
      .filter((w) => w.weight > 0 && w.release !== slot.stable?.release)
      .filter(
        (w) =>
          !slot.observed?.workloads.some((workload) => workload.release === w.release && workload.ready > 0),
      )
      .map((w) => finding(5, `${w.release} would get ${w.weight} % of traffic and nothing of it is ready`)),
  );
}

/** Invariants 1, 3 and 4: whoever gets traffic has a plan, and no enforced gate at the door has said anything but pass. */
function verifiedBeforeTraffic(
  input: TurnInput,
  { actions, now }: Decision,
  after: SlotState,
): readonly Finding[] {
  const { slot } = input;
  // A decision may end one promotion and begin the next: what it makes stable is judged by how it ended.
  const stable = [slot.stable?.release, after.stable?.release];
  const shares = shiftsOf(actions).flatMap((shift) =>
    shift.weights.filter((w) => w.weight > 0 && !stable.includes(w.release)),
  );
  return shares.flatMap((share) => {
    const promotion = after.promotions.find((p) => p.release === share.release && p.id === after.moving);
    if (promotion === undefined)
      return [finding(3, `${share.release} would get traffic without a promotion`)];
    if (promotion.plan === null)
      return [finding(4, `${share.release} would get traffic without a promotion plan`)];
    if (slot.quarantine[promotion.plan.document.artifact] !== undefined && !promotion.liftQuarantine) {
      return [finding(3, `${share.release} is quarantined`)];
    }
    const earlier = [slot.stable, slot.warm?.deployed, ...slot.history];
    if (promotion.mode === 'rollback' && !earlier.some((deployed) => deployed?.release === share.release))
      return [finding(3, `${share.release} was never stable and would come by a rollback`)];
    // Going a step down stands on nothing but that it is down.
    const seen = slot.observed?.weights.find((w) => w.release === share.release)?.weight ?? 0;
    const passed =
      share.weight < seen ? [] : [...gatesHavePassed(input, promotion), ...waiversHold(promotion, now)];
    return [...passed, ...approvalsHold(promotion)];
  });
}

/** Invariant 1: what was recorded of each enforced gate is `pass`; of the analysis, from the second step on. */
function gatesHavePassed(input: TurnInput, promotion: Promotion): readonly Finding[] {
  const stage = input.project.pinned[promotion.pipeline]?.document.spec.stages.find(
    (s) => s.name === promotion.stage,
  );
  if (stage === undefined) return [finding(1, `${promotion.id} has no stage ${promotion.stage}`)];
  const door = stage.gates.filter((gate) => promotion.mode === 'promote' || gate.kind === 'signature');
  const compared = promotion.mode === 'promote' && input.slot.stable !== null && promotion.step > 0;
  return [...door, ...(compared ? stage.analysis : [])]
    .filter((gate) => gate.mode === 'enforce' && promotion.gates[gate.name]?.verdict !== 'pass')
    .map((gate) => finding(1, `${promotion.id} would get traffic and ${gate.name} has not passed`));
}

function approvalsHold(promotion: Promotion): readonly Finding[] {
  const approved = Object.values(promotion.gates).filter((gate) => gate.reason.code === 'approved');
  return approved.flatMap((gate) => {
    if (gate.reason.code !== 'approved') return [];
    const people = gate.reason.by;
    const counted = promotion.approvals.filter(
      (a) => a.plan === promotion.plan?.digest && people.includes(a.by.id),
    );
    const distinct = new Set(counted.map((a) => a.by.id));
    const own = people.includes(promotion.by.id);
    if (own) return [finding(4, `${promotion.id} is approved by who asked for it`)];
    return distinct.size === people.length
      ? []
      : [finding(4, `${promotion.id} counts approvals that are not of its plan`)];
  });
}

/** Invariant 1: what opens by a person's waiver was given by a person, for this gate, and is not over. */
function waiversHold({ id, gates, state, waivers = [] }: Promotion, now: number): readonly Finding[] {
  if (state !== 'rolling-out') return [];
  return Object.entries(gates).flatMap(([gate, { verdict, reason }]) => {
    if (verdict !== 'pass' || reason.code !== 'waived') return [];
    const given = waivers.some(
      (one) =>
        one.gate === gate && one.by.kind === 'person' && one.weight === reason.weight && now < one.until,
    );
    return given ? [] : [finding(1, `${id} would go past ${gate} by a waiver that does not count`)];
  });
}

/** Invariant 5: a release is removed only when it is seen to have no traffic, and is asked to have none. */
function trafficBeforeRemoval(
  slot: SlotState,
  actions: readonly Action[],
  after: SlotState,
): readonly Finding[] {
  return actions.flatMap((action) => {
    if (action.type !== 'remove-workload') return [];
    const seen = slot.observed?.weights.find((w) => w.release === action.release)?.weight ?? 0;
    if (seen > 0) return [finding(5, `${action.release} would be removed at ${seen} % of traffic`)];
    if (after.stable?.release === action.release)
      return [finding(5, `${action.release} is stable and would be removed`)];
    return [];
  });
}

/** Invariant 10: under a freeze nothing grows, unless it goes back. */
function frozenStays(input: TurnInput, decision: Decision, after: SlotState): readonly Finding[] {
  const { slot, project, everything } = input;
  const environment = slot.key.environment;
  const frozen = [...project.freezes, ...everything.freezes].find(
    (f) =>
      (f.environment === null || f.environment === environment) &&
      (f.until === null || decision.now < f.until),
  );
  if (frozen === undefined) return [];
  const isRollback = (id: string | null): boolean =>
    slot.promotions.find((p) => p.id === id)?.mode === 'rollback';
  // What moves after the decision is what its traffic is for: a rollback may have taken the place of what moved.
  const grows =
    !isRollback(after.moving) &&
    shiftsOf(decision.actions).some((shift) =>
      shift.weights.some((w) => w.release !== slot.stable?.release && w.weight > 0),
    );
  const promotes = decision.moves.some(
    (move) => move.type === 'ended' && move.state === 'promoted' && !isRollback(move.promotion),
  );
  return grows || promotes ? [finding(10, `freeze ${frozen.id} holds ${environment}`)] : [];
}

/** Invariant 6: what is said to have ended is what was seen. */
function endsAreSeen(slot: SlotState, moves: readonly Move[]): readonly Finding[] {
  return moves.flatMap((move) => {
    if (move.type !== 'ended') return [];
    const release = slot.promotions.find((p) => p.id === move.promotion)?.release;
    const weight = slot.observed?.weights.find((w) => w.release === release)?.weight ?? 0;
    if (move.state === 'promoted' && weight !== 100)
      return [finding(6, `${move.promotion} would be promoted at ${weight} %`)];
    if (move.state === 'rolled-back' && weight !== 0)
      return [finding(6, `${move.promotion} would be rolled back at ${weight} %`)];
    return [];
  });
}

/** At most one promotion of a slot moves. */
function oneMoves(after: SlotState): readonly Finding[] {
  const moving = after.promotions.filter((p) => p.state !== 'waiting');
  return moving.length <= 1 ? [] : [finding(8, `${moving.map((p) => p.id).join(', ')} move at once`)];
}
