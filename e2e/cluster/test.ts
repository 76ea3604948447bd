import { spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Description, describedBy, variables } from './description.ts';
import { Progress } from './progress.ts';
import { settingsFrom } from './settings.ts';
import { abandon, bringUp, runningCluster, takeDown } from './up.ts';

/**
 * Runs the tests that need a cluster: those named as arguments, or all. The cluster is the one that KUBECONFIG names,
 * else the one that is up, else one that is brought up for them and taken down after.
 */

const root = fileURLToPath(new URL('../..', import.meta.url));
const progress = new Progress();

function environmentOf(description: Description): NodeJS.ProcessEnv {
  const named = Object.entries(variables).map(([field, name]) => [
    name,
    description[field as keyof Description],
  ]);
  return { ...process.env, ...Object.fromEntries(named) };
}

/** Runs the files one after the other, since they share the machine; an interrupt reaches them too. */
function runTests(files: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const options = ['--test', '--test-concurrency=1', '--test-timeout=900000', '--test-force-exit'];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...options, ...files], {
      cwd: root,
      stdio: 'inherit',
      env,
    });
    const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
    process.on('SIGINT', pass);
    process.on('SIGTERM', pass);
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}

async function main(): Promise<number> {
  const asked = process.argv.slice(2);
  const files = asked.length > 0 ? asked : globSync('e2e/cluster/**/*.test.ts', { cwd: root }).sort();
  const settings = settingsFrom(process.env);
  const there = describedBy(process.env) ?? (await runningCluster(settings));
  if (there !== undefined) return runTests(files, environmentOf(there));
  const interrupted = (): void => void abandon(settings).finally(() => process.exit(130));
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  try {
    const description = await bringUp(settings, progress);
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted); // from here on the tests end first
    return await runTests(files, environmentOf(description));
  } finally {
    await takeDown(settings, progress);
  }
}

process.exitCode = await main().catch((error: Error) => {
  process.stderr.write(`cluster: ${error.message}\n`);
  return 1;
});
