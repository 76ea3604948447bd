import type { ObjectName } from './objects.ts';
import type { Violation, WorkloadRule } from './rule.ts';

/** What makes an object one: its group, not its version, with kind, namespace and name. */
const identityOf = ({ group, kind, namespace, name }: ObjectName): string =>
  JSON.stringify([group, kind, namespace, name]);

export const duplicateObject: WorkloadRule = {
  id: 'duplicate-object',
  severity: 'error',
  asks: 'No object is there twice.',
  why: 'Of two objects with one name the one that is applied last wins, which may be either: what runs depends on the order of files.',
  example: 'metadata: { name: shop } # and shop-canary for the other one\n',
  check: ({ names }) => {
    const seen = new Set<string>();
    // A name that the API server completes is another each time.
    const named = names.filter(({ name }) => name !== '' && !name.endsWith('*'));
    return named.flatMap((object): readonly Violation[] => {
      const identity = identityOf(object);
      if (!seen.has(identity)) {
        seen.add(identity);
        return [];
      }
      return [
        {
          object,
          path: `${object.base}/metadata/name`,
          message: 'it is there twice: whichever is applied last wins',
          fix: 'keep one of them, or give this one another name',
        },
      ];
    });
  },
};

export const invalidObject: WorkloadRule = {
  id: 'object-invalid',
  severity: 'error',
  asks: 'What the rules read of an object is what Kubernetes takes there.',
  why: 'The API server refuses such an object, and no other rule can judge it until this is mended. What no rule reads is not checked; a server-side dry run is the whole truth.',
  example: 'replicas: 2 # a number\nmetadata: { labels: { version: "1.0" } } # a text, in quotes\n',
  check: ({ invalid }) =>
    invalid.map(({ object, path, message }) => ({
      object,
      path,
      message,
      fix: 'write it as the API reference of Kubernetes has it',
    })),
};
