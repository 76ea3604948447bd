import type { GateOf } from '../../model/gate.ts';
import { answer, type GateAnswer, type GateContext } from './context.ts';
import { readStatements } from './statement.ts';

/**
 * Signed artifact. Bound to the artifact: it is judged against the trust of today, never a remembered one,
 * so that a key taken away stops what stands on it.
 */
export function judgeSignature(gate: GateOf<'signature'>, context: GateContext): GateAnswer {
  const sealed = context.release.sealed;
  if (sealed === null) return answer('pending', { code: 'release-open' });
  const statements = readStatements(
    context.release,
    sealed.release.artifact.digest,
    context.project?.document.spec.trust ?? [],
    context.crypto,
  );
  const relevant = statements.filter(
    (s) => s.trusted || s.fault === 'malformed' || s.predicateType === gate.predicateType,
  );
  for (const statement of relevant) {
    if (statement.trusted && statement.predicateType === gate.predicateType) {
      return answer('pass', { code: 'signature-ok', identity: statement.identity.name });
    }
  }
  for (const statement of relevant) {
    if (statement.trusted || statement.fault === 'malformed') continue;
    if (statement.fault === 'other-subject')
      return answer('fail', { code: 'signature-subject', found: statement.found });
    return answer('fail', { code: 'signature-untrusted', predicateType: gate.predicateType });
  }
  return answer('pending', { code: 'signature-missing', predicateType: gate.predicateType });
}
