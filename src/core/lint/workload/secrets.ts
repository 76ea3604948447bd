import type { ManifestSet } from './objects.ts';
import { containersOf, type PlacedContainer } from './relations.ts';
import { pointerPart, shown, type Violation, type WorkloadRule } from './rule.ts';
import { namesSecret, secretIn, secretLine, secretSetting } from './secret-patterns.ts';

interface Found {
  readonly path: string;
  readonly message: string;
}

const byReference =
  'env:\n  - name: DATABASE_PASSWORD\n    valueFrom: { secretKeyRef: { name: shop-database, key: password } }\n';

const why =
  'Manifests go into version control, into the release’s bundle, into the logs of CI and past everybody who may read them, and stay there after the secret was changed. A name counts where it ends in a word for a secret (PASSWORD_FILE and TOKEN_TTL do not); a value counts where only one issuer makes such texts, as of private keys, access tokens and URLs with a password. How random a text looks does not count. The value is never printed.';

export const secretLiteral: WorkloadRule = {
  id: 'secret-literal',
  severity: 'error',
  asks: 'No secret stands in an environment variable, an argument or a ConfigMap.',
  why,
  example: byReference,
  check: (input) => [
    ...input.workloads.flatMap((workload) =>
      containersOf(workload)
        .flatMap((placed) => [...inEnvironment(placed), ...inArguments(placed)])
        .map((found): Violation => ({
          object: workload,
          ...found,
          fix: 'refer to a Secret (valueFrom.secretKeyRef, or a mounted file), and change what stood here',
        })),
    ),
    ...input.configMaps.flatMap((configMap) =>
      inConfigMap(configMap).map((found): Violation => ({
        object: configMap,
        ...found,
        fix: 'move it to a Secret that is made outside of these files, and change what stood here',
      })),
    ),
  ],
};

const inEnvironment = ({ container, path }: PlacedContainer): readonly Found[] =>
  container.env.flatMap(({ name, value }, i) => {
    const what = value === undefined ? null : secretSetting(name, value);
    return what === null
      ? []
      : [
          {
            path: `${path}/env/${i}/value`,
            message: `variable ${shown(name)} of container ${container.name} holds ${what}`,
          },
        ];
  });

/** `--password=x`, `--password x`, and texts that are secrets by their form. */
function inArguments({ container, path }: PlacedContainer): readonly Found[] {
  return (['command', 'args'] as const).flatMap((list) =>
    container[list].flatMap((text, i): readonly Found[] => {
      const [, flag = '', value] = /^--?([A-Za-z][\w.-]{0,80})(?:=([^]*))?$/.exec(text) ?? [];
      const next = container[list][i + 1];
      const given = value ?? (next?.startsWith('-') === true ? undefined : next);
      const named =
        flag !== '' && namesSecret(flag) && given !== undefined && secretSetting(flag, given) !== null;
      const form = secretIn(text);
      if (!named && form === null) return [];
      return [
        {
          path: `${path}/${list}/${i}`,
          message: `${named ? `argument --${shown(flag)}` : `an argument`} of container ${container.name} holds ${form ?? 'a secret by its name'}`,
        },
      ];
    }),
  );
}

const inConfigMap = (configMap: ManifestSet['configMaps'][number]): readonly Found[] =>
  Object.entries(configMap.data).flatMap(([key, value]): readonly Found[] => {
    const path = `${configMap.base}/data/${pointerPart(key)}`;
    // The name of a file says what it is about, not what its text is.
    const what = value.includes('\n') ? secretIn(value) : secretSetting(key, value);
    if (what !== null) return [{ path, message: `entry ${shown(key)} holds ${what}` }];
    const found = secretLine(value);
    return found === null
      ? []
      : [
          {
            path,
            message: `entry ${shown(key)} holds in line ${found.line} (${shown(found.name)}) ${found.what}`,
          },
        ];
  });

/** Entries of a Secret that anybody may know. */
const isPublic = (key: string): boolean => /(?:^|[.-])(?:crt|cert|pub|ca)$|^ca[.-]/.test(key);

export const secretObject: WorkloadRule = {
  id: 'secret-object',
  severity: 'error',
  asks: 'No Secret with its values is among the manifests.',
  why: 'Base64 hides nothing: a Secret in the files is as open as a ConfigMap. It is made where only the cluster sees it, by an operator such as External Secrets, by the CSI driver, sealed, or by hand; the files refer to it by name. Entries that are public, such as ca.crt, do not count.',
  example: byReference,
  check: ({ secrets }) =>
    secrets.flatMap((secret): readonly Violation[] => {
      const [first, ...others] = (['data', 'stringData'] as const).flatMap((list) =>
        Object.entries(secret[list])
          .filter(([key, value]) => value !== '' && !isPublic(key))
          .map(([key]) => ({ key, path: `${secret.base}/${list}/${pointerPart(key)}` })),
      );
      if (first === undefined) return [];
      return [
        {
          object: secret,
          path: first.path,
          message: `the value of ${shown(first.key)}${others.length === 0 ? '' : ` and of ${others.length} more`} stands in the manifest`,
          fix: 'leave the Secret out, make it in the cluster (External Secrets, a CSI driver, sealed), and change what stood here',
        },
      ];
    }),
};
