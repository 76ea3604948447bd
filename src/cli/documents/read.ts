import {
  type Document,
  type DocumentOptions,
  type ParseOptions,
  type SchemaOptions,
  isMap,
  isPair,
  isScalar,
  LineCounter,
  type Node,
  parseAllDocuments,
  visit,
} from 'yaml';
import { BelayDocument } from '../../core/model/documents.ts';
import { complaintsOf } from './complaints.ts';

/** A place in a file, lines and columns from 1, and what is wrong there. */
export interface Complaint {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
  /** What was expected there, or the nearest valid name. */
  readonly fix: string;
}

/** A document with the way from its parts to their places in the file. */
export interface ReadDocument {
  readonly file: string;
  readonly document: BelayDocument;
  /** Line and column of the value at a JSON pointer, or of the nearest part above it that is there. */
  readonly placeOf: (path: readonly (string | number)[]) => {
    readonly line: number;
    readonly column: number;
  };
}

export interface ReadFile {
  readonly documents: readonly ReadDocument[];
  readonly complaints: readonly Complaint[];
}

/** More than this is no configuration. */
const mostBytes = 1_000_000;
const mostDepth = 40;
const mostNodes = 50_000;
const mostAliases = 50;

/**
 * Reads one file of YAML 1.2 with any number of documents. Duplicate keys, tags, deep nesting, many aliases and
 * keys that JavaScript would take for its own are refused with their place. Never throws on what is in the file.
 */
export function readDocuments(file: string, text: string): ReadFile {
  const refuse = (message: string, fix: string): ReadFile => ({
    documents: [],
    complaints: [{ file, line: 1, column: 1, message, fix }],
  });
  if (text.length > mostBytes)
    return refuse(`the file has ${text.length} characters`, `at most ${mostBytes} are read`);
  const deep = tooDeep(text);
  if (deep !== null)
    return {
      documents: [],
      complaints: [{ file, ...deep, message: 'nested too deeply', fix: `at most ${mostDepth} levels` }],
    };
  const lines = new LineCounter();
  const parsed = parseOrNull(text, {
    version: '1.2',
    schema: 'core',
    uniqueKeys: true,
    strict: true,
    lineCounter: lines,
    stringKeys: true,
    prettyErrors: false,
  });
  if (parsed === null) return refuse('nested too deeply', `at most ${mostDepth} levels`);
  const documents: ReadDocument[] = [];
  const complaints: Complaint[] = [];
  for (const one of parsed) {
    if (one.contents === null && one.errors.length === 0) continue;
    const read = readOne(file, one, lines);
    documents.push(...read.documents);
    complaints.push(...read.complaints);
  }
  if (documents.length === 0 && complaints.length === 0)
    return refuse('the file holds no document', 'a Project, an Environment or a Pipeline');
  complaints.sort((a, b) => a.line - b.line || a.column - b.column);
  return { documents, complaints };
}

/** The parser recurses: what no check foresaw ends as a refusal, not as a crash. */
function parseOrNull(
  text: string,
  options: ParseOptions & DocumentOptions & SchemaOptions,
): readonly Document.Parsed[] | null {
  try {
    const parsed = parseAllDocuments(text, options);
    return Array.isArray(parsed) ? parsed : [];
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

function readOne(file: string, yaml: Document.Parsed, lines: LineCounter): ReadFile {
  const at = (offset: number): { line: number; column: number } => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  // A warning is a tag that means nothing here, or a key that another reader would take otherwise.
  const wrong = [...yaml.errors, ...yaml.warnings];
  if (wrong.length > 0) {
    return {
      documents: [],
      complaints: wrong.slice(0, 20).map((error) => ({
        file,
        ...at(error.pos[0]),
        message: sentenceOfYaml(error.message),
        fix: fixes[error.code] ?? 'valid YAML 1.2',
      })),
    };
  }
  const bad = suspicious(yaml);
  if (bad !== null) return { documents: [], complaints: [{ file, ...at(bad.offset), ...bad.complaint }] };
  const value: unknown = yaml.toJS({ maxAliasCount: mostAliases });
  const placeOf: ReadDocument['placeOf'] = (path) => at(offsetOf(yaml, path, 'value'));
  const result = BelayDocument.safeParse(value);
  if (result.success) return { documents: [{ file, document: result.data, placeOf }], complaints: [] };
  return {
    documents: [],
    complaints: complaintsOf(result.error, value).map(({ path, key, message, fix }) => ({
      file,
      ...at(offsetOf(yaml, key === undefined ? path : [...path, key], key === undefined ? 'value' : 'key')),
      message,
      fix,
    })),
  };
}

const fixes: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: 'each key once',
  TAB_AS_INDENT: 'spaces, not tabs',
  BAD_INDENT: 'the same indentation as its neighbours',
};

const sentenceOfYaml = (message: string): string => message.split('\n')[0]?.replace(/\.$/, '') ?? message;

/** Bracket depth is checked before parsing, because a parser that recurses may not survive it. */
function tooDeep(text: string): { readonly line: number; readonly column: number } | null {
  let depth = 0;
  let line = 1;
  let start = 0;
  for (let i = -1; i < text.length; i++) {
    const c = text[i];
    if (i === -1 || c === '\n') {
      if (i >= 0) line++;
      start = i + 1;
      const indent = /^[ -]*/.exec(text.slice(start, start + 400))?.[0].length ?? 0;
      if (indent > 4 * mostDepth) return { line, column: 1 };
    } else if (c === '[' || c === '{') depth++;
    else if (c === ']' || c === '}') depth = Math.max(0, depth - 1);
    if (depth > mostDepth) return { line, column: i - start + 1 };
  }
  return null;
}

interface Suspicion {
  readonly offset: number;
  readonly complaint: { readonly message: string; readonly fix: string };
}

/** What YAML allows and no document needs: too many nodes or aliases, tags, keys that are JavaScript's own. */
function suspicious(yaml: Document.Parsed): Suspicion | null {
  let nodes = 0;
  let aliases = 0;
  let found: Suspicion | null = null;
  const stop = (node: Node | null, message: string, fix: string): symbol => {
    found = { offset: node?.range?.[0] ?? 0, complaint: { message, fix } };
    return visit.BREAK;
  };
  visit(yaml, {
    Alias: (_, node) =>
      ++aliases > mostAliases ? stop(node, 'too many aliases', `at most ${mostAliases}`) : undefined,
    Pair: (_, pair) =>
      isScalar(pair.key) && ['__proto__', 'constructor', 'prototype'].includes(String(pair.key.value))
        ? stop(pair.key, `${String(pair.key.value)} is no key`, 'another name')
        : undefined,
    Node: (_, node) => {
      if (++nodes > mostNodes) return stop(node, 'too many values', `at most ${mostNodes}`);
      return node.tag !== undefined && !node.tag.startsWith('tag:yaml.org,2002:')
        ? stop(node, `tag ${node.tag} has no meaning here`, 'a plain value')
        : undefined;
    },
  });
  return found;
}

/** Where the value, or the key, at a path begins; of a part that is missing, where the part above begins. */
function offsetOf(yaml: Document.Parsed, path: readonly (string | number)[], what: 'key' | 'value'): number {
  let node: unknown = yaml.contents;
  let offset = yaml.contents?.range?.[0] ?? 0;
  for (const [depth, part] of path.entries()) {
    if (!isMap(node) && !(typeof node === 'object' && node !== null && 'items' in node)) break;
    const items = (node as { items: readonly unknown[] }).items;
    const pair = isMap(node)
      ? node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(part))
      : undefined;
    const child: unknown = isMap(node) ? pair?.value : items[Number(part)];
    const last = depth === path.length - 1;
    if (last && what === 'key' && pair !== undefined && isPair(pair) && isScalar(pair.key))
      return pair.key.range?.[0] ?? offset;
    const range = (child as { range?: readonly number[] } | null | undefined)?.range;
    if (range === undefined) {
      // An empty value has no place of its own: its key has.
      return pair !== undefined && isScalar(pair.key) ? (pair.key.range?.[0] ?? offset) : offset;
    }
    offset = range[0] ?? offset;
    node = child;
  }
  return offset;
}
