import { didYouMean } from '../documents-nearest.ts';
import type { ObjectName } from './objects.ts';
import { pointerPart, shown, type Violation, type WorkloadRule } from './rule.ts';

/** The annotation that allows one rule's findings on one object: a line each, `rule-id reason`. */
export const allowAnnotation = 'belay.dev/allow';

/** One permission as an object declares it. */
interface Permission {
  readonly rule: string;
  readonly reason: string;
}

/** What no annotation may allow: it would hide that an object, or an annotation, cannot be read. */
export const neverAllowed: readonly string[] = ['object-invalid', 'allow'];

const mostLines = 50;
const mostReason = 300;

function permissionsOf({ annotations }: ObjectName): readonly Permission[] {
  const written = Object.hasOwn(annotations, allowAnnotation) ? annotations[allowAnnotation] : undefined;
  return (written ?? '')
    .split('\n')
    .slice(0, mostLines)
    .map((one) => one.trim())
    .filter((one) => one !== '')
    .map((one) => {
      const [rule = '', ...words] = one.split(/\s+/);
      return { rule: rule.replace(/:$/, ''), reason: words.join(' ').slice(0, mostReason) };
    });
}

/** The reason for which an object allows a rule, or null. A permission without a reason allows nothing. */
export function allowedBecause(object: ObjectName, rule: string): string | null {
  if (neverAllowed.includes(rule)) return null;
  const found = permissionsOf(object).find((one) => one.rule === rule && one.reason !== '');
  return found?.reason ?? null;
}

/** The rule over the annotation itself; what it finds about its use is judged after all others, by `judgeAllowed`. */
export const allowRule: Omit<WorkloadRule, 'check'> = {
  id: 'allow',
  severity: 'error',
  asks: `What an object allows itself by \`${allowAnnotation}\` is a rule, has a reason, and is needed.`,
  why: 'A permission is seen by everybody who reads the report, with its reason. One without a reason, or for a rule that is not there, allows nothing. One that nothing needs any more would hide the next mistake, and is a warning.',
  example:
    'metadata:\n  annotations:\n    belay.dev/allow: |\n      read-only-root the image writes its licence cache beside its program\n      spread one zone, one node: it is the staging cluster\n',
};

/** What is wrong with the permissions of an object, given the rules that it needed them for. */
export function judgeAllowed(
  object: ObjectName,
  needed: ReadonlySet<string>,
  rules: readonly string[],
): readonly Violation[] {
  const path = `${object.base}/metadata/annotations/${pointerPart(allowAnnotation)}`;
  return permissionsOf(object).flatMap(({ rule, reason }): readonly Violation[] => {
    const of = (message: string, fix: string, severity: 'error' | 'warning'): readonly Violation[] => [
      { object, path, message, fix, severity },
    ];
    if (!rules.includes(rule) || neverAllowed.includes(rule))
      return of(
        neverAllowed.includes(rule)
          ? `${rule} cannot be allowed`
          : `there is no rule ${shown(rule)} to allow`,
        neverAllowed.includes(rule) ? 'mend the object' : didYouMean(rule, rules),
        'error',
      );
    if (reason === '')
      return of(
        `${rule} is allowed without a reason, which does not count`,
        `write ${rule} and why`,
        'error',
      );
    return needed.has(rule)
      ? []
      : of(`${rule} is allowed, and found nothing here`, 'take the line out', 'warning');
  });
}
