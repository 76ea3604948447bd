import { type Command, Option } from 'commander';
import { outputFormats } from '../output-formats.ts';
import { waitGoals } from '../wait-goals.ts';

/** A command with its examples first, as the help shows them. */
export function described(command: Command, summary: string, examples: readonly string[]): Command {
  return command
    .description(summary)
    .addHelpText('before', `Examples:\n${examples.map((line) => `  ${line}`).join('\n')}\n`);
}

/** Which server, as whom, in which project. */
export function connected(command: Command): Command {
  return command
    .option('-n, --project <name>', 'the project (or BELAY_PROJECT, or the context’s)')
    .option('--context <name>', 'the context of the configuration file (or BELAY_CONTEXT)')
    .option('--server <url>', 'the server’s address (or BELAY_URL)')
    .option('--token-file <file>', 'a file that holds the token, - for stdin (or BELAY_TOKEN)')
    .option('--request-timeout <time>', 'the longest time for one call', '15s');
}

export const printing = (command: Command): Command =>
  command.addOption(new Option('-o, --output <format>', 'how to print').choices([...outputFormats]));

export const waiting = (command: Command): Command =>
  command
    .addOption(
      new Option('--wait [for]', 'wait for the promotion; the exit code says how it stood')
        .choices([...waitGoals])
        .preset('decision'),
    )
    .option('--timeout <time>', 'the longest wait, such as 90s or 10m (with --wait)');

export const noted = (command: Command): Command =>
  command.option('-m, --note <text>', 'why, in your words; recorded', '');

/** Narrows which of several promotions is meant. */
export const narrowed = (command: Command): Command =>
  command
    .option('--stage <name>', 'the stage, where several fit')
    .option('--environment <name>', 'the environment, where several fit');

/** Gathers a flag that may be given several times. */
export const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];
