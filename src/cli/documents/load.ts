import { lintDocuments } from '../../core/lint/documents.ts';
import type { DocumentFinding } from '../../core/lint/documents-finding.ts';
import { namedFiles, readTexts } from './files.ts';
import { type ReadDocument, readDocuments } from './read.ts';
import type { Complaint } from './yaml.ts';

/** A finding of the lint with its place in a file. */
export interface PlacedFinding extends Complaint {
  readonly rule: string;
  readonly severity: 'error' | 'warning';
}

export interface Loaded {
  readonly documents: readonly ReadDocument[];
  /** Errors first as they stand in the files, those of the schema before those of the lint. */
  readonly findings: readonly PlacedFinding[];
}

/** Reads files, folders (their *.yaml and *.yml) and stdin (`-`) of Belay documents, and lints them together. */
export async function loadDocuments(paths: readonly string[]): Promise<Loaded> {
  const read = (await readTexts(await namedFiles(paths))).map(([file, text]) => readDocuments(file, text));
  const documents = read.flatMap((one) => one.documents);
  const findings = read.flatMap((one) => one.complaints).map(ofSchema);
  // Half of the documents would give findings that the other half mends.
  return { documents, findings: findings.length > 0 ? findings : lintedDocuments(documents) };
}

export const ofSchema = (complaint: Complaint): PlacedFinding => ({
  ...complaint,
  rule: 'schema',
  severity: 'error',
});

/** The findings of the lint of documents that were all read. */
export const lintedDocuments = (documents: readonly ReadDocument[]): readonly PlacedFinding[] =>
  lintDocuments(
    documents.map((read) => read.document),
    null,
  ).flatMap((finding) => placed(finding, documents));

function placed(finding: DocumentFinding, documents: readonly ReadDocument[]): readonly PlacedFinding[] {
  const read = documents[finding.document];
  if (read === undefined) return [];
  const { rule, severity, message, fix } = finding;
  return [{ file: read.file, ...read.placeOf(pointerParts(finding.path)), rule, severity, message, fix }];
}

/** The parts of a JSON pointer (RFC 6901). */
export const pointerParts = (pointer: string): readonly (string | number)[] =>
  pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part));
