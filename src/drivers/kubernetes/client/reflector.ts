import { z } from 'zod';
import { ok, type Result } from '../../../core/model/result.ts';
import type { KubernetesApi } from './api.ts';
import type { ApiError } from './api-error.ts';
import { pathOf, type Resource } from './resources.ts';
import type { Transport } from './transport.ts';
import { watch, type WatchEvent } from './watch.ts';

/** Clock, chance and sleep, as arguments: milliseconds; `random` in [0, 1). */
export interface ReflectorTime {
  readonly now: () => number;
  readonly random: () => number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

export interface Reflected<T> {
  readonly api: KubernetesApi;
  /** Connections of its own: a watch holds one for minutes. */
  readonly transport: Transport;
  readonly resource: Resource;
  readonly namespace: string;
  readonly labelSelector: string;
  readonly schema: z.ZodType<T>;
  readonly nameOf: (object: T) => string;
}

const watchSeconds = 300;
/** The API server sends a bookmark about once a minute; a watch that is silent for longer than two is not believed. */
const silentForMs = 150_000;
/** All is read again from time to time, whatever the watch has told. */
const relistEveryMs = 600_000;
const firstPauseMs = 500;
const longestPauseMs = 30_000;

/**
 * Keeps the objects of one kind in one namespace as a list and a watch tell of them. A hint and never the truth:
 * `objects` is null whenever the watch is not known to be alive, and whoever increases exposure reads fresh.
 */
export class Reflector<T> {
  readonly #of: Reflected<T>;
  readonly #time: ReflectorTime;
  readonly #stop = new AbortController();
  readonly #loop: Promise<void>;
  #objects = new Map<string, T>();
  #heardAt: number | null = null;
  #lists = 0;

  constructor(of: Reflected<T>, time: ReflectorTime) {
    this.#of = of;
    this.#time = time;
    this.#loop = this.#run();
  }

  /** The objects as last told; null while that may be old. */
  get objects(): readonly T[] | null {
    if (this.#heardAt === null || this.#time.now() - this.#heardAt > silentForMs) return null;
    return [...this.#objects.values()];
  }

  /** How often everything was read: each is a new beginning. */
  get lists(): number {
    return this.#lists;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    let pause = firstPauseMs;
    while (!signal.aborted) {
      const began = this.#time.now();
      const listed = await this.#list();
      if (listed.ok) await this.#watchFrom(listed.value);
      this.#heardAt = null;
      // What went well for a while begins again soon; what fails is not hammered, and not by all at the same time.
      pause = this.#time.now() - began > longestPauseMs ? firstPauseMs : Math.min(longestPauseMs, pause * 2);
      await this.#time.sleep(pause * (0.5 + this.#time.random() / 2), signal);
    }
  }

  async #list(): Promise<Result<string, ApiError>> {
    const { api, resource, namespace, labelSelector, schema, nameOf } = this.#of;
    const page = z.object({
      metadata: z.object({ resourceVersion: z.string(), continue: z.string().optional() }),
      items: z.array(schema),
    });
    const objects = new Map<string, T>();
    let next = '';
    for (;;) {
      const query = new URLSearchParams({
        labelSelector,
        limit: '500',
        ...(next === '' ? {} : { continue: next }),
      });
      const path = `${pathOf(resource, namespace)}?${query.toString()}`;
      const got = await api.call({ method: 'GET', path, signal: this.#stop.signal }, page);
      if (!got.ok) return got;
      for (const item of got.value.items) objects.set(nameOf(item), item);
      next = got.value.metadata.continue ?? '';
      if (next !== '') continue;
      this.#objects = objects;
      this.#lists += 1;
      return ok(got.value.metadata.resourceVersion);
    }
  }

  /** Watches, again and again where the server ends it, until it is time to list anew or something goes wrong. */
  async #watchFrom(resourceVersion: string): Promise<void> {
    const { transport, resource, namespace, labelSelector, schema } = this.#of;
    const until = this.#time.now() + relistEveryMs;
    let version = resourceVersion;
    while (!this.#stop.signal.aborted && this.#time.now() < until) {
      const began = this.#time.now();
      const timeoutSeconds = Math.round(watchSeconds * (0.8 + 0.4 * this.#time.random()));
      const query = { resource, namespace, labelSelector, resourceVersion: version, timeoutSeconds };
      for await (const event of watch(transport, query, schema, this.#stop.signal)) {
        if (!event.ok) return;
        this.#heardAt = this.#time.now();
        if (event.value.type === 'open') continue;
        version = event.value.resourceVersion;
        this.#take(event.value);
      }
      // A server that ends it at once would be asked without a pause.
      if (this.#time.now() - began < firstPauseMs) return;
    }
  }

  #take(event: WatchEvent<T>): void {
    if (event.type === 'is') this.#objects.set(this.#of.nameOf(event.object), event.object);
    if (event.type === 'gone') this.#objects.delete(this.#of.nameOf(event.object));
  }
}
