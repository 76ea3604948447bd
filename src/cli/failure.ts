import type { ExitCode } from './exit-codes.ts';

/** A command that did not reach what was asked for: the words for stderr and the exit code. Not a bug. */
export class CliFailure extends Error {
  override readonly name = 'CliFailure';
  readonly exit: ExitCode;
  /** What to do next, one command or sentence a line. */
  readonly next: readonly string[];

  constructor(exit: ExitCode, message: string, next: readonly string[] = []) {
    super(message);
    this.exit = exit;
    this.next = next;
  }
}

/** A command that was not understood or fits several things. */
export const usage = (message: string, ...next: readonly string[]): CliFailure =>
  new CliFailure('usage', message, next);
