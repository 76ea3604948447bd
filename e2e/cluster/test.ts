import { spawn } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Description, describedBy, variables } from './description.ts';
import { Progress } from './progress.ts';
import { settingsFrom } from './settings.ts';
import { abandon, bringUp, runningCluster, takeDown } from './up.ts';

/**
 * Runs tests that need a cluster: those named as arguments, with --all every one, else those that each change has to
 * pass. The cluster is the one that KUBECONFIG names, else the one that is up, else one that is brought up for them and
 * taken down after. What was measured and the traces of the journeys are left in a folder: --report names it.
 */

/** What a rollout must never get wrong: each change has to pass them. */
const always = ['good-release', 'rollout', 'slow', 'dependency'].map(
  (name) => `e2e/cluster/journeys/${name}.test.ts`,
);

const root = fileURLToPath(new URL('../..', import.meta.url));
const reporter = new URL('json-reporter.ts', import.meta.url).href;
const progress = new Progress();

function environmentOf(description: Description): NodeJS.ProcessEnv {
  const named = Object.entries(variables).map(([field, name]) => [
    name,
    description[field as keyof Description],
  ]);
  return { ...process.env, ...Object.fromEntries(named) };
}

/** Runs the files one after the other, since they share the machine; an interrupt reaches them too. */
function runTests({ files, report }: Asked, env: NodeJS.ProcessEnv): Promise<number> {
  const options = [
    '--test',
    '--test-concurrency=1',
    '--test-timeout=900000',
    '--test-force-exit',
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    `--test-reporter=${reporter}`,
    `--test-reporter-destination=${join(report, 'report.json')}`,
  ];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...options, ...files], {
      cwd: root,
      stdio: 'inherit',
      env: { ...env, BELAY_JOURNEY_TRACES: report },
    });
    const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
    process.on('SIGINT', pass);
    process.on('SIGTERM', pass);
    child.on('error', reject);
    child.on('close', (code) => {
      progress.say(`report and traces are in ${report}`);
      resolve(code ?? 1);
    });
  });
}

interface Asked {
  readonly files: readonly string[];
  /** The folder for the report and the traces. */
  readonly report: string;
}

function whatWasAsked(): Asked {
  const { values, positionals } = parseArgs({
    options: { all: { type: 'boolean', default: false }, report: { type: 'string' } },
    allowPositionals: true,
  });
  if (values.all && positionals.length > 0) throw new Error('say --all or name files, and not both');
  const all = (): readonly string[] => globSync('e2e/cluster/**/*.test.ts', { cwd: root }).sort();
  const report = resolve(values.report ?? mkdtempSync(join(tmpdir(), 'belay-journeys-')));
  mkdirSync(report, { recursive: true });
  return { files: positionals.length > 0 ? positionals : values.all ? all() : always, report };
}

async function main(): Promise<number> {
  const asked = whatWasAsked();
  const settings = settingsFrom(process.env);
  const there = describedBy(process.env) ?? (await runningCluster(settings));
  if (there !== undefined) return runTests(asked, environmentOf(there));
  const interrupted = (): void => void abandon(settings).finally(() => process.exit(130));
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  try {
    const description = await bringUp(settings, progress);
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted); // from here on the tests end first
    return await runTests(asked, environmentOf(description));
  } finally {
    await takeDown(settings, progress);
  }
}

process.exitCode = await main().catch((error: Error) => {
  process.stderr.write(`cluster: ${error.message}\n`);
  return 1;
});
