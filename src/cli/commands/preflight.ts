import { type Examined, failed } from '../../core/report/examined.ts';
import type { Environment, Pipeline } from '../../core/model/documents.ts';
import type { KubernetesTarget } from '../../core/model/kubernetes.ts';
import type { SlotKey } from '../../core/model/name.ts';
import { Clusters, slotTarget } from '../../drivers/kubernetes/clusters.ts';
import { examineCluster, examineSlot } from '../../drivers/kubernetes/preflight.ts';
import { loadDocuments } from '../documents/load.ts';
import { CliFailure, usage } from '../failure.ts';
import type { OutputFormat } from '../output-formats.ts';
import { report } from './doctor.ts';
import { findingLine } from './lint.ts';

const patienceMs = 20_000;

/**
 * Looks at the clusters that the documents' environments name, with this shell's kubeconfig: what is missing is named
 * before a server or a release finds out. An environment without a context is looked for where a server in the cluster
 * would be; outside of one, in the current context.
 */
export async function preflight(options: {
  readonly file: readonly string[];
  readonly output?: OutputFormat;
}): Promise<void> {
  const { documents, findings } = await loadDocuments(options.file);
  const [wrong] = findings.filter(({ severity }) => severity === 'error');
  if (wrong !== undefined) throw new CliFailure('error', findingLine(wrong), ['belay lint']);
  const all = documents.map(({ document }) => document);
  const environments = all.flatMap((document) =>
    document.kind === 'Environment' && document.spec.kubernetes !== undefined
      ? [{ document, settings: document.spec.kubernetes }]
      : [],
  );
  if (environments.length === 0)
    throw usage('no environment in these documents has the driver kubernetes', 'belay lint');
  const pipelines = all.filter((document) => document.kind === 'Pipeline');
  const clusters = new Clusters(process.env, () => Date.now());
  const examined: Examined[] = [];
  for (const { document, settings } of environments) {
    const slots = slotsOf(document, pipelines);
    const lines = await examineEnvironment(clusters, settings, slots);
    const where = document.metadata.name;
    examined.push(...lines.map((line) => ({ ...line, found: `${where}: ${line.found}` })));
  }
  await clusters.close();
  await report(examined, options.output);
}

/** The services that pipelines lead into an environment. */
const slotsOf = (environment: Environment, pipelines: readonly Pipeline[]): readonly SlotKey[] =>
  pipelines
    .filter(
      ({ metadata, spec }) =>
        metadata.project === environment.metadata.project &&
        spec.stages.some((stage) => stage.environment === environment.metadata.name),
    )
    .map(({ metadata, spec }) => ({
      project: metadata.project,
      environment: environment.metadata.name,
      service: spec.service,
    }));

async function examineEnvironment(
  clusters: Clusters,
  settings: KubernetesTarget,
  slots: readonly SlotKey[],
): Promise<readonly Examined[]> {
  const api = await clusters.api(settings.context ?? null, 'current-context');
  if (!api.ok)
    return [failed('cluster', api.error, 'name a context of your kubeconfig in spec.kubernetes.context')];
  const signal = AbortSignal.timeout(patienceMs);
  const lines = [...(await examineCluster(api.value, settings.namespace, signal))];
  if (lines.some(({ name, status }) => name !== 'rights' && status === 'failed')) return lines;
  for (const slot of slots)
    lines.push(...(await examineSlot(slotTarget(api.value, settings, slot, null), signal)));
  return lines;
}
