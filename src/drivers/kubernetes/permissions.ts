/** A rule of a Role: these verbs on one kind, in the environment's namespace. */
export interface Permission {
  readonly group: string;
  readonly resource: string;
  readonly verbs: readonly string[];
}

/** All that the driver asks for, and nothing of it outside the namespace: no secret is read, no pod is entered. */
export const permissions: readonly Permission[] = [
  { group: 'apps', resource: 'deployments', verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'] },
  { group: '', resource: 'services', verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'] },
  { group: '', resource: 'configmaps', verbs: ['list', 'create', 'patch', 'delete'] },
  { group: '', resource: 'pods', verbs: ['list', 'watch'] },
  { group: '', resource: 'pods/log', verbs: ['get'] },
  { group: '', resource: 'events', verbs: ['list'] },
  { group: 'gateway.networking.k8s.io', resource: 'httproutes', verbs: ['get', 'list', 'watch', 'patch'] },
];

/** The rules of the Role that a server needs in each namespace. */
export const roleRules = permissions.map(({ group, resource, verbs }) => ({
  apiGroups: [group],
  resources: [resource],
  verbs,
}));
