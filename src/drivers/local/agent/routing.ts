import type { Agent } from 'node:http';
import type { Weight } from '../../../core/model/observation.ts';
import type { Counters } from './counters.ts';

/** One process that can be sent requests. */
export interface Upstream {
  readonly release: string;
  readonly pod: string;
  readonly target: { readonly protocol: 'http:'; readonly host: '127.0.0.1'; readonly port: number };
  readonly connections: Agent;
  readonly counters: Counters;
}

export type Choice =
  | { readonly kind: 'upstream'; readonly upstream: Upstream }
  | { readonly kind: 'no-process'; readonly release: string }
  | { readonly kind: 'no-release' };

/** By which the edge routes. What it says is what the next request meets. */
export class RoutingTable {
  #weights: readonly Weight[] = [];
  #ready: readonly Upstream[] = [];
  #byRelease = new Map<string, { readonly upstreams: Upstream[]; next: number }>();

  get weights(): readonly Weight[] {
    return this.#weights;
  }

  set weights(weights: readonly Weight[]) {
    this.#weights = weights.filter(({ weight }) => weight > 0);
  }

  set ready(upstreams: readonly Upstream[]) {
    this.#ready = upstreams;
    this.#byRelease = new Map();
    for (const upstream of this.#ready) {
      const row = this.#byRelease.get(upstream.release);
      if (row === undefined) this.#byRelease.set(upstream.release, { upstreams: [upstream], next: 0 });
      else row.upstreams.push(upstream);
    }
  }

  weightOf(release: string): number {
    return this.#weights.find((entry) => entry.release === release)?.weight ?? 0;
  }

  readyCount(release: string): number {
    return this.#byRelease.get(release)?.upstreams.length ?? 0;
  }

  /**
   * Chooses by weight, at random: each request is assigned independently of all others, as the comparison of two
   * releases supposes. Within a release it is the next one's turn. `draw` is uniform in [0, 1).
   */
  choose(draw: number): Choice {
    let rest = draw * 100;
    for (const { release, weight } of this.#weights) {
      rest -= weight;
      if (rest >= 0) continue;
      const row = this.#byRelease.get(release);
      const upstream = row?.upstreams[row.next % row.upstreams.length];
      if (row === undefined || upstream === undefined) return { kind: 'no-process', release };
      row.next = (row.next + 1) % row.upstreams.length;
      return { kind: 'upstream', upstream };
    }
    return { kind: 'no-release' };
  }
}
