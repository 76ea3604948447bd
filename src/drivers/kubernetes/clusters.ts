import { setTimeout as delay } from 'node:timers/promises';
import type { KubernetesTarget } from '../../core/model/kubernetes.ts';
import type { SlotKey } from '../../core/model/name.ts';
import { err, ok, type Result } from '../../core/model/result.ts';
import { KubernetesApi } from './client/api.ts';
import type { Connection } from './client/connection.ts';
import { inClusterConnection } from './client/in-cluster.ts';
import { connectionOf, kubeconfigFiles } from './client/kubeconfig.ts';
import { Transport } from './client/transport.ts';
import { NamespaceWatch } from './namespace-watch.ts';
import type { SlotTarget } from './target.ts';

/** The clusters that a server talks to, each connected once. */
export class Clusters {
  readonly #environment: Readonly<Record<string, string | undefined>>;
  readonly #now: () => number;
  readonly #apis = new Map<string, Promise<Result<KubernetesApi, string>>>();
  readonly #watches = new Map<KubernetesApi, ReadonlyMap<string, NamespaceWatch>>();

  /** `environment` are the process's variables (KUBECONFIG, KUBERNETES_SERVICE_HOST); `now` in milliseconds. */
  constructor(environment: Readonly<Record<string, string | undefined>>, now: () => number) {
    this.#environment = environment;
    this.#now = now;
  }

  /**
   * The API of the cluster that a context names; of the one that this process runs in where it is null. A person's
   * shell runs in none: with `outside` the current context is meant then.
   */
  async api(
    context: string | null,
    outside: 'refused' | 'current-context' = 'refused',
  ): Promise<Result<KubernetesApi, string>> {
    const key = context ?? '';
    let connecting = this.#apis.get(key);
    if (connecting === undefined) {
      connecting = this.#connect(context, outside);
      this.#apis.set(key, connecting);
    }
    const connected = await connecting;
    // A kubeconfig that is mended counts at the next call.
    if (!connected.ok) this.#apis.delete(key);
    return connected;
  }

  /** The watch of a namespace, which begins when it is first asked for. */
  watch(api: KubernetesApi, namespace: string): NamespaceWatch {
    const known = this.#watches.get(api)?.get(namespace);
    if (known !== undefined) return known;
    const watch = new NamespaceWatch(api, namespace, {
      now: this.#now,
      random: Math.random,
      sleep: async (ms, signal) => {
        await delay(ms, undefined, { signal }).catch(() => undefined);
      },
    });
    this.#watches.set(api, new Map([...(this.#watches.get(api) ?? []), [namespace, watch]]));
    return watch;
  }

  /** Ends watches and the connections that are kept. */
  async close(): Promise<void> {
    await Promise.all([...this.#watches.values()].flatMap((of) => [...of.values()].map((one) => one.stop())));
    for (const connecting of this.#apis.values())
      void connecting.then((connected) => connected.ok && connected.value.transport.close());
  }

  async #connect(
    context: string | null,
    outside: 'refused' | 'current-context',
  ): Promise<Result<KubernetesApi, string>> {
    const isInside = this.#environment['KUBERNETES_SERVICE_HOST'] !== undefined;
    const connection = await this.#connection(context, isInside || outside === 'refused');
    return connection.ok ? ok(new KubernetesApi(new Transport(connection.value))) : err(connection.error);
  }

  #connection(context: string | null, inCluster: boolean): Promise<Result<Connection, string>> {
    return context === null && inCluster
      ? inClusterConnection(this.#environment, this.#now)
      : connectionOf(kubeconfigFiles(this.#environment), context, this.#now);
  }
}

/** A slot's place in a cluster, by its environment's settings. */
export function slotTarget(
  api: KubernetesApi,
  settings: KubernetesTarget,
  slot: SlotKey,
  watch: NamespaceWatch | null,
): SlotTarget {
  const names = settings.services[slot.service];
  return {
    api,
    slot,
    namespace: settings.namespace,
    route: names?.route ?? slot.service,
    service: names?.service ?? slot.service,
    statistics: settings.gateway.statistics,
    configuration: settings.gateway.configuration,
    watch,
  };
}
