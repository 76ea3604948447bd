import { z } from 'zod';
import { didYouMean } from '../../core/lint/documents-nearest.ts';
import { BelayDocument } from '../../core/model/documents.ts';
import { Duration } from '../../core/model/time.ts';

/** What a schema found, with what mends it. `key` is the offending key of the object at `path`. */
export interface SchemaComplaint {
  readonly path: readonly (string | number)[];
  readonly key?: string;
  readonly message: string;
  readonly fix: string;
}

/** Says in people's words what is wrong with a document of a schema, one complaint a place. */
export function complaintsOf(
  error: z.ZodError,
  document: unknown,
  schema: z.ZodType = BelayDocument,
): readonly SchemaComplaint[] {
  return error.issues.flatMap((issue) => complaintsOfIssue(issue, { document, schema }, []));
}

/** What was written, and what it was meant to be. */
interface Written {
  readonly document: unknown;
  readonly schema: z.ZodType;
}

function complaintsOfIssue(
  issue: z.core.$ZodIssue,
  written: Written,
  above: readonly PropertyKey[],
): readonly SchemaComplaint[] {
  const whole = [...above, ...issue.path];
  const path = whole.map((part) => (typeof part === 'symbol' ? String(part) : part));
  const found = at(written.document, path);
  const name = nameAt(path);
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({
        path,
        key,
        message: `${key} is unknown here`,
        fix: didYouMean(key, keysAt(written, path)),
      }));
    case 'invalid_type':
      return [
        found === undefined
          ? { path, message: `${name} is missing`, fix: `expected ${article(issue.expected)}` }
          : { path, message: `${name} is ${shown(found)}`, fix: `expected ${article(issue.expected)}` },
      ];
    case 'invalid_value': {
      const values = issue.values.map(String);
      const fix =
        values.length === 1
          ? `expected ${values[0] ?? ''}`
          : typeof found === 'string'
            ? didYouMean(found, values)
            : `expected ${values.join(', ')}`;
      return [
        { path, message: found === undefined ? `${name} is missing` : `${name} is ${shown(found)}`, fix },
      ];
    }
    case 'invalid_union':
      return unionComplaints(issue, written, path);
    case 'too_small':
    case 'too_big':
    case 'invalid_format':
    case 'not_multiple_of':
    case 'invalid_key':
    case 'invalid_element':
      return [{ path, message: `${name} is ${shown(found)}`, fix: lower(issue.message) }];
    case 'custom':
    default:
      return [{ path, message: lower(issue.message), fix: `mend ${name}` }];
  }
}

/**
 * Durations that people wrote without a unit. Stored documents have them as numbers, in milliseconds; whoever writes
 * `healthyFor: 10` means another thing, and would get a soak of 10 ms.
 */
export function unitless(document: unknown, schema: z.ZodType = BelayDocument): readonly SchemaComplaint[] {
  return [...numbersForDurations(jsonSchemaOf(schema), document, [])].map((path) => ({
    path,
    message: `${nameAt(path)} is ${shown(at(document, path))}, without a unit`,
    fix: 'expected a duration such as 5s, 2m, 1h30m or 7d',
  }));
}

function* numbersForDurations(
  schema: JsonSchema | undefined,
  value: unknown,
  path: readonly (string | number)[],
): Generator<readonly (string | number)[]> {
  if (schema === undefined) return;
  if (typeof value === 'number') {
    const { pattern } = members(jsonSchemaOf(Duration)).find((one) => one.pattern !== undefined) ?? {};
    if (value !== 0 && members(schema).some((one) => one.pattern === pattern)) yield path;
    return;
  }
  const node = chosen(schema, value);
  if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) yield* numbersForDurations(node?.items, item, [...path, i]);
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, part] of Object.entries(value))
      yield* numbersForDurations(node?.properties?.[key], part, [...path, key]);
  }
}

/** A discriminator that names nothing, or a plain union of which no member fits. */
function unionComplaints(
  issue: z.core.$ZodIssueInvalidUnion,
  written: Written,
  path: readonly (string | number)[],
): readonly SchemaComplaint[] {
  const found = at(written.document, path);
  const valid = discriminatorsAt(written, path);
  if (issue.errors.length === 0 && valid !== null) {
    const name = path.at(-1) ?? 'kind';
    return [
      found === undefined || found === null
        ? { path, message: `${name} is missing`, fix: `expected ${valid.join(', ')}` }
        : {
            path,
            message: `${name} is ${shown(found)}`,
            fix: typeof found === 'string' ? didYouMean(found, valid) : `expected ${valid.join(', ')}`,
          },
    ];
  }
  // The member that got furthest says best what was meant: a text that does not match, over "not a number".
  const best = [...issue.errors].sort((a, b) => typeErrors(a) - typeErrors(b))[0] ?? [];
  return best.flatMap((inner) => complaintsOfIssue(inner, written, path));
}

const typeErrors = (issues: readonly z.core.$ZodIssue[]): number =>
  issues.filter((issue) => issue.code === 'invalid_type').length;

function at(document: unknown, path: readonly (string | number)[]): unknown {
  let value = document;
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<string | number, unknown>)[part];
  }
  return value;
}

/** The JSON Schema's node that a path leads to; the schema is the single source of valid names. */
function schemaAt({ document, schema }: Written, path: readonly (string | number)[]): JsonSchema | null {
  let node: JsonSchema | null = jsonSchemaOf(schema);
  for (let i = 0; ; i++) {
    node = chosen(node, at(document, path.slice(0, i)));
    const part = path[i];
    if (node === null || part === undefined) return node;
    node = typeof part === 'number' ? (node.items ?? null) : (node.properties?.[part] ?? null);
  }
}

const made = new WeakMap<z.ZodType, JsonSchema>();

/** Made once, and only when something is wrong. */
function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  const json =
    made.get(schema) ?? (z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema);
  made.set(schema, json);
  return json;
}

interface JsonSchema {
  readonly pattern?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly const?: unknown;
}

const members = (node: JsonSchema): readonly JsonSchema[] => node.oneOf ?? node.anyOf ?? [];

/** Of several alternatives the one whose constants (kind, type) are those of the value. */
function chosen(node: JsonSchema | null, value: unknown): JsonSchema | null {
  if (node === null || members(node).length === 0) return node;
  const fitting = members(node).find((member) =>
    Object.entries(member.properties ?? {}).some(
      ([key, property]) =>
        (key === 'kind' || key === 'type') &&
        property.const !== undefined &&
        property.const === at(value, [key]),
    ),
  );
  return fitting ?? null;
}

const keysAt = (written: Written, path: readonly (string | number)[]): readonly string[] =>
  Object.keys(schemaAt(written, path)?.properties ?? {});

/** The values that a discriminator (`kind`, `type`) at a path may have. */
function discriminatorsAt(written: Written, path: readonly (string | number)[]): readonly string[] | null {
  const key = path.at(-1);
  if (key !== 'kind' && key !== 'type') return null;
  const parent = path.slice(0, -1);
  const above = parent.length === 0 ? null : schemaAt(written, parent.slice(0, -1));
  const last = parent.at(-1);
  const node =
    last === undefined
      ? jsonSchemaOf(written.schema)
      : typeof last === 'number'
        ? above?.items
        : above?.properties?.[last];
  const values = members(node ?? {}).flatMap((member) => {
    const constant = member.properties?.[key]?.const;
    return typeof constant === 'string' ? [constant] : [];
  });
  return values.length === 0 ? null : values;
}

/** `rollout`, or `item 2 of stages`: what people see in the file. */
function nameAt(path: readonly (string | number)[]): string {
  const last = path.at(-1) ?? 'the document';
  return typeof last === 'number' ? `item ${last + 1} of ${path.at(-2) ?? 'the list'}` : last;
}

const typeNames: Readonly<Record<string, string>> = {
  object: 'a mapping',
  record: 'a mapping',
  array: 'a list',
  string: 'a text',
  int: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
};
const article = (type: string): string => typeNames[type] ?? type;

const lower = (message: string): string => message.charAt(0).toLowerCase() + message.slice(1);

/** A value as it may be repeated in a message: short, and never a whole tree. */
function shown(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'empty';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  if (typeof value === 'string') return `“${value.slice(0, 60)}”`;
  return `${typeof value} ${JSON.stringify(value) ?? ''}`.replace(/^(number|boolean) /, '');
}
