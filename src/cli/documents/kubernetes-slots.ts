import type { KubernetesTarget } from '../../core/model/kubernetes.ts';
import type { SlotKey } from '../../core/model/name.ts';
import { findingLine } from '../commands/lint.ts';
import { CliFailure, usage } from '../failure.ts';
import { loadDocuments } from './load.ts';

/** One environment in Kubernetes, and the services that pipelines of the same documents lead into it. */
export interface KubernetesEnvironment {
  readonly name: string;
  readonly settings: KubernetesTarget;
  readonly slots: readonly SlotKey[];
}

/** Reads documents without a server; refuses those that `belay lint` calls wrong, and those without Kubernetes. */
export async function kubernetesEnvironments(
  files: readonly string[],
): Promise<readonly KubernetesEnvironment[]> {
  const { documents, findings } = await loadDocuments(files);
  const [wrong] = findings.filter(({ severity }) => severity === 'error');
  if (wrong !== undefined) throw new CliFailure('error', findingLine(wrong), ['belay lint']);
  const all = documents.map(({ document }) => document);
  const pipelines = all.filter((document) => document.kind === 'Pipeline');
  const environments = all.flatMap((document): readonly KubernetesEnvironment[] => {
    if (document.kind !== 'Environment' || document.spec.kubernetes === undefined) return [];
    const { name, project } = document.metadata;
    const slots = pipelines
      .filter(
        ({ metadata, spec }) =>
          metadata.project === project && spec.stages.some((stage) => stage.environment === name),
      )
      .map(({ spec }) => ({ project, environment: name, service: spec.service }));
    return [{ name, settings: document.spec.kubernetes, slots }];
  });
  if (environments.length === 0)
    throw usage('no environment in these documents has the driver kubernetes', 'belay lint');
  return environments;
}

/** Every slot in Kubernetes that documents tell of. */
export async function kubernetesSlots(
  files: readonly string[],
): Promise<readonly { readonly slot: SlotKey; readonly settings: KubernetesTarget }[]> {
  const environments = await kubernetesEnvironments(files);
  return environments.flatMap(({ slots, settings }) => slots.map((slot) => ({ slot, settings })));
}
