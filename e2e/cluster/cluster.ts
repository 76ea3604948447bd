import { type Description, describedBy } from './description.ts';
import { pushImage } from './image-push.ts';
import { KubernetesApi } from './kubernetes-api.ts';
import { Processes } from './processes.ts';
import { settingsFrom } from './settings.ts';
import { runningCluster } from './up.ts';

/** A cluster as tests use it; disposed of, only the connections to it are closed. */
export interface Cluster extends Description, Disposable {
  readonly api: KubernetesApi;
  /** The cluster's own processes, to be stopped and started by a test; undefined where it is somebody else's. */
  readonly processes: Processes | undefined;
  /**
   * Brings an image to where pods can pull it.
   *
   * @param source an OCI image layout: a folder, or a tar of one
   * @param repository its path in the registry
   * @returns the reference by digest for a pod's `image`
   */
  readonly loadImage: (source: string, repository: string) => Promise<string>;
}

/** The cluster that the environment names, or the one that was brought up here; throws if there is none. */
export async function connectCluster(environment: NodeJS.ProcessEnv = process.env): Promise<Cluster> {
  const settings = settingsFrom(environment);
  const own = await runningCluster(settings);
  const description = describedBy(environment) ?? own;
  if (description === undefined) {
    throw new Error('no cluster is up: npm run cluster:up, or name one by KUBECONFIG');
  }
  const api = await KubernetesApi.of(description.kubeconfig);
  return {
    ...description,
    api,
    processes: description.kubeconfig === own?.kubeconfig ? new Processes(settings.state) : undefined,
    loadImage: async (source, repository) => {
      const digest = await pushImage(source, description.registry, repository);
      return `${description.registryFromNodes}/${repository}@${digest}`;
    },
    [Symbol.dispose]: () => api.close(),
  };
}
