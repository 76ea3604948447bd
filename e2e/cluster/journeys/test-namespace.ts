import { randomBytes } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import type { Undo } from '../../../src/app/demo/stack.ts';
import { pathOf, type Resource, resources } from '../../../src/drivers/kubernetes/client/resources.ts';
import { must, type TestCluster } from './cluster.ts';

const signal = new AbortController().signal;

const Pod = z.object({
  metadata: z.object({ name: z.string(), deletionTimestamp: z.string().optional() }),
  status: z.object({
    conditions: z.array(z.object({ type: z.string(), status: z.string() })).default([]),
  }),
});

const isReady = ({ metadata, status }: z.infer<typeof Pod>): boolean =>
  metadata.deletionTimestamp === undefined &&
  status.conditions.some((condition) => condition.type === 'Ready' && condition.status === 'True');

/** A namespace of a test's own, with what a person at its API does. */
export class TestNamespace {
  readonly name: string;
  readonly #cluster: TestCluster;

  private constructor(cluster: TestCluster, name: string) {
    this.#cluster = cluster;
    this.name = name;
  }

  static async make(cluster: TestCluster, undo: Undo): Promise<TestNamespace> {
    const name = `belay-test-${randomBytes(4).toString('hex')}`;
    const namespace = new TestNamespace(cluster, name);
    const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
    await namespace.#call('POST', '/api/v1/namespaces', object);
    undo.add(async () => namespace.#call('DELETE', `/api/v1/namespaces/${name}`));
    return namespace;
  }

  /** Makes an object of the core API; its plural is where it lies. */
  create(plural: string, object: object): Promise<void> {
    return this.#call('POST', `/api/v1/namespaces/${this.name}/${plural}`, object);
  }

  get<T>(resource: Resource, name: string, schema: z.ZodType<T>): Promise<T> {
    return must(this.#cluster.api.get(resource, this.name, name, schema, signal));
  }

  /** The pods with these labels that are ready and not told to end. */
  async readyPods(labels: Readonly<Record<string, string>>): Promise<readonly string[]> {
    return (await this.#pods(labels)).filter(isReady).map(({ metadata }) => metadata.name);
  }

  /** Ends a pod without a word. */
  kill(pod: string): Promise<void> {
    return this.#call('DELETE', `${pathOf(resources.pods, this.name, pod)}?gracePeriodSeconds=0`);
  }

  /** What a pod has written. */
  async logs(pod: string): Promise<string> {
    const path = `${pathOf(resources.pods, this.name, pod)}/log`;
    const opened = await this.#cluster.api.transport.open({ method: 'GET', path, signal });
    if (!opened.ok) throw new Error(opened.error.message);
    return text(opened.value);
  }

  /** The last words of every pod, for whoever has to find out why something failed. */
  async lastWords(): Promise<string> {
    const said = (await this.#pods({})).map(
      async ({ metadata }) => `${metadata.name}: ${(await this.logs(metadata.name)).slice(-2_000)}`,
    );
    return (await Promise.all(said)).join('\n');
  }

  #pods(labels: Readonly<Record<string, string>>): Promise<readonly z.infer<typeof Pod>[]> {
    return must(this.#cluster.api.list(resources.pods, this.name, labels, Pod, signal));
  }

  async #call(method: 'POST' | 'DELETE', path: string, body?: object): Promise<void> {
    const sent = { method, path, signal, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
    await must(this.#cluster.api.call(sent, z.unknown()));
  }
}
