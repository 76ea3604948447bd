import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Digest } from '../../../core/model/digest.ts';
import type { ArtifactManifest } from '../artifact.ts';
import { Instance } from './instance.ts';
import type { ProcessLedger } from './process-ledger.ts';

const BACKOFF_FIRST_MS = 200;
const BACKOFF_MOST_MS = 10_000;
/** After so long a ready life an end counts as the first again. */
const STEADY_MS = 10_000;
/** Counters of an ended process stay readable for so long, so that its last requests are not lost to a scrape. */
const KEEP_ENDED_MS = 30_000;

/** What is to run, with everything resolved. */
export interface WorkloadTarget {
  readonly artifact: Digest;
  /** The digest of artifact and configuration together. */
  readonly key: string;
  readonly manifest: ArtifactManifest;
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly replicas: number;
}

export interface WorkloadPlace {
  readonly release: string;
  readonly logs: string;
  readonly ledger: ProcessLedger;
  readonly onChange: () => void;
}

/** One release in one slot: keeps as many processes of its target running as there should be. */
export class Workload {
  readonly #place: WorkloadPlace;
  #target: WorkloadTarget;
  #instances: Instance[] = [];
  #ended: Instance[] = [];
  #removed = false;
  #failures = 0;
  #notBefore = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(place: WorkloadPlace, target: WorkloadTarget) {
    this.#place = place;
    this.#target = target;
    this.#reconcile();
  }

  get artifact(): Digest {
    return this.#target.artifact;
  }

  get desired(): number {
    return this.#removed ? 0 : this.#target.replicas;
  }

  /** Processes of what is asked for now that get requests. */
  get ready(): number {
    return this.#instances.filter((one) => one.state === 'ready' && one.options.key === this.#target.key)
      .length;
  }

  get open(): number {
    return this.#instances.reduce((sum, { counters }) => sum + counters.open, 0);
  }

  /** Removed, and no process is left. */
  get isGone(): boolean {
    return this.#removed && this.#instances.length === 0;
  }

  /** Those that run, and those that ended lately. */
  get instances(): readonly Instance[] {
    return [
      ...this.#instances,
      ...this.#ended.filter(({ endedAt }) => Date.now() - (endedAt ?? 0) < KEEP_ENDED_MS),
    ];
  }

  apply(target: WorkloadTarget): void {
    if (target.key !== this.#target.key || this.#removed) this.#failures = this.#notBefore = 0;
    this.#target = target;
    this.#removed = false;
    this.#reconcile();
  }

  /** Drains and ends all processes; resolves when none is left. */
  async remove(): Promise<void> {
    this.#removed = true;
    clearTimeout(this.#timer);
    await Promise.all(this.#instances.map((instance) => instance.leave()));
  }

  #reconcile(): void {
    if (this.#removed) return;
    const staying = this.#instances.filter(({ state }) => state !== 'leaving');
    const current = staying.filter(({ options }) => options.key === this.#target.key);
    for (const surplus of current.slice(this.#target.replicas)) void surplus.leave();
    // Those of an older configuration go when those of the new one can take over.
    if (this.ready >= this.#target.replicas) {
      for (const old of staying) if (old.options.key !== this.#target.key) void old.leave();
    }
    const missing = this.#target.replicas - current.length;
    const wait = this.#notBefore - Date.now();
    clearTimeout(this.#timer);
    if (missing <= 0) return;
    if (wait > 0) this.#timer = setTimeout(() => this.#reconcile(), wait);
    else for (let count = 0; count < missing; count += 1) this.#startOne();
  }

  #startOne(): void {
    const { release, logs, ledger } = this.#place;
    const { key, manifest, folder, environment } = this.#target;
    const pod = `${release}-${randomBytes(4).toString('hex')}`;
    const instance = new Instance({
      release,
      pod,
      key,
      manifest,
      folder,
      environment,
      ledger,
      logFile: join(logs, `${pod}.log`),
      onChange: (changed) => this.#onChange(changed),
    });
    this.#instances.push(instance);
    void instance.run();
  }

  #onChange(instance: Instance): void {
    if (instance.state === 'ended') {
      this.#instances = this.#instances.filter((other) => other !== instance);
      this.#ended = [...this.instances.filter(({ state }) => state === 'ended'), instance];
      if (instance.crashed) this.#backOff(instance);
    }
    this.#reconcile();
    this.#place.onChange();
  }

  #backOff(instance: Instance): void {
    const steady = instance.readyAt !== null && Date.now() - instance.readyAt > STEADY_MS;
    this.#failures = steady ? 1 : this.#failures + 1;
    this.#notBefore = Date.now() + Math.min(BACKOFF_MOST_MS, BACKOFF_FIRST_MS * 2 ** (this.#failures - 1));
  }
}
