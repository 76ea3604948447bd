import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { chartFolder } from '../../deploy/chart.ts';

/** As much of a JSON schema as the page tells. A described property is a row; one without is a heading for others. */
interface Property {
  readonly description?: string | undefined;
  readonly properties?: Readonly<Record<string, Property>> | undefined;
}
const Property: z.ZodType<Property> = z.lazy(() =>
  z.object({
    description: z.string().optional(),
    properties: z.record(z.string(), Property).optional(),
  }),
);

const read = (file: string): string => readFileSync(join(chartFolder, file), 'utf8');

/** The page of the chart's values: what the schema says of each, and what values.yaml has. */
export function chartReference(): string {
  const schema = Property.parse(JSON.parse(read('values.schema.json')));
  const rows = rowsOf(schema, parse(read('values.yaml')), []);
  return [
    '# Values of the server’s chart',
    '',
    'Made from `deploy/chart/values.yaml` and its schema by `scripts/generate-reference.ts`; do not edit. The schema refuses what is not listed here. How to install it is in [install](../install.md).',
    '',
    '| Value | Default | What it is |',
    '|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

/** Throws where a default has no description: then the page would not be whole. */
function rowsOf(property: Property, value: unknown, path: readonly string[]): readonly string[] {
  if (property.description !== undefined)
    return [`| \`${path.join('.')}\` | ${shown(value)} | ${property.description.replaceAll('|', '\\|')} |`];
  const values = z.record(z.string(), z.unknown()).safeParse(value);
  const unknown = Object.keys(values.data ?? {}).filter((key) => property.properties?.[key] === undefined);
  if (!values.success || unknown.length > 0)
    throw new Error(`values.schema.json describes ${path.join('.')} not: ${unknown.join(', ')}`);
  return Object.entries(values.data).flatMap(([key, below]) =>
    rowsOf(property.properties?.[key] ?? {}, below, [...path, key]),
  );
}

/** What is long is left to the file. */
function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 60 ? 'see the file' : `\`${text}\``;
}
