import { parse } from 'yaml';
import { z } from 'zod';
import { err, ok, type Result } from '../../../core/model/result.ts';
import type { KubernetesApi } from '../../../drivers/kubernetes/client/api.ts';
import { resources } from '../../../drivers/kubernetes/client/resources.ts';
import { parseRepository, type Repository } from '../../../drivers/oci/repository.ts';

/** Where the demo pushes, and how nodes name the same place. */
export interface ImagePlace {
  readonly repository: Repository;
  readonly nodesName: string;
}

/** Of a registry that a cluster names itself: the demo's images lie there under this name. */
const ownPath = 'belay-demo';

const ConfigMap = z.looseObject({ data: z.record(z.string(), z.string()).optional() });
// https://github.com/kubernetes/enhancements, KEP-1755: how a cluster tells of a registry on the developer's machine.
const LocalRegistry = z.looseObject({
  host: z.string(),
  hostFromContainerRuntime: z.string().optional(),
});

/**
 * Where images go: to the repository that was named, else to the local registry that the cluster tells of (ConfigMap
 * `local-registry-hosting` in `kube-public`, as kind, k3d and others write it), which has no TLS.
 */
export async function findImagePlace(
  api: KubernetesApi,
  wanted: string | undefined,
  signal: AbortSignal,
): Promise<Result<ImagePlace, string>> {
  if (wanted !== undefined) {
    const named = parseRepository(wanted);
    return named.ok
      ? ok({ repository: named.value, nodesName: `${named.value.host}/${named.value.path}` })
      : named;
  }
  const read = await api.get(
    resources.configMaps,
    'kube-public',
    'local-registry-hosting',
    ConfigMap,
    signal,
  );
  const said = read.ok ? localRegistry(read.value.data?.['localRegistryHosting.v1'] ?? '') : null;
  if (said === null)
    return err('where images are pushed is not said, and the cluster tells of no registry of its own');
  const repository = parseRepository(`http://${said.host}/${ownPath}`);
  if (!repository.ok) return repository;
  return ok({
    repository: repository.value,
    nodesName: `${said.hostFromContainerRuntime ?? said.host}/${ownPath}`,
  });
}

function localRegistry(text: string): z.infer<typeof LocalRegistry> | null {
  try {
    return LocalRegistry.safeParse(parse(text, { maxAliasCount: 0 })).data ?? null;
  } catch {
    return null;
  }
}
