import { Command, CommanderError } from 'commander';
import { exitCodeMeanings, exitCodes, type ExitCode } from './exit-codes.ts';
import { registerAnalysis } from './register/analysis.ts';
import { registerArtifact } from './register/artifact.ts';
import { registerOwnServer } from './register/own-server.ts';
import { registerPromotion } from './register/promotion.ts';
import { registerReading } from './register/reading.ts';
import { registerRelease } from './register/release.ts';
import { registerSetup } from './register/setup.ts';
import { version } from './version.ts';

/** The exit codes as the help and the reference print them. */
export const exitCodeLines = (): readonly string[] =>
  Object.entries(exitCodes).map(([name, code]) => `  ${code}  ${exitCodeMeanings[name as ExitCode]}`);

/** The whole command line. Commands load what they do only when they run, so that starting costs next to nothing. */
export function buildProgram(): Command {
  const program = new Command('belay')
    .description('Carries a release from a built artifact to production, and says why it waits.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this')
    .addHelpText(
      'before',
      'Examples:\n  belay demo                 # see it work, on this machine alone\n  belay up                   # a server for your own work\n  belay init && belay lint && belay apply -f belay.yaml\n  belay why shop             # why does it not move?\n',
    )
    .addHelpText('after', `\nExit codes:\n${exitCodeLines().join('\n')}`)
    .showSuggestionAfterError()
    .enablePositionalOptions()
    .configureOutput({ writeErr: (text) => void process.stderr.write(text) });
  registerOwnServer(program);
  registerSetup(program);
  registerArtifact(program);
  registerRelease(program);
  registerPromotion(program);
  registerReading(program);
  registerAnalysis(program);
  everyCommand(program, (command) => {
    command.exitOverride();
    // Positional options and help are inherited by settings, not by commands that were made before.
    command.copyInheritedSettings(program);
    command.configureOutput({
      outputError: (text, write) => write(`${text.trimEnd()}\nnext: ${pathOf(command)} --help\n`),
    });
  });
  return program;
}

/** A command as it is typed: `belay release open`. */
const pathOf = (command: Command): string =>
  command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;

/** Visits a command and all below it. */
export function everyCommand(command: Command, visit: (command: Command) => void): void {
  visit(command);
  for (const child of command.commands) everyCommand(child, visit);
}

/** Runs a command line; the exit code goes to `process.exitCode`, so that output is written to its end. */
export async function run(argv: readonly string[]): Promise<void> {
  try {
    await buildProgram().parseAsync([...argv], { from: 'user' });
  } catch (error) {
    process.exitCode = await codeOf(error);
  }
}

async function codeOf(error: unknown): Promise<number> {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.reached : exitCodes.usage;
  const { CliFailure } = await import('./failure.ts');
  const { sayFailure } = await import('./terminal.ts');
  if (error instanceof CliFailure) {
    sayFailure(error.message, error.next, error.word);
    return exitCodes[error.exit];
  }
  sayFailure(
    `this is a bug in belay: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    [],
  );
  return exitCodes.error;
}
