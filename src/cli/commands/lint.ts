import { type Loaded, loadDocuments, type PlacedFinding } from '../documents/load.ts';
import { CliFailure, usage } from '../failure.ts';
import { dataColour, printable, printData, say } from '../terminal.ts';

/** Checks documents without a server. Findings are the data: they go to stdout. */
export async function lint(
  files: readonly string[],
  options: { readonly output?: string; readonly strict: boolean },
): Promise<void> {
  if (options.output !== undefined && options.output !== 'json')
    throw usage(`there is no output format ${options.output} for lint; there is json`);
  const loaded = await loadDocuments(files);
  const errors = loaded.findings.filter((finding) => finding.severity === 'error').length;
  const warnings = loaded.findings.length - errors;
  if (options.output === 'json')
    printData(JSON.stringify({ documents: loaded.documents.length, findings: loaded.findings }, null, 2));
  else for (const finding of loaded.findings) printData(findingLine(finding));
  if (errors > 0 || (options.strict && warnings > 0))
    throw new CliFailure('error', summary(loaded, errors, warnings));
  say(summary(loaded, errors, warnings));
}

/** `belay.yaml:12:7: error: enviroment is unknown here; did you mean environment? [schema]` */
export function findingLine(finding: PlacedFinding): string {
  const place = `${finding.file}:${finding.line}:${finding.column}:`;
  const severity = dataColour(finding.severity === 'error' ? 'red' : 'yellow', `${finding.severity}:`);
  return `${printable(place)} ${severity} ${printable(`${finding.message}; ${finding.fix}`)} [${finding.rule}]`;
}

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

const summary = (loaded: Loaded, errors: number, warnings: number): string =>
  errors + warnings === 0
    ? `${plural(loaded.documents.length, 'document')}, nothing to mend`
    : `${plural(errors, 'error')}, ${plural(warnings, 'warning')}`;
