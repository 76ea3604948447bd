import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * Every test that needs nothing but npm: first the house's checks, then the pure core in one process, then the
 * rest, a process a file. Arguments that name files run only those.
 */

const root = fileURLToPath(new URL('..', import.meta.url));
const folders = ['src', 'simulation', 'examples', 'e2e', 'scripts', 'test', 'bench'];

// A test that hangs is a failure with a name, after ten minutes at the most, whatever it leaves open.
const testing = ['--test', '--test-timeout=600000', '--test-force-exit'];

function node(args: readonly string[]): number {
  return (
    spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], {
      cwd: root,
      stdio: 'inherit',
    }).status ?? 1
  );
}

const asked = process.argv.slice(2);
const all =
  asked.length > 0
    ? asked
    : folders
        .flatMap((folder) => globSync(`${folder}/**/*.test.ts`, { cwd: root }))
        .filter((file) => !file.startsWith('e2e/cluster/')) // they need a cluster: npm run test:cluster
        .sort();
const pure = all.filter((file) => file.startsWith('src/core/'));
const others = all.filter((file) => !pure.includes(file));

// All of it runs, whatever fails: one look shows everything that is wrong.
const results = [
  asked.length > 0 ? 0 : node(['scripts/check.ts']),
  pure.length > 0 ? node([...testing, '--test-isolation=none', ...pure]) : 0,
  others.length > 0 ? node([...testing, '--test-concurrency=2', ...others]) : 0,
];
process.exitCode = results.find((status) => status !== 0) ?? 0;
