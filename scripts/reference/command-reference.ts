import type { Command } from 'commander';
import { exitCodeMeanings, exitCodes, type ExitCode } from '../../src/cli/exit-codes.ts';
import { buildProgram } from '../../src/cli/program.ts';

/** The page of the command line, from the program itself. */
export function commandReference(): string {
  const program = buildProgram();
  return [
    '# The command line',
    '',
    'Made from the program by `scripts/generate-reference.ts`; do not edit.',
    '',
    'Data goes to stdout, words go to stderr. Flags count before the environment, the environment before the configuration file (`~/.config/belay/config.yaml`, XDG). A token is never given as a flag: `BELAY_TOKEN`, `--token-file FILE` (or `-` for stdin), or a context. `NO_COLOR` is honoured.',
    '',
    '## Exit codes',
    '',
    '| Code | Meaning |',
    '|---|---|',
    ...Object.entries(exitCodes).map(([name, code]) => `| ${code} | ${exitCodeMeanings[name as ExitCode]} |`),
    '',
    ...program.commands
      .filter((command) => command.name() !== 'help')
      .flatMap((command) => section(command, 'belay')),
  ].join('\n');
}

function section(command: Command, above: string): readonly string[] {
  const path = `${above} ${command.name()}`;
  const children = command.commands.filter((child) => child.name() !== 'help');
  const depth = path.split(' ').length;
  const head = [`${'#'.repeat(depth)} ${path}`, '', `${command.description()}.`, ''];
  if (children.length > 0) return [...head, ...children.flatMap((child) => section(child, path))];
  return [
    ...head,
    '```',
    `${path} ${command.usage()}`.trim(),
    ...examplesOf(command).map((line) => line.trim()),
    '```',
    '',
    ...optionTable(command),
  ];
}

/** The examples stand in the help text that comes before everything else. */
function examplesOf(command: Command): readonly string[] {
  let text = '';
  command.configureOutput({ writeOut: (part) => (text += part) });
  command.outputHelp();
  const lines = text.split('\n');
  const end = lines.findIndex((line) => line.startsWith('Usage:'));
  return lines.slice(1, end).filter((line) => line.trim() !== '');
}

function optionTable(command: Command): readonly string[] {
  if (command.options.length === 0) return [];
  const cell = (text: string): string => text.replaceAll('|', '\\|');
  return [
    '| Option | |',
    '|---|---|',
    ...command.options.map((option) => {
      const choices = option.argChoices === undefined ? '' : ` (${option.argChoices.join(', ')})`;
      const value: unknown = option.defaultValue;
      const standard =
        typeof value === 'string' && value !== ''
          ? ` Standard: \`${value}\`.`
          : typeof value === 'number'
            ? ` Standard: \`${value}\`.`
            : '';
      return `| \`${cell(option.flags)}\` | ${cell(option.description)}${choices}.${standard} |`;
    }),
    '',
  ];
}
