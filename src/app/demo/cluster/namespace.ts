import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { CliFailure } from '../../../cli/failure.ts';
import type { KubernetesApi, Manifest } from '../../../drivers/kubernetes/client/api.ts';
import { type Resource, resources } from '../../../drivers/kubernetes/client/resources.ts';
import { keptObjects } from './bundle.ts';
import { databaseManifests } from './database.ts';
import type { Entrance } from './gateway.ts';

/** By which everything of one demo is found and removed, if the demo itself cannot. */
export const demoLabel = 'belay.dev/demo';

const goneWithinMs = 180_000;
const lookEveryMs = 500;

const kinds: Readonly<Record<string, Resource>> = {
  Secret: { apiVersion: 'v1', kind: 'Secret', plural: 'secrets' },
  ServiceAccount: { apiVersion: 'v1', kind: 'ServiceAccount', plural: 'serviceaccounts' },
  Deployment: resources.deployments,
  Service: resources.services,
  HTTPRoute: resources.httpRoutes,
};

/** A call whose refusal ends the demo, with the cluster's own words. */
async function must<T>(
  what: string,
  result: Promise<
    | { readonly ok: true; readonly value: T }
    | { readonly ok: false; readonly error: { readonly message: string } }
  >,
): Promise<T> {
  const got = await result;
  if (got.ok) return got.value;
  throw new CliFailure('error', `${what}: ${got.error.message}`);
}

/** A namespace of the demo's own. */
export class DemoNamespace {
  readonly name: string;
  readonly #api: KubernetesApi;
  readonly #signal: AbortSignal;

  constructor(api: KubernetesApi, name: string, signal: AbortSignal) {
    this.#api = api;
    this.name = name;
    this.#signal = signal;
  }

  /** Not given up half-way: whoever then removes it must not be overtaken by its making. */
  async make(id: string): Promise<void> {
    const metadata = { name: this.name, labels: { [demoLabel]: id } };
    const body = JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata });
    const { signal } = new AbortController();
    const call = { method: 'POST', path: '/api/v1/namespaces', body, signal } as const;
    await must(`namespace ${this.name}`, this.#api.call(call, z.unknown()));
  }

  async create(manifest: Manifest): Promise<void> {
    const resource = kinds[manifest.kind];
    if (resource === undefined) throw new Error(`the demo makes no ${manifest.kind}`);
    const made = this.#api.create(resource, this.name, manifest, z.unknown(), this.#signal);
    await must(`${manifest.kind} ${manifest.metadata.name} in ${this.name}`, made);
  }

  /**
   * Removes it with everything in it, and resolves when it is gone. Harmless where it was never made. It is asked for
   * until it is so: an API server that is away for a moment keeps nothing.
   */
  async remove(): Promise<void> {
    // The demo may have been interrupted; this is not.
    const { signal } = new AbortController();
    const path = `/api/v1/namespaces/${this.name}`;
    const deadline = performance.now() + goneWithinMs;
    for (;;) {
      const asked = await this.#api.call({ method: 'DELETE', path, signal }, z.unknown());
      if (!asked.ok && asked.error.code === 'not-found') return;
      if (performance.now() > deadline)
        throw new Error(
          `namespace ${this.name} is still there after three minutes: ${asked.ok ? 'it is being removed' : asked.error.message}; look at: kubectl get namespace ${this.name} -o yaml`,
        );
      await delay(lookEveryMs);
    }
  }

  /** The shop's database, the secret to it, and the route: what is there before the first release. */
  async furnish(entrance: Entrance, host: string, databaseImage: string): Promise<void> {
    const password = randomBytes(24).toString('base64url');
    const { account, route } = await keptObjects(entrance, host);
    for (const manifest of [...databaseManifests(databaseImage, password), account, route])
      await this.create(manifest);
  }
}
