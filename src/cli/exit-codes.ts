/**
 * The exit codes, in one place. Scripts build on them: a number never changes its meaning.
 *
 * | code | name            | meaning                                                        |
 * |------|-----------------|----------------------------------------------------------------|
 * | 0    | reached         | what was asked for has happened                                |
 * | 1    | error           | something went wrong: the server, the network, a file          |
 * | 2    | usage           | the command was not understood, or fits several things         |
 * | 3    | gateFailed      | a gate failed, or the release was refused, aborted, rolled back |
 * | 4    | notAllowed      | not authenticated, or not allowed                              |
 * | 5    | waitsForPerson  | it waits for a person                                          |
 * | 6    | notEnoughData   | there is not enough data to tell                               |
 * | 7    | heldByPolicy    | a freeze, a closed window or a rule holds it                   |
 * | 8    | timedOut        | the time given by --timeout was over                           |
 */
export const exitCodes = {
  reached: 0,
  error: 1,
  usage: 2,
  gateFailed: 3,
  notAllowed: 4,
  waitsForPerson: 5,
  notEnoughData: 6,
  heldByPolicy: 7,
  timedOut: 8,
} as const;

export type ExitCode = keyof typeof exitCodes;

/** What each code means, for help texts and the reference. */
export const exitCodeMeanings: Readonly<Record<ExitCode, string>> = {
  reached: 'what was asked for has happened',
  error: 'something went wrong: the server, the network, a file',
  usage: 'the command was not understood, or fits several things',
  gateFailed: 'a gate failed, or the release was refused, aborted or rolled back',
  notAllowed: 'not authenticated, or not allowed',
  waitsForPerson: 'it waits for a person',
  notEnoughData: 'there is not enough data to tell',
  heldByPolicy: 'a freeze, a closed window or a rule holds it',
  timedOut: 'the time given by --timeout was over',
};
