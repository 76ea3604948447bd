/** What `--wait` waits for. Apart, so that the help needs no client. */
export const waitGoals = ['decision', 'paused', 'promoted', 'terminal'] as const;
export type WaitGoal = (typeof waitGoals)[number];
