import { z } from 'zod';
import type { CheckpointKeeper } from '../../ports/checkpoint-keeper.ts';
import type { ApiError } from './client/api-error.ts';
import type { KubernetesApi } from './client/api.ts';
import { resources } from './client/resources.ts';

const lastKey = 'last-checkpoint';
const contradictionKey = 'last-checkpoint.contradiction';

const Kept = z.object({
  metadata: z.object({ resourceVersion: z.string() }),
  data: z.record(z.string(), z.string()).default({}),
});
type Kept = z.infer<typeof Kept>;

/** Two requests to the API server a checkpoint: fewer of them than a file would get. */
const everyMs = 500;

/**
 * Keeps the checkpoint in a ConfigMap that is there already, for replicas that share no folder. A write holds for the
 * version that was read: a sequencer that was frozen and woken again cannot put an older checkpoint over a newer one.
 *
 * @param api finds the cluster, or says why it cannot be reached
 */
export function checkpointConfigMap(
  api: () => Promise<KubernetesApi>,
  at: { readonly namespace: string; readonly name: string },
): CheckpointKeeper {
  const place = `ConfigMap ${at.namespace}/${at.name}`;
  const { signal } = new AbortController();
  let seen: Kept | null = null;
  const remember = (
    answer: { readonly ok: true; readonly value: Kept } | { readonly ok: false; readonly error: ApiError },
    what: string,
  ): Kept => {
    seen = answer.ok ? answer.value : null;
    if (!answer.ok) throw new Error(`${place} cannot be ${what}: ${answer.error.message}`);
    return answer.value;
  };
  const look = async (): Promise<Kept> =>
    remember(
      await (await api()).get(resources.configMaps, at.namespace, at.name, Kept, signal),
      'read (it is made with the installation)',
    );
  const put = async (data: Readonly<Record<string, string>>): Promise<void> => {
    const { resourceVersion } = (seen ?? (await look())).metadata;
    const patch = { metadata: { resourceVersion }, data };
    const calls = await api();
    remember(await calls.patch(resources.configMaps, at.namespace, at.name, patch, Kept, signal), 'written');
  };
  return {
    place,
    everyMs,
    read: async (known) => {
      const remembered = seen?.data[lastKey];
      if (known !== null && remembered === known) return known;
      return (await look()).data[lastKey] ?? null;
    },
    write: (note) => put({ [lastKey]: note }),
    keepContradiction: (note) => put({ [contradictionKey]: note }),
  };
}
