import {
  type Document,
  type DocumentOptions,
  type ParseOptions,
  type SchemaOptions,
  isAlias,
  isMap,
  isPair,
  isScalar,
  Lexer,
  LineCounter,
  type Node,
  parseAllDocuments,
  visit,
} from 'yaml';

/** A place in a file, lines and columns from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** What is wrong at a place in a file. */
export interface Complaint extends Place {
  readonly file: string;
  readonly message: string;
  /** What was expected there, or the nearest valid name. */
  readonly fix: string;
}

/** One document of a file: its value, and the way from its parts to their places. The value never contains itself. */
export interface YamlDocument {
  readonly file: string;
  readonly value: unknown;
  /** The place of the value, or the key, at a path; of what is missing, that of the nearest part above it. */
  readonly placeOf: (path: readonly (string | number)[], what?: 'key' | 'value') => Place;
}

export interface YamlFile {
  readonly documents: readonly YamlDocument[];
  readonly complaints: readonly Complaint[];
}

/** How much of a file is read at most. */
export interface YamlBounds {
  readonly characters: number;
  /** Of one document: mappings, lists and values. */
  readonly nodes: number;
  readonly documents: number;
}

const mostDepth = 40;
const mostAliases = 50;

/**
 * Reads one file of YAML 1.2 with any number of documents. Duplicate keys, tags, deep nesting, many aliases and
 * keys that JavaScript would take for its own are refused with their place. Never throws on what is in the file.
 */
export function readYaml(file: string, text: string, bounds: YamlBounds): YamlFile {
  const refuse = (message: string, fix: string, place: Place = { line: 1, column: 1 }): YamlFile => ({
    documents: [],
    complaints: [{ file, ...place, message, fix }],
  });
  if (text.length > bounds.characters)
    return refuse(`the file has ${text.length} characters`, `at most ${bounds.characters} are read`);
  const shape = shapeOf(text);
  if (shape.deep !== null) return refuse('nested too deeply', `at most ${mostDepth} levels`, shape.deep);
  if (shape.documents > bounds.documents)
    return refuse(`the file has ${shape.documents} documents`, `at most ${bounds.documents} are read`);
  const lines = new LineCounter();
  const parsed = parseOrNull(text, {
    version: '1.2',
    schema: 'core',
    merge: true,
    uniqueKeys: true,
    strict: true,
    lineCounter: lines,
    stringKeys: true,
    prettyErrors: false,
  });
  if (parsed === null) return refuse('nested too deeply', `at most ${mostDepth} levels`);
  const read = parsed
    .filter((one) => one.contents !== null || one.errors.length > 0)
    .map((one) => readOne(file, one, lines, bounds));
  return {
    documents: read.flatMap(({ documents }) => documents),
    complaints: read.flatMap(({ complaints }) => complaints),
  };
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

function readOne(file: string, yaml: Document.Parsed, lines: LineCounter, bounds: YamlBounds): YamlFile {
  const at = (offset: number): Place => {
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
  const bad = suspicious(yaml, bounds.nodes);
  if (bad !== null) return { documents: [], complaints: [{ file, ...at(bad.offset), ...bad.complaint }] };
  const placeOf: YamlDocument['placeOf'] = (path, what = 'value') => at(offsetOf(yaml, path, what));
  try {
    const value: unknown = yaml.toJS({ maxAliasCount: mostAliases });
    return { documents: [{ file, value, placeOf }], complaints: [] };
  } catch (error) {
    // The library throws on aliases of aliases that together stand for too much, and on merges of what is no mapping.
    const what = sentenceOfYaml(error instanceof Error ? error.message : String(error));
    const message = `the aliases cannot be followed: ${what}`;
    const fix = `at most ${mostAliases} in all, and mappings to merge`;
    return { documents: [], complaints: [{ file, ...placeOf([]), message, fix }] };
  }
}

const fixes: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: 'each key once',
  TAB_AS_INDENT: 'spaces, not tabs',
  BAD_INDENT: 'the same indentation as its neighbours',
};

const sentenceOfYaml = (message: string): string => message.split('\n')[0]?.replace(/\.$/, '') ?? message;

/** Marks of the lexer that stand for no text: a byte order mark, a document's beginning, an error, a scalar. */
const marks: readonly string[] = ['\u{FEFF}', '\u0002', '\u0018'];
const scalarMark = '\u001f';

/**
 * How deep a text is nested and how many documents it has, by its tokens alone, so that brackets in a text count for
 * nothing. Looked at before parsing, because a parser that recurses may not survive it.
 */
function shapeOf(text: string): { readonly deep: Place | null; readonly documents: number } {
  const position = { line: 1, column: 1 };
  let depth = 0;
  let leading = true;
  let scalar = false;
  let documents = 1;
  for (const token of new Lexer().lex(text)) {
    if (marks.includes(token)) continue;
    const isText = scalar;
    scalar = token === scalarMark;
    if (scalar) continue;
    if (!isText && (token === '{' || token === '[')) depth += 1;
    if (!isText && (token === '}' || token === ']')) depth = Math.max(0, depth - 1);
    if (!isText && token === '---') documents += 1;
    // What a line begins with, spaces and the marks of items, is how deep it is in blocks.
    leading &&= !isText && /^[ ?:-]*$/.test(token);
    if (depth > mostDepth || (leading && position.column + token.length > 4 * mostDepth))
      return { deep: { ...position }, documents };
    const breaks = token.lastIndexOf('\n');
    if (breaks < 0) position.column += token.length;
    else {
      position.line += token.split('\n').length - 1;
      position.column = token.length - breaks;
      leading = breaks === token.length - 1;
    }
  }
  return { deep: null, documents };
}

interface Suspicion {
  readonly offset: number;
  readonly complaint: { readonly message: string; readonly fix: string };
}

/**
 * What YAML allows and no document needs: too many nodes or aliases, aliases to nothing or to what they stand in,
 * tags, keys that are JavaScript's own.
 */
function suspicious(yaml: Document.Parsed, mostNodes: number): Suspicion | null {
  let nodes = 0;
  let aliases = 0;
  let found: Suspicion | null = null;
  const stop = (node: Node | null, message: string, fix: string): symbol => {
    found = { offset: node?.range?.[0] ?? 0, complaint: { message, fix } };
    return visit.BREAK;
  };
  visit(yaml, {
    Alias: (_, node, above) => {
      if (++aliases > mostAliases) return stop(node, 'too many aliases', `at most ${mostAliases}`);
      const meant = node.resolve(yaml);
      if (meant === undefined)
        return stop(node, `alias ${node.source.slice(0, 60)} stands for nothing`, 'an anchor before it');
      return above.includes(meant)
        ? stop(node, `alias ${node.source.slice(0, 60)} stands in what it stands for`, 'no loop')
        : undefined;
    },
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
    if (isAlias(node)) node = node.resolve(yaml);
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
