import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** One command for the house's order: format, lint, types, dead code, licences, and what no tool checks for us. */

const root = fileURLToPath(new URL('..', import.meta.url));
const tool = (name: string): string => join(root, 'node_modules', '.bin', name);

/** Licences that an Apache-2.0 project may depend on without further thought. */
const allowedLicences = new Set([
  'MIT',
  'ISC',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  '0BSD',
  'BlueOak-1.0.0',
  'CC0-1.0',
  'Python-2.0',
  'Unlicense',
  'MIT OR Apache-2.0',
  '(MIT OR Apache-2.0)',
  'PostgreSQL',
]);

interface Check {
  readonly name: string;
  readonly run: () => readonly string[];
}

function command(name: string, args: readonly string[]): readonly string[] {
  const done = spawnSync(tool(name), args, { cwd: root, encoding: 'utf8', maxBuffer: 64 << 20 });
  return done.status === 0
    ? []
    : [`${done.stdout}${done.stderr}`.trim() || `${name} ended with ${done.status}`];
}

function sourceFiles(folder: string): readonly string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.includes('node_modules'))
    .map((name) => join(folder, name));
}

/** The core may be given a time; it may not make one. */
function purity(): readonly string[] {
  return sourceFiles('src/core')
    .filter((file) => !file.endsWith('.test.ts'))
    .flatMap((file) => {
      const text = readFileSync(join(root, file), 'utf8');
      return /\bnew Date\b|\bDate\.now\b|\bMath\.random\b|\btoLocale/.test(text)
        ? [`${file}: reads a clock, chance or the locale`]
        : [];
    });
}

/** Drawers that collect what belongs nowhere. */
function drawers(): readonly string[] {
  return sourceFiles('.')
    .filter((file) => /(^|[/.-])(utils?|helpers?|common|managers?|misc)([./-]|$)/i.test(file))
    .map((file) => `${file}: a name that says nothing`);
}

function licences(): readonly string[] {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { license?: string; hasInstallScript?: boolean }>;
  };
  return Object.entries(lock.packages).flatMap(([path, entry]) => {
    if (path === '') return [];
    return entry.license !== undefined && allowedLicences.has(entry.license)
      ? []
      : [`${path}: licence ${entry.license ?? 'unknown'} is not on the list`];
  });
}

/** A test tells its cases one after the other, and may be longer. */
const longest = { source: 400, test: 550 };

function lengths(): readonly string[] {
  return sourceFiles('src').flatMap((file) => {
    const lines = readFileSync(join(root, file), 'utf8').split('\n').length - 1;
    const most = file.endsWith('.test.ts') ? longest.test : longest.source;
    return lines > most ? [`${file}: ${lines} lines, at most ${most}`] : [];
  });
}

/** PostgreSQL keeps a prepared statement by its name: two with one name are one of them, on every second connection. */
function statementNames(): readonly string[] {
  const places = new Map<string, string>();
  return sourceFiles('src')
    .filter((file) => !file.endsWith('.test.ts'))
    .flatMap((file) =>
      [...readFileSync(join(root, file), 'utf8').matchAll(/\bname: '([^']+)',\s+text:/g)].flatMap(
        ([, name = '']) => {
          const before = places.get(name);
          places.set(name, file);
          return before === undefined ? [] : [`${file}: a statement named ${name} is in ${before} too`];
        },
      ),
    );
}

function reference(): readonly string[] {
  const done = spawnSync(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', 'scripts/generate-reference.ts', '--check'],
    { cwd: root, encoding: 'utf8' },
  );
  return done.status === 0 ? [] : [`${done.stdout}${done.stderr}`.trim()];
}

const checks: readonly Check[] = [
  { name: 'format', run: () => command('oxfmt', ['--check', '.']) },
  { name: 'lint', run: () => command('oxlint', ['--type-aware', '--quiet', '.']) },
  { name: 'types', run: () => command('tsc', ['--noEmit', '-p', '.']) },
  { name: 'types of the core', run: () => command('tsc', ['--noEmit', '-p', 'src/core']) },
  { name: 'dead code', run: () => command('knip', ['--no-progress']) },
  { name: 'licences', run: licences },
  { name: 'purity of the core', run: purity },
  { name: 'names', run: drawers },
  { name: 'lengths of files', run: lengths },
  { name: 'names of statements', run: statementNames },
  { name: 'reference pages', run: reference },
];

let failed = 0;
for (const check of checks) {
  const started = performance.now();
  const problems = check.run();
  console.log(
    `${problems.length === 0 ? 'ok  ' : 'FAIL'} ${check.name} (${((performance.now() - started) / 1000).toFixed(1)} s)`,
  );
  for (const problem of problems) console.log(problem);
  if (problems.length > 0) failed += 1;
}
process.exitCode = failed === 0 ? 0 : 1;
