import type { SlotKey } from '../../../core/model/name.ts';
import { boundDiagnostics, type Diagnostics } from '../../../core/model/diagnostics.ts';
import { slotStream } from '../../../core/model/name.ts';
import type {
  AgentOutcome,
  ApplyRequest,
  CountersReport,
  ShiftRequest,
  SlotReport,
  UpstreamReport,
} from '../protocol.ts';
import type { Counters } from './counters.ts';
import type { Edge } from './edge.ts';
import type { Fence } from './fence.ts';
import { processEnvironment } from './process-environment.ts';
import type { ProcessLedger } from './process-ledger.ts';
import type { RoutingTable } from './routing.ts';
import type { UnpackedArtifacts } from './unpacked.ts';
import { Workload } from './workload.ts';

const MOST_WORKLOADS = 20;

export interface SlotParts {
  readonly key: SlotKey;
  readonly routes: RoutingTable;
  readonly edge: Edge;
  readonly fence: Fence;
  readonly artifacts: UnpackedArtifacts;
  readonly ledger: ProcessLedger;
  readonly folders: { readonly secrets: string; readonly home: string; readonly logs: string };
}

const done: AgentOutcome = { outcome: 'done' };
const failed = (message: string): AgentOutcome => ({ outcome: 'failed', message });

/** One service of this environment: its workloads, its share of traffic, and the fence before both. */
export class Slot {
  readonly #parts: SlotParts;
  readonly #workloads = new Map<string, Workload>();
  readonly #startedAt = Date.now();
  #retreatTo: string | null = null;

  constructor(parts: SlotParts) {
    this.#parts = parts;
  }

  get #name(): string {
    return slotStream(this.#parts.key);
  }

  /** Answers when the artifact is unpacked and its processes are being started; not when they are ready. */
  async apply(release: string, request: ApplyRequest): Promise<AgentOutcome> {
    const { fence, artifacts, routes, ledger, folders } = this.#parts;
    if (!fence.admit(this.#name, request.generation)) return this.#stale();
    const unpacked = await artifacts.get(request.artifact);
    if (!unpacked.ok) return failed(unpacked.error);
    const environment = await processEnvironment(request.configuration, folders);
    if (!environment.ok) return failed(environment.error);
    // A newer generation may have come while the artifact was unpacked.
    if (!fence.admit(this.#name, request.generation)) return this.#stale();
    if (request.replicas === 0 && routes.weightOf(release) > 0) return failed(`${release} still has traffic`);
    const target = {
      artifact: request.artifact,
      key: `${request.artifact} ${request.configuration.digest}`,
      manifest: unpacked.value.manifest,
      folder: unpacked.value.folder,
      environment: environment.value,
      replicas: request.replicas,
    };
    const known = this.#workloads.get(release);
    if (known !== undefined) {
      known.apply(target);
    } else {
      if (this.#workloads.size >= MOST_WORKLOADS)
        return failed(`more than ${MOST_WORKLOADS} releases in one slot`);
      const place = { release, logs: folders.logs, ledger, onChange: () => this.#onChange() };
      this.#workloads.set(release, new Workload(place, target));
    }
    return done;
  }

  /** Answers when draining has begun. */
  remove(release: string, generation: number): AgentOutcome {
    const { fence, routes } = this.#parts;
    if (!fence.admit(this.#name, generation)) return this.#stale();
    const workload = this.#workloads.get(release);
    if (workload === undefined) return done;
    const weight = routes.weightOf(release);
    if (weight > 0) return failed(`${release} still has ${weight} % of traffic`);
    void workload.remove().then(() => this.#onChange());
    return done;
  }

  /** Takes effect with the next request. A release gets its first traffic only when a process of it is ready. */
  shift(request: ShiftRequest): AgentOutcome {
    const { fence, routes } = this.#parts;
    if (!fence.admit(this.#name, request.generation)) return this.#stale();
    for (const { release, weight } of request.weights) {
      if (weight === 0 || routes.weightOf(release) > 0) continue;
      if (routes.readyCount(release) === 0) return failed(`no process of ${release} is ready`);
    }
    routes.weights = request.weights;
    this.#retreatTo = request.retreatTo;
    return done;
  }

  /** The control plane is lost: all traffic goes to the release that it has named for this. Says whether it did. */
  retreat(): boolean {
    const { routes } = this.#parts;
    const target = this.#retreatTo;
    if (target === null || routes.weights.length < 2 || routes.readyCount(target) === 0) return false;
    routes.weights = [{ release: target, weight: 100 }];
    return true;
  }

  report(): SlotReport {
    return {
      generation: this.#parts.fence.highest(this.#name),
      weights: [...this.#parts.routes.weights],
      workloads: [...this.#workloads].map(([release, workload]) => ({
        release,
        artifact: workload.artifact,
        desired: workload.desired,
        ready: workload.ready,
        open: workload.open,
      })),
    };
  }

  counters(): CountersReport {
    const upstreams = [...this.#workloads.values()].flatMap((workload) =>
      workload.instances.map((instance) =>
        upstreamReport(instance.options.release, instance.options.pod, instance.counters, {
          started: instance.startedAt,
          ready: instance.readyAt,
        }),
      ),
    );
    const unserved = [...this.#parts.edge.unserved].map(([release, counters]) =>
      upstreamReport(release, `${release}-none`, counters, { started: this.#startedAt, ready: null }),
    );
    return {
      t: Date.now() / 1000,
      weights: [...this.#parts.routes.weights],
      upstreams: [...upstreams, ...unserved],
    };
  }

  /** What a release's processes say, the troubled ones first; of a release that is not known, nothing. */
  diagnostics(release: string): Diagnostics {
    return boundDiagnostics({
      processes: (this.#workloads.get(release)?.instances ?? [])
        .toSorted((a, b) => b.startedAt - a.startedAt)
        .map((instance) => ({
          name: instance.options.pod,
          state: instance.described,
          restarts: 0,
          log: instance.log.tail,
        })),
      events: [],
    });
  }

  /** Ends all processes, gracefully. */
  async stop(): Promise<void> {
    await Promise.all([...this.#workloads.values()].map((workload) => workload.remove()));
  }

  #onChange(): void {
    for (const [release, workload] of this.#workloads) if (workload.isGone) this.#workloads.delete(release);
    this.#parts.routes.ready = [...this.#workloads.values()].flatMap((workload) =>
      workload.instances.flatMap(({ state, upstream }) =>
        state === 'ready' && upstream !== null ? [upstream] : [],
      ),
    );
  }

  #stale(): AgentOutcome {
    return { outcome: 'stale', generation: this.#parts.fence.highest(this.#name) };
  }
}

function upstreamReport(
  release: string,
  pod: string,
  counters: Counters,
  times: { readonly started: number; readonly ready: number | null },
): UpstreamReport {
  return {
    release,
    pod,
    started: times.started / 1000,
    ready: times.ready === null ? null : times.ready / 1000,
    requests: counters.requests,
    errors: counters.errors,
    latencySumMs: counters.latencySumMs,
    latencyMs: counters.latency(),
  };
}
