import { BelayDocument } from '../../core/model/documents.ts';
import { complaintsOf, unitless } from './complaints.ts';
import { type Complaint, type Place, readYaml, type YamlDocument } from './yaml.ts';

/** A document with the way from its parts to their places in the file. */
export interface ReadDocument {
  readonly file: string;
  readonly document: BelayDocument;
  /** Line and column of the value at a JSON pointer, or of the nearest part above it that is there. */
  readonly placeOf: (path: readonly (string | number)[]) => Place;
}

export interface ReadFile {
  readonly documents: readonly ReadDocument[];
  readonly complaints: readonly Complaint[];
}

/** More than this is no configuration. */
const bounds = { characters: 1_000_000, nodes: 50_000, documents: 1_000 };

/** Reads one file of Belay documents. Never throws on what is in the file. */
export function readDocuments(file: string, text: string): ReadFile {
  const yaml = readYaml(file, text, bounds);
  const read = yaml.documents.map(readDocument);
  const documents = read.flatMap((one) => one.documents);
  const complaints = [...yaml.complaints, ...read.flatMap((one) => one.complaints)];
  if (documents.length === 0 && complaints.length === 0)
    complaints.push({
      file,
      line: 1,
      column: 1,
      message: 'the file holds no document',
      fix: 'a Project, an Environment or a Pipeline',
    });
  return { documents, complaints: complaints.sort((a, b) => a.line - b.line || a.column - b.column) };
}

/** Takes a document of YAML for one of Belay's, or says where it is none. */
export function readDocument({ file, value, placeOf }: YamlDocument): ReadFile {
  const result = BelayDocument.safeParse(value);
  const wrong = result.success ? unitless(value) : complaintsOf(result.error, value);
  if (result.success && wrong.length === 0)
    return { documents: [{ file, document: result.data, placeOf }], complaints: [] };
  return {
    documents: [],
    complaints: wrong.map(({ path, key, message, fix }) => ({
      file,
      ...placeOf(key === undefined ? path : [...path, key], key === undefined ? 'value' : 'key'),
      message,
      fix,
    })),
  };
}
