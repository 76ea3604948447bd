import { type Command, Option } from 'commander';
import { described } from './shared.ts';

/**
 * `up` and `demo` start a server of one's own. What they do belongs to the composition root, which nobody else
 * may import: this file is the one exception, and loads it only when it is asked for.
 */
export function registerOwnServer(program: Command): void {
  described(program.command('up'), 'Start a server for your own work, with everything it needs', [
    'belay up',
    'belay up --data ./belay-data --port 0',
  ])
    .option('--data <folder>', 'where everything lies; printed at the start')
    .option('--port <number>', 'the port on loopback; 0 for a free one', Number, 7420)
    .addOption(
      new Option('--log-level <level>', 'what is logged')
        .choices(['debug', 'info', 'warn', 'error', 'silent'])
        .default('warn'),
    )
    .action(async (options) => {
      const { runUp } = await import('../../app/up.ts');
      process.exitCode = await runUp(
        options,
        (line) => void process.stdout.write(`${line}\n`),
        interrupted(),
      );
    });

  described(
    program.command('demo'),
    'Watch good and bad releases go to production, live, and check the proof',
    ['belay demo', 'belay demo --only v2,v3 --report report.json'],
  )
    .option('--report <file>', 'write what happened as JSON')
    .option('--json', 'one JSON object a line instead of words', false)
    .option('--seed <number>', 'the seed of the load', Number, 1)
    .option('--keep', 'leave the folder with all data', false)
    .option('--only <versions>', 'only these, such as v2,v3', (text: string) => text.split(','))
    .action(async (options) => {
      const { runDemo } = await import('../../app/demo.ts');
      process.exitCode = await runDemo(options, interrupted());
    });
}

/** Aborted by the first Ctrl-C or TERM; whoever gets it stops everything and resolves. */
function interrupted(): AbortSignal {
  const stop = new AbortController();
  process.on('SIGINT', () => stop.abort());
  process.on('SIGTERM', () => stop.abort());
  return stop.signal;
}
