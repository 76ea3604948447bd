import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { resources } from '../../../src/drivers/kubernetes/client/resources.ts';
import { completedRequests } from '../envoy-counters.ts';
import { must, type Place } from './cluster.ts';

/** One look at a service from outside: by the API server and by the gateway, never by Belay's record. */
export interface Look {
  readonly at: number;
  /** Weights in the HTTPRoute by the release of the Service that each names. */
  readonly route: Readonly<Record<string, number>>;
  /** Ready pods that are not told to end, by release. */
  readonly ready: Readonly<Record<string, number>>;
}

/** What the gateway itself has counted, by release: of a release that is gone there is nothing any more. */
export interface Count {
  readonly at: number;
  readonly served: Readonly<Record<string, { readonly requests: number; readonly errors: number }>>;
}

const Labelled = z.object({
  metadata: z.object({
    name: z.string(),
    deletionTimestamp: z.string().optional(),
    labels: z.record(z.string(), z.string()).optional(),
  }),
});
const Pod = Labelled.extend({
  status: z.object({
    conditions: z.array(z.object({ type: z.string(), status: z.string() })).default([]),
  }),
});
const Route = z.object({
  spec: z.object({
    rules: z.array(
      z.object({ backendRefs: z.array(z.object({ name: z.string(), weight: z.int().default(1) })) }),
    ),
  }),
});

const lookEveryMs = 100;
const looksToACount = 10;
const signal = new AbortController().signal;
const releaseOf = ({ metadata }: z.infer<typeof Labelled>): string | undefined =>
  metadata.labels?.['belay.dev/release'];

/** Looks at a service ten times a second, and at the gateway's counters once, until it is stopped; keeps what it saw. */
export class Outside {
  readonly #place: Place;
  readonly #service: string;
  readonly #looks: Look[] = [];
  readonly #counts: Count[] = [];
  /** The release behind each Service, as last seen. */
  #services: ReadonlyMap<string, string> = new Map();
  readonly #missed: string[] = [];
  readonly #loop: Promise<void>;
  #stopped = false;

  constructor(place: Place, service: string) {
    this.#place = place;
    this.#service = service;
    this.#loop = this.#run();
  }

  get looks(): readonly Look[] {
    return this.#looks;
  }

  /** Why there was nothing to be seen, for each look at which there was not. */
  get missed(): readonly string[] {
    return this.#missed;
  }

  get counts(): readonly Count[] {
    return this.#counts;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#loop;
  }

  async look(): Promise<Look> {
    const { cluster, namespace } = this.#place;
    const labels = { 'belay.dev/service': this.#service };
    // The route first: pods that are ready a moment later were not all there before.
    const route = await must(cluster.api.get(resources.httpRoutes, namespace, this.#service, Route, signal));
    const services = await must(cluster.api.list(resources.services, namespace, labels, Labelled, signal));
    const pods = await must(cluster.api.list(resources.pods, namespace, labels, Pod, signal));
    const byService = new Map(services.map((one) => [one.metadata.name, releaseOf(one) ?? '']));
    this.#services = byService;
    const weights: Record<string, number> = {};
    for (const { name, weight } of route.spec.rules[0]?.backendRefs ?? [])
      if (weight > 0) weights[byService.get(name) ?? name] = weight;
    const ready: Record<string, number> = {};
    for (const pod of pods) {
      const isReady = pod.status.conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
      const release = releaseOf(pod) ?? '';
      if (isReady && pod.metadata.deletionTimestamp === undefined) ready[release] = (ready[release] ?? 0) + 1;
    }
    return { at: performance.now(), route: weights, ready };
  }

  async #run(): Promise<void> {
    for (let looks = 0; !this.#stopped; looks += 1) {
      try {
        this.#looks.push(await this.look());
        if (looks % looksToACount === 0) this.#counts.push(await this.#count());
      } catch (error) {
        this.#missed.push(error instanceof Error ? error.message : String(error));
      }
      await delay(lookEveryMs);
    }
  }

  async #count(): Promise<Count> {
    const { cluster, namespace } = this.#place;
    const served: Record<string, { requests: number; errors: number }> = {};
    for (const [name, release] of this.#services) {
      if (release === '') continue;
      const counted = await completedRequests(cluster.envoyUrl, { namespace, name, port: 80 });
      const requests = Object.values(counted).reduce((sum, count) => sum + count, 0);
      served[release] = { requests, errors: counted['5xx'] ?? 0 };
    }
    return { at: performance.now(), served };
  }
}

/** What must hold at every look: weights add up to 100, and nothing has traffic without a pod that is ready. */
export function broken(looks: readonly Look[]): readonly string[] {
  return looks.flatMap(({ route, ready }) => {
    const total = Object.values(route).reduce((sum, weight) => sum + weight, 0);
    const dry = Object.keys(route).filter((release) => (ready[release] ?? 0) === 0);
    return [
      ...(total === 100 ? [] : [`weights ${JSON.stringify(route)}`]),
      ...dry.map((release) => `${release} has traffic and no ready pod: ${JSON.stringify({ route, ready })}`),
    ];
  });
}

/** The different weights of a release, in the order in which they were seen. */
export const weightsSeen = (looks: readonly Look[], release: string): readonly number[] =>
  looks.map(({ route }) => route[release] ?? 0).filter((weight, i, all) => i === 0 || weight !== all[i - 1]);

/** A gateway follows a route a moment later, what was open then is still answered, and looks see both a moment later. */
const routeLagMs = 2_000;

/** What the gateway sent to a release that had no weight in the route, by its own counters. */
export function unroutedRequests(looks: readonly Look[], counts: readonly Count[]): readonly string[] {
  return counts.slice(1).flatMap(({ at, served }, i) => {
    const before = counts[i];
    if (before === undefined) return [];
    const seen = looks.filter((look) => look.at > before.at - routeLagMs && look.at < at + routeLagMs);
    return Object.entries(served).flatMap(([release, { requests }]) => {
      const more = requests - (before.served[release]?.requests ?? 0);
      const routed = seen.some(({ route }) => (route[release] ?? 0) > 0);
      return more > 0 && !routed ? [`${more} requests to ${release}, which had no weight`] : [];
    });
  });
}

/** The most that the gateway has counted of each release. */
export function servedByGateway(
  counts: readonly Count[],
): Readonly<Record<string, { readonly requests: number; readonly errors: number }>> {
  return Object.fromEntries(counts.flatMap(({ served }) => Object.entries(served)));
}
