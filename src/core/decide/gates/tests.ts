import type { GateOf } from '../../model/gate.ts';
import { answer, type GateAnswer, type GateContext } from './context.ts';

/** Test report bound to the artifact. The latest report of that name counts; a skipped test is no test. */
export function judgeTests(gate: GateOf<'tests'>, context: GateContext): GateAnswer {
  const sealed = context.release.sealed;
  if (sealed === null) return answer('pending', { code: 'release-open' });
  const artifact = sealed.release.artifact.digest;
  const reports = context.release.attachments.flatMap(({ attachment }) =>
    attachment.type === 'tests' && attachment.name === gate.report && attachment.artifact === artifact
      ? [attachment.counts]
      : [],
  );
  const counts = reports.at(-1);
  if (counts === undefined) return answer('pending', { code: 'tests-missing', report: gate.report });
  const total = counts.total - counts.skipped;
  if (counts.failed > 0)
    return answer('fail', { code: 'tests-failed', report: gate.report, failed: counts.failed, total });
  if (total < gate.minTests) {
    return answer('insufficient', {
      code: 'tests-too-few',
      report: gate.report,
      total,
      needed: gate.minTests,
    });
  }
  return answer('pass', { code: 'tests-passed', report: gate.report, total });
}
