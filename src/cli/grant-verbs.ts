import type { Verb } from '../server/schemas.ts';

/** The verbs that a token may have. Apart, so that the help needs no schema. */
export const grantVerbs = [
  'view',
  'create-release',
  'promote',
  'approve',
  'rollback',
  'freeze',
  'waive',
  'admin',
] as const satisfies readonly Verb[];
