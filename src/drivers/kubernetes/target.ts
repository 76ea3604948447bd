import type { Digest } from '../../core/model/digest.ts';
import type { SlotKey } from '../../core/model/name.ts';
import type { Result } from '../../core/model/result.ts';
import type { KubernetesApi } from './client/api.ts';
import type { NamespaceWatch } from './namespace-watch.ts';

/** Where one slot lives in a cluster, and how it is reached. */
export interface SlotTarget {
  readonly api: KubernetesApi;
  readonly slot: SlotKey;
  readonly namespace: string;
  /** The HTTPRoute whose weights are ours. */
  readonly route: string;
  /** The Service that others call; its selector follows what gets all traffic. */
  readonly service: string;
  /** Envoy’s statistics, one address a gateway process: counters for the analysis. */
  readonly statistics: readonly string[];
  /** Envoy’s admin interface, one address a gateway process: shows by which weights it routes. */
  readonly configuration: readonly string[];
  /** Tells of slots at rest; null where everything is read fresh. */
  readonly watch: NamespaceWatch | null;
}

/** Reads a release's bundle by its digest; the error says why it cannot. */
export type ReadBundle = (digest: Digest) => Promise<Result<string, string>>;
