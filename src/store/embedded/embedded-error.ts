/**
 * Why the embedded PostgreSQL did not start. The set is closed: callers switch over it.
 *
 * - `unsupported-platform`: no server binaries exist for this system, or its loader cannot run them
 * - `binaries-missing`: they exist for it, but are not installed
 * - `binaries-unusable`: they are there and cannot be run (permissions, missing system libraries)
 * - `data-unreachable`: the account that must run the server cannot enter the data folder
 * - `data-foreign`: the data folder belongs to another account, or is incomplete
 * - `version-mismatch`: the data was written by another major version
 * - `in-use`: a live server works on the data folder
 * - `port-in-use`: the port that was asked for is taken
 * - `disk-full`, `start-failed`, `aborted`: as the words say
 */
export type EmbeddedErrorCode =
  | 'unsupported-platform'
  | 'binaries-missing'
  | 'binaries-unusable'
  | 'data-unreachable'
  | 'data-foreign'
  | 'version-mismatch'
  | 'in-use'
  | 'port-in-use'
  | 'disk-full'
  | 'start-failed'
  | 'aborted';

/** `message` says what is wrong, `fix` what the reader can do about it. */
export interface EmbeddedError {
  readonly code: EmbeddedErrorCode;
  readonly message: string;
  readonly fix: string;
}

export const aborted: EmbeddedError = {
  code: 'aborted',
  message: 'the start of PostgreSQL was cancelled',
  fix: 'start it again',
};

/**
 * Turns what a PostgreSQL program printed before it gave up into an error. The programs run with LC_ALL=C, so that
 * their words are English everywhere.
 */
export function errorFromOutput(program: string, output: string): EmbeddedError {
  const said = essence(output);
  if (/No space left on device|could not extend file|Disk quota exceeded/.test(output)) {
    return {
      code: 'disk-full',
      message: `${program} ran out of disk space: ${said}`,
      fix: 'free some space where the data folder lies, or choose a data folder on another disk',
    };
  }
  return {
    code: 'start-failed',
    message: `${program} gave up: ${said}`,
    fix: 'read the message above; the server log lies beside the data',
  };
}

function essence(output: string): string {
  const lines = output
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const telling = lines.filter((line) => /(?:FATAL|PANIC|error):/i.test(line));
  const chosen = telling.length > 0 ? telling : lines.slice(-3);
  return chosen.slice(-3).join('; ') || 'it printed nothing';
}
