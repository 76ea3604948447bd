import type { GateOf } from '../../model/gate.ts';
import { answer, type GateAnswer, type GateContext } from './context.ts';

/**
 * People who may not approve this promotion: contributors, who opened the release, who sealed it and so chose its
 * artifact, who requested the promotion, and the editors of the gate.
 */
export function barredApprovers(
  context: Pick<GateContext, 'release' | 'promotion' | 'editors'>,
): readonly string[] {
  const { sealed, openedBy } = context.release;
  const barred = new Set([
    ...(sealed === null ? [] : [...sealed.release.contributors, sealed.by.id]),
    openedBy.id,
    context.promotion.by.id,
    ...context.editors,
  ]);
  return [...barred].sort();
}

/** More names than this in one reason help nobody, and a decision must fit into an entry of the ledger. */
const mostNamed = 20;

/**
 * Quorum of distinct people over exactly this promotion plan. Bound to the slot: a new baseline is a new plan,
 * and approvals of the old one do not count for it.
 */
export function judgeApproval(gate: GateOf<'approval'>, context: GateContext): GateAnswer {
  const plan = context.promotion.plan;
  if (plan === null) return answer('pending', { code: 'plan-missing' });
  const barred = barredApprovers(context);
  const counting = context.promotion.approvals.filter(
    (approval) =>
      approval.plan === plan.digest &&
      approval.by.kind === 'person' &&
      !barred.includes(approval.by.id) &&
      context.now < approval.at + gate.expires,
  );
  const people = [...new Set(counting.map((approval) => approval.by.id))].sort();
  const expiry =
    counting.length === 0 ? null : Math.min(...counting.map((approval) => approval.at + gate.expires));
  if (people.length >= gate.quorum)
    return answer('pass', { code: 'approved', by: people.slice(0, mostNamed) }, expiry);
  return answer(
    'pending',
    {
      code: 'approvals-missing',
      have: people.length,
      need: gate.quorum,
      plan: plan.digest,
      barred: barred.slice(0, mostNamed),
    },
    expiry,
  );
}
