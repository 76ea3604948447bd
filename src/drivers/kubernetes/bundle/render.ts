import { createHash } from 'node:crypto';
import { canonicalJson } from '../../../core/model/canonical.ts';
import type { SlotKey } from '../../../core/model/name.ts';
import { err, ok, type Result } from '../../../core/model/result.ts';
import type { WorkloadSpec } from '../../../ports/environment.ts';
import type { Manifest } from '../client/api.ts';
import { fieldManager } from '../client/api.ts';
import { annotationNames, labelNames, releaseLabels, workloadName } from '../labels.ts';
import type { Bundle } from './bundle.ts';
import type { ConfigMapManifest, Container, PodSpec } from './manifests.ts';

/** The objects of one release in one slot, in the order in which they are applied. */
export interface Rendered {
  readonly configMaps: readonly Manifest[];
  readonly service: Manifest;
  readonly deployment: Manifest;
  /** Ports of the Service, by which the route reaches it. */
  readonly ports: readonly number[];
}

/** A secret's reference in an environment: NAME/KEY. With version 3 it is the key KEY of the Secret NAME-3. */
const secretReference = /^([a-z0-9]([a-z0-9.-]{0,200}[a-z0-9])?)\/([A-Za-z0-9._-]{1,253})$/;

/**
 * Makes a bundle into the objects of one release in one slot. Pure: the same release in the same environment gives the
 * same objects, but for the size and the generation that wrote them. Names and selectors are ours, so that two
 * releases live beside each other; parameters and secrets of the environment are variables of the containers that run
 * the release's artifact, and win over the bundle's own. The error names what cannot be rendered.
 */
export function render(bundle: Bundle, slot: SlotKey, spec: WorkloadSpec): Result<Rendered, string> {
  const name = workloadName(slot, spec.release);
  const variables = variablesOf(spec);
  if (!variables.ok) return variables;
  const head = (objectName: string, source: Source): Manifest['metadata'] => ({
    name: objectName,
    labels: { ...ownOf(source.labels), ...labelsOf(slot, spec.release) },
    annotations: { ...ownOf(source.annotations), ...annotationsOf(spec) },
  });
  const renamed = new Map(bundle.configMaps.map((map) => [map.metadata.name, contentName(name, map)]));
  const { template } = bundle.deployment.spec;
  return ok({
    configMaps: bundle.configMaps.map((map) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: head(renamed.get(map.metadata.name) ?? name, map.metadata),
      immutable: true,
      ...(map.data ? { data: map.data } : {}),
      ...(map.binaryData ? { binaryData: map.binaryData } : {}),
    })),
    service: {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: head(name, bundle.service.metadata),
      spec: { ...bundle.service.spec, type: 'ClusterIP', selector: releaseLabels(slot, spec.release) },
    },
    deployment: {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: head(name, bundle.deployment.metadata),
      spec: {
        ...bundle.deployment.spec,
        replicas: spec.replicas,
        selector: { matchLabels: releaseLabels(slot, spec.release) },
        // A release's own pods are replaced only when its configuration has changed: never below its size.
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: '25%' } },
        template: {
          ...template,
          metadata: {
            labels: { ...ownOf(template.metadata?.labels), ...labelsOf(slot, spec.release) },
            annotations: {
              ...ownOf(template.metadata?.annotations),
              [annotationNames.artifact]: spec.artifact,
              [annotationNames.configuration]: spec.configuration.digest,
            },
          },
          spec: podSpec(template.spec, spec, renamed, variables.value),
        },
      },
    },
    ports: bundle.service.spec.ports.map(({ port }) => port),
  });
}

interface Source {
  readonly labels?: Readonly<Record<string, string>> | null | undefined;
  readonly annotations?: Readonly<Record<string, string>> | null | undefined;
}

/** What a bundle says itself; `belay.dev/` is ours to say. */
const ownOf = (values: Source['labels']): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(values ?? {}).filter(([key]) => !key.startsWith('belay.dev/')));

const labelsOf = (slot: SlotKey, release: string): Readonly<Record<string, string>> => ({
  ...releaseLabels(slot, release),
  [labelNames.managedBy]: fieldManager,
});

const annotationsOf = (spec: WorkloadSpec): Readonly<Record<string, string>> => ({
  [annotationNames.generation]: String(spec.generation),
  [annotationNames.artifact]: spec.artifact,
  [annotationNames.configuration]: spec.configuration.digest,
});

/** A ConfigMap is named by what it holds: another content is another object, and a rollback finds the old one. */
function contentName(workload: string, { metadata, data, binaryData }: ConfigMapManifest): string {
  const content = canonicalJson({ data: data ?? {}, binaryData: binaryData ?? {} });
  const digest = createHash('sha256').update(content).digest('hex').slice(0, 10);
  return `${workload}-${metadata.name.slice(0, 100)}-${digest}`;
}

interface Variable {
  readonly name: string;
  readonly [field: string]: unknown;
}

function variablesOf({ configuration }: WorkloadSpec): Result<readonly Variable[], string> {
  const variables: Variable[] = Object.entries(configuration.parameters).map(([name, value]) => ({
    name,
    value,
  }));
  for (const { name, reference, version } of configuration.secrets) {
    const [, secret, , key] = secretReference.exec(reference) ?? [];
    if (secret === undefined || key === undefined || !/^[a-z0-9.-]+$/.test(version))
      return err(
        `secret ${name}: reference ${reference}, version ${version} names no Secret; expected NAME/KEY, for the key KEY of the Secret NAME-VERSION`,
      );
    variables.push({ name, valueFrom: { secretKeyRef: { name: `${secret}-${version}`, key } } });
  }
  return ok(variables);
}

function podSpec(
  pod: PodSpec,
  spec: WorkloadSpec,
  renamed: ReadonlyMap<string, string>,
  variables: readonly Variable[],
): unknown {
  const render = (container: Container): unknown => renderContainer(container, spec, renamed, variables);
  return {
    ...pod,
    containers: pod.containers.map(render),
    ...(pod.initContainers ? { initContainers: pod.initContainers.map(render) } : {}),
    ...(pod.volumes
      ? {
          volumes: pod.volumes.map((volume) => ({
            ...volume,
            ...(volume.configMap ? { configMap: rename(volume.configMap, renamed) } : {}),
            ...(volume.projected?.sources
              ? {
                  projected: {
                    ...volume.projected,
                    sources: volume.projected.sources.map((source) =>
                      source.configMap ? { ...source, configMap: rename(source.configMap, renamed) } : source,
                    ),
                  },
                }
              : {}),
          })),
        }
      : {}),
  };
}

function renderContainer(
  container: Container,
  spec: WorkloadSpec,
  renamed: ReadonlyMap<string, string>,
  variables: readonly Variable[],
): unknown {
  const isOurs = container.image.endsWith(`@${spec.artifact}`);
  const given = new Set(isOurs ? variables.map(({ name }) => name) : []);
  const own = (container.env ?? [])
    .filter(({ name }) => !given.has(name))
    .map((variable) =>
      variable.valueFrom?.configMapKeyRef
        ? {
            ...variable,
            valueFrom: {
              ...variable.valueFrom,
              configMapKeyRef: rename(variable.valueFrom.configMapKeyRef, renamed),
            },
          }
        : variable,
    );
  const env = [...own, ...(isOurs ? variables : [])];
  return {
    ...container,
    ...(env.length > 0 ? { env } : {}),
    ...(container.envFrom
      ? {
          envFrom: container.envFrom.map((source) =>
            source.configMapRef ? { ...source, configMapRef: rename(source.configMapRef, renamed) } : source,
          ),
        }
      : {}),
  };
}

/** A reference to a ConfigMap of the bundle leads to the one that was rendered; any other is left as it is. */
const rename = <T extends { readonly name?: string | undefined }>(
  reference: T,
  renamed: ReadonlyMap<string, string>,
): T => {
  const name = reference.name === undefined ? undefined : renamed.get(reference.name);
  return name === undefined ? reference : { ...reference, name };
};
