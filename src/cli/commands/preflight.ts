import { type Examined, failed } from '../../core/report/examined.ts';
import type { KubernetesTarget } from '../../core/model/kubernetes.ts';
import type { SlotKey } from '../../core/model/name.ts';
import { Clusters, slotTarget } from '../../drivers/kubernetes/clusters.ts';
import { examineCluster, examineSlot } from '../../drivers/kubernetes/preflight.ts';
import { kubernetesEnvironments } from '../documents/kubernetes-slots.ts';
import type { OutputFormat } from '../output-formats.ts';
import { report } from './doctor.ts';

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
  const environments = await kubernetesEnvironments(options.file);
  const clusters = new Clusters(process.env, () => Date.now());
  const examined: Examined[] = [];
  for (const { name, settings, slots } of environments) {
    const lines = await examineEnvironment(clusters, settings, slots);
    examined.push(...lines.map((line) => ({ ...line, found: `${name}: ${line.found}` })));
  }
  await clusters.close();
  await report(examined, options.output);
}

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
