import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { lintDocuments } from '../../core/lint/documents.ts';
import type { DocumentFinding } from '../../core/lint/documents-finding.ts';
import { CliFailure, usage } from '../failure.ts';
import { readStdin } from '../terminal.ts';
import { type Complaint, type ReadDocument, readDocuments } from './read.ts';

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

/** Reads files, folders (their *.yaml and *.yml) and stdin (`-`), and lints them together. */
export async function loadDocuments(paths: readonly string[]): Promise<Loaded> {
  const documents: ReadDocument[] = [];
  const findings: PlacedFinding[] = [];
  for (const [file, text] of await readAll(paths.length === 0 ? ['belay.yaml'] : paths)) {
    const read = readDocuments(file, text);
    documents.push(...read.documents);
    findings.push(...read.complaints.map((c) => ({ ...c, rule: 'schema', severity: 'error' as const })));
  }
  // Half of the documents would give findings that the other half mends.
  if (findings.length > 0) return { documents, findings };
  const linted = lintDocuments(
    documents.map((read) => read.document),
    null,
  );
  return { documents, findings: linted.flatMap((finding) => placed(finding, documents)) };
}

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

async function readAll(paths: readonly string[]): Promise<readonly (readonly [string, string])[]> {
  const texts: (readonly [string, string])[] = [];
  for (const path of paths) {
    if (path === '-') {
      texts.push(['stdin', await readStdin()]);
      continue;
    }
    const found = await stat(path).catch(() => null);
    if (found === null)
      throw usage(`there is no file ${path}`, 'belay init   writes a belay.yaml to begin with');
    const files = found.isDirectory()
      ? (await readdir(path))
          .filter((name) => /\.ya?ml$/.test(name))
          .sort()
          .map((name) => join(path, name))
      : [path];
    if (files.length === 0) throw usage(`${path} holds no *.yaml`);
    for (const file of files) texts.push([file, await readText(file)]);
  }
  return texts;
}

async function readText(file: string): Promise<string> {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file));
  } catch (error) {
    throw new CliFailure('error', `cannot read ${file}: ${(error as Error).message}`);
  }
}
