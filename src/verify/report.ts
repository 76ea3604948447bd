import type { ReleaseKey } from '../core/model/name.ts';

/** What is checked, in this order. */
export const checkNames = [
  'files',
  'manifest',
  'key',
  'checkpoint',
  'growth',
  'chains',
  'inclusion',
  'entries',
  'content',
  'samples',
  'tests',
  'decisions',
  'completeness',
  'summaries',
] as const;
export type CheckName = (typeof checkNames)[number];

/** Only `pass` is a yes. `unknown` says what is missing to tell: it is neither passed nor found to be wrong. */
export type CheckStatus = 'pass' | 'fail' | 'unknown';

/** One thing that is wrong or cannot be told, and where: a file, or a stream with the number of an entry. */
export interface Finding {
  readonly status: 'fail' | 'unknown';
  readonly where: string;
  readonly message: string;
}

export interface Check {
  readonly name: CheckName;
  readonly status: CheckStatus;
  /** What was checked, with numbers, or how much is wrong. */
  readonly message: string;
  /** The first of them; `message` says how many there are. */
  readonly findings: readonly Finding[];
}

/** `verified` where every check passed, `failed` where one did not, `incomplete` where one could not be made. */
export interface Report {
  readonly outcome: 'verified' | 'failed' | 'incomplete';
  readonly release: ReleaseKey | null;
  readonly log: { readonly origin: string; readonly size: number; readonly root: string } | null;
  readonly checks: readonly Check[];
}

/** A hostile pack can be wrong in a million places; this many of one check are named. */
const mostNamed = 20;

/** Collects what the checks find. A check that is neither passed nor failed was not reached, which is `unknown`. */
export class Findings {
  readonly #found = new Map<CheckName, { named: Finding[]; count: number; failed: boolean }>();
  readonly #passed = new Map<CheckName, string>();
  readonly #leftOut = new Set<CheckName>();

  fail(check: CheckName, where: string, message: string): void {
    this.#add(check, { status: 'fail', where, message });
  }

  unknown(check: CheckName, where: string, message: string): void {
    this.#add(check, { status: 'unknown', where, message });
  }

  /** The check was not asked for, and does not stand in the report. */
  leaveOut(check: CheckName): void {
    this.#leftOut.add(check);
  }

  /** The check went through to its end; it has passed if it found nothing. */
  done(check: CheckName, message: string): void {
    this.#passed.set(check, message);
  }

  report(release: ReleaseKey | null, log: Report['log']): Report {
    const checks = checkNames.filter((name) => !this.#leftOut.has(name)).map((name) => this.#check(name));
    const has = (status: CheckStatus): boolean => checks.some((check) => check.status === status);
    return {
      outcome: has('fail') ? 'failed' : has('unknown') ? 'incomplete' : 'verified',
      release,
      log,
      checks,
    };
  }

  #check(name: CheckName): Check {
    const found = this.#found.get(name);
    if (found !== undefined) {
      const findings = [...found.named].sort((a, b) => rank(a) - rank(b));
      const more = found.count > 1 ? ` (and ${found.count - 1} more)` : '';
      const first = findings[0];
      const message = first === undefined ? '' : `${first.where}: ${first.message}${more}`;
      return { name, status: found.failed ? 'fail' : 'unknown', message, findings };
    }
    const message = this.#passed.get(name);
    return message === undefined
      ? { name, status: 'unknown', message: 'not reached', findings: [] }
      : { name, status: 'pass', message, findings: [] };
  }

  #add(check: CheckName, finding: Finding): void {
    const known = this.#found.get(check) ?? { named: [], count: 0, failed: false };
    known.count += 1;
    known.failed ||= finding.status === 'fail';
    if (known.named.length < mostNamed) known.named.push(finding);
    else if (finding.status === 'fail') replaceUnknown(known.named, finding);
    this.#found.set(check, known);
  }
}

const rank = (finding: Finding): number => (finding.status === 'fail' ? 0 : 1);

/** What is wrong is never crowded out by what cannot be told. */
function replaceUnknown(named: Finding[], finding: Finding): void {
  const at = named.findIndex((known) => known.status === 'unknown');
  if (at >= 0) named[at] = finding;
}
