import type { GateOf } from '../../model/gate.ts';
import { CheckPredicate, checkPredicateType } from '../../model/release.ts';
import { answer, type GateAnswer, type GateContext } from './context.ts';
import { readStatements } from './statement.ts';

/** A job's report, signed by an identity that may sign this check, on this artifact. The latest counts. */
export function judgeCheck(gate: GateOf<'check'>, context: GateContext): GateAnswer {
  const sealed = context.release.sealed;
  if (sealed === null) return answer('pending', { code: 'release-open' });
  const trust = context.project?.document.spec.trust ?? [];
  const reports = readStatements(
    context.release,
    sealed.release.artifact.digest,
    trust,
    context.crypto,
  ).flatMap((statement) => {
    if (!statement.trusted || statement.predicateType !== checkPredicateType) return [];
    if (!statement.identity.checks.includes(gate.check)) return [];
    const predicate = CheckPredicate.safeParse(statement.predicate);
    return predicate.success && predicate.data.check === gate.check
      ? [{ passed: predicate.data.passed, at: statement.at, identity: statement.identity.name }]
      : [];
  });
  const latest = reports.at(-1);
  if (latest === undefined) return answer('pending', { code: 'check-missing', check: gate.check });
  if (!latest.passed) return answer('fail', { code: 'check-failed', check: gate.check });
  const expiry = latest.at + gate.expires;
  if (context.now >= expiry)
    return answer('pending', { code: 'check-expired', check: gate.check, at: expiry });
  return answer('pass', { code: 'check-passed', check: gate.check, identity: latest.identity }, expiry);
}
