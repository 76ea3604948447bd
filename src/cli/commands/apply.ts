import { ApplyAnswer, type ApplyResult } from '../../server/schemas.ts';
import { ApiRefusal } from '../client.ts';
import { connectToChange } from '../connect.ts';
import { loadDocuments, pointerParts } from '../documents/load.ts';
import type { ReadDocument } from '../documents/read.ts';
import { CliFailure } from '../failure.ts';
import type { OutputFormat } from '../output-formats.ts';
import { printAnswer, printObject } from '../output.ts';
import type { ConnectionOptions } from '../settings.ts';
import { printData, say } from '../terminal.ts';
import { findingLine } from './lint.ts';

interface ApplyOptions extends ConnectionOptions {
  readonly file: readonly string[];
  readonly dryRun: boolean;
  readonly output?: OutputFormat;
}

/** Reads, lints and applies documents: all of them or none. */
export async function apply(files: readonly string[], options: ApplyOptions): Promise<void> {
  const { documents, findings } = await loadDocuments([...files, ...options.file]);
  for (const finding of findings) say(findingLine(finding));
  const errors = findings.filter((finding) => finding.severity === 'error').length;
  if (errors > 0)
    throw new CliFailure('error', `${errors === 1 ? 'an error' : `${errors} errors`}: nothing was applied`);
  const client = await connectToChange(options);
  const body = { documents: documents.map((read) => read.document) };
  const answer = await client
    .mutate('POST', '/v1/apply', body, ApplyAnswer, options.dryRun ? { dryRun: true } : {})
    .catch((error: unknown) => {
      throw error instanceof ApiRefusal ? placedRefusal(error, documents) : error;
    });
  for (const warning of answer.warnings) say(warningLine(warning, documents));
  if (options.output === 'wide') {
    await printAnswer<ApplyResult>('wide', answer, {
      rows: answer.results,
      columns: [
        { heading: 'NAME', cell: resultName },
        { heading: 'CHANGE', cell: (r) => r.change },
        { heading: 'DIGEST', cell: (r) => r.digest },
      ],
      name: resultName,
      empty: '',
    });
  } else if (options.output === 'json' || options.output === 'yaml')
    await printObject(options.output, answer);
  else
    for (const result of answer.results)
      printData(
        `${resultName(result)}${options.output === 'name' ? '' : ` ${result.change}${options.dryRun ? ' (dry run)' : ''}`}`,
      );
}

/** `belay.yaml:12:7: warning: …`, as `belay lint` writes what it finds itself. */
function warningLine(
  { path, message, fix }: ApplyAnswer['warnings'][number],
  documents: readonly ReadDocument[],
): string {
  const [, index, rest] = /^\/documents\/(\d+)(.*)$/.exec(path) ?? [];
  const read = documents[Number(index)];
  const place = read?.placeOf(pointerParts(rest ?? ''));
  const where = place === undefined ? '' : `${read?.file}:${place.line}:${place.column}: `;
  return `${where}warning: ${message}${fix === undefined ? '' : `; ${fix}`}`;
}

const resultName = (result: ApplyResult): string => `${result.kind.toLowerCase()}/${result.name}`;

/** The server names places as `documents/0/spec/…`; people know them by file and line. */
function placedRefusal(refusal: ApiRefusal, documents: readonly ReadDocument[]): ApiRefusal {
  const message = refusal.message.replaceAll(
    /(^|\n {2})\/?documents[/.](\d+)([^\s:]*):/g,
    (whole, start: string, index: string, path: string) => {
      const read = documents[Number(index)];
      if (read === undefined) return whole;
      const place = read.placeOf(pointerParts(path.replaceAll('.', '/')));
      return `${start}${read.file}:${place.line}:${place.column}:`;
    },
  );
  return new ApiRefusal(
    refusal.status,
    refusal.code,
    refusal.exit,
    `${message}\nnothing was applied`,
    refusal.next,
  );
}
