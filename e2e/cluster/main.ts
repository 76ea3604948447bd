import { variables, type Description } from './description.ts';
import { Progress } from './progress.ts';
import { settingsFrom } from './settings.ts';
import { bringUp, takeDown } from './up.ts';

/** `up` and `down`; `up` prints what a shell has to be told, so that `eval "$(npm run -s cluster:up)"` does it. */

const progress = new Progress();

function exports(description: Description): string {
  return Object.entries(variables)
    .map(([field, name]) => `export ${name}=${description[field as keyof Description]}\n`)
    .join('');
}

async function main(): Promise<void> {
  const settings = settingsFrom(process.env);
  const [command] = process.argv.slice(2);
  if (command === 'up') process.stdout.write(exports(await bringUp(settings, progress)));
  else if (command === 'down') await takeDown(settings, progress);
  else throw new Error('say up or down');
}

await main().catch((error: Error) => {
  process.stderr.write(`cluster: ${error.message}\n`);
  process.exitCode = 1;
});
