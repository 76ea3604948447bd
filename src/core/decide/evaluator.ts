/**
 * The version of the core that decides. Raised whenever the same input could give another decision; a slot that
 * was decided by a higher one refuses a lower one.
 */
export const evaluatorVersion = 9;
export const evaluator = `belay-core/${evaluatorVersion}`;

/** The version out of an evaluator's name; what is no such name is newer than all that are known. */
export function versionOf(name: string): number {
  const version = /^belay-core\/(\d{1,9})$/.exec(name)?.[1];
  return version === undefined ? Number.MAX_SAFE_INTEGER : Number(version);
}
