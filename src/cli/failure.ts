import type { ExitCode } from './exit-codes.ts';

/** A command that did not reach what was asked for: the words for stderr and the exit code. Not a bug. */
export class CliFailure extends Error {
  override readonly name = 'CliFailure';
  readonly exit: ExitCode;
  /** What to do next, one command or sentence a line. */
  readonly next: readonly string[];
  /** How it is called: a wait that ended as it may is no error, whatever its exit code is. */
  readonly word: 'error' | 'waits';

  constructor(
    exit: ExitCode,
    message: string,
    next: readonly string[] = [],
    word: 'error' | 'waits' = 'error',
  ) {
    super(message);
    this.exit = exit;
    this.next = next;
    this.word = word;
  }
}

/** A command that was not understood or fits several things. */
export const usage = (message: string, ...next: readonly string[]): CliFailure =>
  new CliFailure('usage', message, next);
