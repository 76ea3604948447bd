import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chartReference } from './reference/chart-reference.ts';
import { commandReference } from './reference/command-reference.ts';
import { documentReference } from './reference/document-reference.ts';
import { workloadReference } from './reference/workload-reference.ts';
import { belaySchema } from '../src/cli/documents/json-schema.ts';

/*
 * Writes docs/reference/ from the program and from the schemas. With --check nothing is written, and the exit
 * code is 1 when what lies there is not what would be written.
 */

const folder = fileURLToPath(new URL('../docs/reference/', import.meta.url));
const pages: Readonly<Record<string, string>> = {
  'chart.md': chartReference(),
  'cli.md': commandReference(),
  'pipeline.md': documentReference(),
  'workload-rules.md': workloadReference(),
  'belay.schema.json': `${JSON.stringify(belaySchema(), null, 2)}\n`,
};

function written(name: string): string | null {
  try {
    return readFileSync(folder + name, 'utf8');
  } catch {
    return null;
  }
}

const stale = Object.keys(pages).filter((name) => written(name) !== pages[name]);
if (process.argv.includes('--check')) {
  for (const name of stale)
    console.error(`docs/reference/${name} is stale: ./scripts/run scripts/generate-reference.ts`);
  process.exitCode = stale.length > 0 ? 1 : 0;
} else {
  mkdirSync(folder, { recursive: true });
  for (const name of stale) {
    writeFileSync(folder + name, pages[name] ?? '');
    console.log(`docs/reference/${name}`);
  }
}
