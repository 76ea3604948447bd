/** What a token may be granted. Here and not in the schemas, so that a help text needs none of them. */
export const verbs = [
  'view',
  'create-release',
  'promote',
  'approve',
  'rollback',
  'freeze',
  'waive',
  'admin',
] as const;
