import { allowedBecause, allowRule, judgeAllowed } from './allow.ts';
import { workloadRules } from './catalogue.ts';
import { manifestSet, type ObjectName, type RawManifest } from './objects.ts';
import type { Severity, StageDeadline, Violation } from './rule.ts';

/** What is wrong with an object, where, and what mends it. */
export interface WorkloadFinding {
  readonly rule: string;
  readonly severity: Severity;
  /** Index in the list that was given. */
  readonly document: number;
  /** `Deployment shop/web`. */
  readonly object: string;
  /** JSON pointer (RFC 6901) into that document. */
  readonly path: string;
  readonly message: string;
  readonly fix: string;
}

/** A finding that the object allows itself, with the reason that it gives. */
export interface AllowedFinding extends Omit<WorkloadFinding, 'severity' | 'fix'> {
  readonly reason: string;
}

export interface WorkloadReport {
  /** How many objects were judged. */
  readonly objects: number;
  /** How many objects of which kinds no rule reads. */
  readonly passedOver: Readonly<Record<string, number>>;
  /** By document, then as the rules stand in the catalogue. */
  readonly findings: readonly WorkloadFinding[];
  readonly allowed: readonly AllowedFinding[];
}

/**
 * Judges Kubernetes objects by the workload contract, all of them together: what one file says of another counts.
 * Pure and total: what is no object is a finding. The values must not contain themselves. `deadlines` are those of the
 * pipelines that carry these services, where they are known.
 */
export function lintWorkloads(
  documents: readonly RawManifest[],
  deadlines: readonly StageDeadline[],
): WorkloadReport {
  const set = manifestSet(documents);
  const findings: WorkloadFinding[] = [];
  const allowed: AllowedFinding[] = [];
  const needed = new Map<string, Set<string>>();
  for (const { id, severity, check } of workloadRules) {
    for (const violation of check({ ...set, deadlines })) {
      const reason = allowedBecause(violation.object, id);
      if (reason === null) {
        findings.push(findingOf(id, severity, violation));
        continue;
      }
      const { severity: _severity, fix: _fix, ...place } = findingOf(id, severity, violation);
      allowed.push({ ...place, reason });
      const key = keyOf(violation.object);
      needed.set(key, (needed.get(key) ?? new Set()).add(id));
    }
  }
  const ids = workloadRules.map(({ id }) => id);
  for (const object of set.names)
    for (const violation of judgeAllowed(object, needed.get(keyOf(object)) ?? new Set(), ids))
      findings.push(findingOf(allowRule.id, allowRule.severity, violation));
  return {
    objects: set.judged,
    passedOver: Object.fromEntries([...set.passedOver].sort(([a], [b]) => (a < b ? -1 : 1))),
    findings: findings.sort((a, b) => a.document - b.document),
    allowed: allowed.sort((a, b) => a.document - b.document),
  };
}

const keyOf = ({ document, base }: ObjectName): string => `${document}${base}`;

const findingOf = (rule: string, standard: Severity, violation: Violation): WorkloadFinding => ({
  rule,
  severity: violation.severity ?? standard,
  document: violation.object.document,
  object: violation.object.title,
  path: violation.path,
  message: violation.message,
  fix: violation.fix,
});
