import type { Environment } from '../model/documents.ts';
import type { DocumentFinding } from './documents-finding.ts';

/** The form of a secret's reference where the driver is `kubernetes`: the key KEY of the Secret NAME-VERSION. */
const secretReference = /^[a-z0-9]([a-z0-9.-]{0,200}[a-z0-9])?\/[A-Za-z0-9._-]{1,253}$/;

/** What the `kubernetes` driver needs to be told, and what no other is told. */
export function lintKubernetes(environment: Environment, document: number): readonly DocumentFinding[] {
  const { driver, kubernetes } = environment.spec;
  const { name } = environment.metadata;
  if ((driver === 'kubernetes') !== (kubernetes !== undefined))
    return [
      {
        rule: 'driver-settings',
        severity: 'error',
        document,
        path: kubernetes === undefined ? '/spec/driver' : '/spec/kubernetes',
        message:
          kubernetes === undefined
            ? `environment ${name} has the driver kubernetes and does not say where`
            : `environment ${name} says where in Kubernetes, and its driver is ${driver}`,
        fix:
          kubernetes === undefined
            ? 'add spec.kubernetes with a namespace'
            : 'make the driver kubernetes, or take spec.kubernetes out',
      },
    ];
  if (kubernetes === undefined) return [];
  return [...secretForms(environment, document), ...uncounted(environment, document)];
}

function secretForms(environment: Environment, document: number): readonly DocumentFinding[] {
  return environment.spec.secrets.flatMap(({ name, reference, version }, i): readonly DocumentFinding[] =>
    secretReference.test(reference) && /^[a-z0-9]([a-z0-9.-]{0,60}[a-z0-9])?$/.test(version)
      ? []
      : [
          {
            rule: 'secret-reference',
            severity: 'error',
            document,
            path: `/spec/secrets/${i}/reference`,
            message: `secret ${name} names no Secret of Kubernetes: ${reference}, version ${version}`,
            fix: 'write NAME/KEY and a version such as 3: it is then the key KEY of the Secret NAME-3',
          },
        ],
  );
}

function uncounted(environment: Environment, document: number): readonly DocumentFinding[] {
  const { kubernetes } = environment.spec;
  if (kubernetes === undefined || kubernetes.gateway.configuration.length > 0) return [];
  return [
    {
      rule: 'weights-unconfirmed',
      severity: 'warning',
      document,
      path: '/spec/kubernetes/gateway',
      message: `nothing confirms the weights of ${environment.metadata.name}: that the route was accepted is all that can be read`,
      fix: 'name the gateway’s admin interface in gateway.configuration, if the server may reach it',
    },
  ];
}
