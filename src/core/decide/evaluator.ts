/**
 * The version of the core that decides. Raised whenever the same input could give another decision; a slot that
 * was decided by a higher one refuses a lower one.
 */
export const evaluatorVersion = 1;
export const evaluator = `belay-core/${evaluatorVersion}`;
