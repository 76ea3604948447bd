import { didYouMean } from '../../core/lint/documents-nearest.ts';
import { workloadRules } from '../../core/lint/workload/catalogue.ts';
import type { PlacedFinding } from '../documents/load.ts';
import { lintAll, type Linted, type LintFinding, type PlacedAllowed } from '../documents/lint-all.ts';
import type { CheckReport } from './artifact.ts';
import { CliFailure, usage } from '../failure.ts';
import { dataColour, printable, printData, say, sayNext } from '../terminal.ts';

interface LintOptions {
  readonly output?: string;
  readonly strict: boolean;
  readonly explain?: string;
  readonly report?: string;
  readonly artifact?: string;
  readonly key?: string;
  readonly check: string;
}

/** Checks documents and manifests without a server. Findings are the data: they go to stdout. */
export async function lint(files: readonly string[], options: LintOptions): Promise<void> {
  if (options.output !== undefined && options.output !== 'json')
    throw usage(`there is no output format ${options.output} for lint; there is json`);
  if (options.explain !== undefined) return explain(options.explain, options.output === 'json');
  const signing = signingOf(options);
  const linted = await lintAll(files);
  const errors = linted.findings.filter((finding) => finding.severity === 'error').length;
  const warnings = linted.findings.length - errors;
  if (options.output === 'json') printData(JSON.stringify(linted, null, 2));
  else {
    for (const finding of linted.findings) printData(findingLine(finding));
    for (const allowed of linted.allowed) printData(allowedLine(allowed));
  }
  const rule = linted.findings.find(({ object }) => object !== undefined)?.rule;
  const passed = errors === 0 && (!options.strict || warnings === 0);
  if (signing !== null) {
    const { signCheckReport } = await import('./artifact.ts');
    // Nothing judged is nothing passed.
    const { objects } = linted;
    await signCheckReport({
      ...signing,
      passed: passed && objects > 0,
      summary: reported(linted, errors, warnings),
    });
    say(`the report is in ${signing.out}, signed`);
    sayNext(`belay release attach RELEASE --statement ${signing.out}`);
  }
  if (!passed)
    throw new CliFailure(
      'error',
      summary(linted, errors, warnings),
      rule === undefined ? [] : [`belay lint --explain ${rule}`],
    );
  say(summary(linted, errors, warnings));
  if (rule !== undefined) sayNext(`belay lint --explain ${rule}`);
}

/** Where a signed report goes, and of what it is; null where none is wanted. */
function signingOf(options: LintOptions): Omit<CheckReport, 'passed' | 'summary'> | null {
  const { report, artifact, key, check } = options;
  if (report === undefined && artifact === undefined && key === undefined) return null;
  if (report === undefined || artifact === undefined || key === undefined)
    throw usage('a signed report needs --report, --artifact and --key together');
  return { out: report, artifact, key, check };
}

/** The summary that is signed: what was found, and in which bytes. */
const reported = (linted: Linted, errors: number, warnings: number): string =>
  `${summary(linted, errors, warnings)}; in ${linted.digest}`.slice(-500);

/** `belay.yaml:12:7: error: enviroment is unknown here; did you mean environment? [schema]` */
export function findingLine(finding: PlacedFinding & Pick<LintFinding, 'object'>): string {
  const { object, message, fix } = finding;
  const place = `${finding.file}:${finding.line}:${finding.column}:`;
  const severity = dataColour(finding.severity === 'error' ? 'red' : 'yellow', `${finding.severity}:`);
  return `${printable(place)} ${severity} ${printable(`${ofObject(object)}${message}; ${fix}`)} [${finding.rule}]`;
}

function allowedLine({ file, line, column, object, message, reason, rule }: PlacedAllowed): string {
  const words = `${ofObject(object)}${message}; allowed there: ${reason}`;
  return `${printable(`${file}:${line}:${column}:`)} ${dataColour('dim', 'allowed:')} ${printable(words)} [${rule}]`;
}

const ofObject = (object: string | undefined): string => (object === undefined ? '' : `${object}: `);

/** Prints what a rule of the workload contract asks for, why, and what it looks like. */
function explain(id: string, asJson: boolean): void {
  const rule = workloadRules.find((one) => one.id === id);
  if (rule === undefined)
    throw usage(
      `there is no rule ${id} of the workload contract: ${didYouMean(
        id,
        workloadRules.map((one) => one.id),
      )}`,
    );
  const { severity, asks, why, example } = rule;
  if (asJson) return printData(JSON.stringify({ id, severity, asks, why, example }, null, 2));
  printData(`${dataColour('bold', id)} (${severity})\n${asks}\n\n${why}\n\n${indented(example)}`);
}

const indented = (text: string): string =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => `    ${line}`)
    .join('\n');

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** `3 documents, nothing to mend`, `12 objects (2 passed over: CustomResourceDefinition), 1 error, 0 warnings`. */
function summary(
  { documents, objects, passedOver, allowed }: Linted,
  errors: number,
  warnings: number,
): string {
  const passed = Object.values(passedOver).reduce((sum, count) => sum + count, 0);
  const kinds = Object.keys(passedOver).slice(0, 10).join(', ');
  const read = [
    ...(documents > 0 || objects + passed === 0 ? [plural(documents, 'document')] : []),
    ...(objects + passed > 0
      ? [`${plural(objects, 'object')}${passed === 0 ? '' : ` (${passed} passed over: ${kinds})`}`]
      : []),
  ];
  const found =
    errors + warnings === 0 ? ['nothing to mend'] : [plural(errors, 'error'), plural(warnings, 'warning')];
  const all = errors + warnings > 0 && objects + passed === 0 ? found : [...read, ...found];
  return [...all, ...(allowed.length > 0 ? [`${allowed.length} allowed`] : [])].join(', ');
}
