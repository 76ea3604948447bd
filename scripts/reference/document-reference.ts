import { formatDuration } from '../../src/core/model/time-format.ts';
import { belaySchema } from '../../src/cli/documents/json-schema.ts';

interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
}

/** The page of the documents, from the schemas that check them. */
export function documentReference(): string {
  const kinds = alternatives(belaySchema());
  return [
    '# What belay.yaml may hold',
    '',
    'Made from the schemas by `scripts/generate-reference.ts`; do not edit. The same as JSON Schema: [belay.schema.json](belay.schema.json), which editors take by',
    '',
    '```yaml',
    '# yaml-language-server: $schema=./.belay.schema.json',
    '```',
    '',
    'as `belay init` writes it. A file may hold several documents, with `---` between them. Durations are written `5s`, `2m`, `1h30m`, `7d`; instants in UTC, `2026-12-20T00:00:00Z`.',
    '',
    ...kinds.flatMap((kind) => [`## ${word(kind.properties?.['kind']?.const)}`, '', ...table(kind, '')]),
    ...gateKinds(kinds),
  ].join('\n');
}

const word = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));

const alternatives = (schema: Schema): readonly Schema[] => schema.oneOf ?? schema.anyOf ?? [];

/** A schema that is one of several objects told apart by `kind`: the gates, which have a chapter of their own. */
const isGate = (schema: Schema): boolean =>
  alternatives(schema).some((one) => one.properties?.['kind']?.const === 'signature');

function gateKinds(kinds: readonly Schema[]): readonly string[] {
  const gate = kinds.flatMap((kind) => gatesIn(kind))[0];
  return alternatives(gate ?? {}).flatMap((one) => [
    `## Gate: ${word(one.properties?.['kind']?.const)}`,
    '',
    ...(one.description === undefined ? [] : [one.description, '']),
    ...table(one, ''),
  ]);
}

function gatesIn(schema: Schema): readonly Schema[] {
  if (isGate(schema)) return [schema];
  const below = [
    ...Object.values(schema.properties ?? {}),
    ...(schema.items === undefined ? [] : [schema.items]),
  ];
  return below.flatMap(gatesIn);
}

const table = (schema: Schema, above: string): readonly string[] => [
  '| Field | Type | Standard | |',
  '|---|---|---|---|',
  ...rows(schema, above),
  '',
];

function rows(schema: Schema, above: string): readonly string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const path = above === '' ? name : `${above}.${name}`;
    const needed = (schema.required ?? []).includes(name) && field.default === undefined;
    const standard = needed ? 'required' : standardOf(field);
    return [
      `| \`${path}\` | ${typeOf(field)} | ${standard} | ${(field.description ?? '').replaceAll('|', '\\|')} |`,
      ...rows(field, path),
      ...(field.items === undefined || isGate(field.items) ? [] : rows(field.items, `${path}[]`)),
      ...alternatives(field).flatMap((one) => rows(one, path)),
    ];
  });
}

function standardOf(field: Schema): string {
  if (field.default === undefined) return '';
  const span = typeOf(field) === 'duration' && typeof field.default === 'number' ? field.default : null;
  return span === null ? `\`${JSON.stringify(field.default)}\`` : formatDuration(span);
}

function typeOf(schema: Schema): string {
  if (schema.const !== undefined) return `\`${word(schema.const)}\``;
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${word(value)}\``).join(' or ');
  if (isGate(schema)) return 'gate, see below';
  const several = alternatives(schema);
  if (several.some((one) => /\(ms\|s\|m\|h\|d\)/.test(one.pattern ?? ''))) return 'duration';
  if (several.some((one) => (one.pattern ?? '').startsWith('^\\d{4}-'))) return 'instant';
  if (several.length > 0) return [...new Set(several.map(typeOf))].join(' or ');
  if (schema.type === 'array') return `list of ${typeOf(schema.items ?? {})}`;
  if (schema.type === 'integer' || schema.type === 'number') return `${schema.type}${rangeOf(schema)}`;
  if (schema.type === 'object') return 'mapping';
  return schema.type === 'string' ? 'text' : (schema.type ?? 'anything');
}

function rangeOf({ minimum, maximum }: Schema): string {
  const most = maximum === undefined || maximum > 1e12 ? undefined : maximum;
  if (minimum === undefined || Math.abs(minimum) > 1e12) return most === undefined ? '' : ` ≤ ${most}`;
  return most === undefined ? ` ≥ ${minimum}` : ` ${minimum} to ${most}`;
}
