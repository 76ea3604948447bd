import type { Digest } from '../../model/digest.ts';
import type { GateOf } from '../../model/gate.ts';
import { CheckPredicate, checkPredicateType } from '../../model/release.ts';
import type { Millis } from '../../model/time.ts';
import { answer, type GateAnswer, type GateContext } from './context.ts';
import { readStatements } from './statement.ts';

interface Report {
  readonly passed: boolean;
  readonly at: Millis;
  readonly identity: string;
}

/** A job's report, signed by an identity that may sign this check, on this artifact. The latest counts. */
export function judgeCheck(gate: GateOf<'check'>, context: GateContext): GateAnswer {
  const sealed = context.release.sealed;
  if (sealed === null) return answer('pending', { code: 'release-open' });
  const latest = latestReport(gate.check, sealed.release.artifact.digest, context);
  if (latest === null) return answer('pending', { code: 'check-missing', check: gate.check });
  if (!latest.passed) return answer('fail', { code: 'check-failed', check: gate.check });
  const expiry = latest.at + gate.expires;
  if (context.now >= expiry)
    return answer('pending', { code: 'check-expired', check: gate.check, at: expiry });
  return answer('pass', { code: 'check-passed', check: gate.check, identity: latest.identity }, expiry);
}

/**
 * The report that was made last. Its time is the one that it was signed with, and never later than when it came in;
 * the same report attached again is no new one.
 */
function latestReport(check: string, artifact: Digest, context: GateContext): Report | null {
  const trust = context.project?.document.spec.trust ?? [];
  const seen = new Set<string>();
  let latest: Report | null = null;
  for (const statement of readStatements(context.release, artifact, trust, context.crypto)) {
    if (!statement.trusted || statement.predicateType !== checkPredicateType) continue;
    if (!statement.identity.checks.includes(check) || seen.has(statement.payload)) continue;
    const predicate = CheckPredicate.safeParse(statement.predicate);
    if (!predicate.success || predicate.data.check !== check) continue;
    seen.add(statement.payload);
    const { passed, finishedAt } = predicate.data;
    const at = Math.min(statement.at, finishedAt ?? statement.at);
    if (latest === null || at >= latest.at) latest = { passed, at, identity: statement.identity.name };
  }
  return latest;
}
