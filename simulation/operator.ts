import { seal, type Crypto, type Digest } from '../src/core/model/digest.ts';
import { BelayDocument, type BelayDocumentInput } from '../src/core/model/documents.ts';
import { everythingStream, projectStream, type SlotKey, type Subject } from '../src/core/model/name.ts';
import type { Attachment } from '../src/core/model/release.ts';
import type { VirtualClock } from './clock.ts';
import type { MemoryStore } from './memory-store.ts';

export const person = (id: string): Subject => ({ id, kind: 'person' });
export const machine = (id: string): Subject => ({ id, kind: 'machine' });

interface Target {
  readonly slot: SlotKey;
  readonly promotion: string;
  readonly by: Subject;
}

/** People's and machines' commands in a simulated world: each is a fact that enters by the store's door. */
export class Operator {
  readonly #store: MemoryStore;
  readonly #clock: VirtualClock;
  readonly #crypto: Crypto;
  readonly project: string;
  readonly service: string;

  constructor(
    world: { store: MemoryStore; clock: VirtualClock; crypto: Crypto },
    project: string,
    service: string,
  ) {
    this.#store = world.store;
    this.#clock = world.clock;
    this.#crypto = world.crypto;
    this.project = project;
    this.service = service;
  }

  slot(environment: string): SlotKey {
    return { project: this.project, environment, service: this.service };
  }

  /** Applies a document and returns its digest. */
  apply(input: BelayDocumentInput, by: Subject): Digest {
    const document = BelayDocument.parse(input);
    const { bytes, digest } = seal(this.#crypto, document);
    const { kind, metadata } = document;
    this.#store.appendProject(projectStream(this.project), {
      type: 'applied',
      at: this.#clock.wall,
      by,
      kind,
      name: metadata.name,
      digest,
      document: bytes,
    });
    return digest;
  }

  #key(name: string): { project: string; service: string; name: string } {
    return { project: this.project, service: this.service, name };
  }

  /** The digest of a release's simulated artifact. */
  artifactOf(release: string): Digest {
    return this.#crypto.digest(`artifact of ${release}`);
  }

  open(release: string, by: Subject): void {
    const commit = this.#crypto.digest(release).slice(7, 47);
    this.#store.appendRelease(this.#key(release), {
      type: 'opened',
      at: this.#clock.wall,
      by,
      commit,
      summary: `simulated ${release}`,
      contributors: [],
    });
  }

  attach(release: string, attachment: Attachment, by: Subject): void {
    this.#store.appendRelease(this.#key(release), { type: 'attached', at: this.#clock.wall, by, attachment });
  }

  attachTests(release: string, artifact: Digest, total: number, failed: number, by: Subject): void {
    this.attach(
      release,
      {
        type: 'tests',
        name: 'unit',
        artifact,
        content: this.#crypto.digest(`${release} ${total} ${failed}`),
        counts: { total, failed, skipped: 0 },
      },
      by,
    );
  }

  seal(release: string, contributors: readonly string[], by: Subject): void {
    const state = this.#store.releaseState(this.#key(release));
    if (state === null) throw new Error(`${release} was never opened`);
    const sealed = {
      key: this.#key(release),
      commit: state.commit,
      artifact: { name: `${this.service}/${release}`, digest: this.artifactOf(release), bytes: 1_000 },
      bundle: null,
      contributors: [...contributors],
      summary: `simulated ${release}`,
      openedBy: state.openedBy,
    };
    const { digest } = seal(this.#crypto, sealed);
    this.#store.appendRelease(this.#key(release), {
      type: 'sealed',
      at: this.#clock.wall,
      by,
      sealed: digest,
      release: sealed,
    });
  }

  request(
    target: Target & {
      readonly release: string;
      readonly stage: string;
      readonly pipeline: Digest;
      readonly mode: 'promote' | 'rollback';
      readonly liftQuarantine?: boolean;
    },
  ): void {
    const { slot, promotion, by, release, stage, pipeline, mode, liftQuarantine = false } = target;
    this.#store.appendSlot(slot, (at) => ({
      type: 'requested',
      at,
      by,
      promotion,
      release,
      stage,
      pipeline,
      mode,
      note: '',
      liftQuarantine,
    }));
  }

  /** Approves the plan that a promotion has now; false where it has none yet. */
  approve({ slot, promotion, by }: Target, plan?: Digest): boolean {
    const digest = plan ?? this.#store.slot(slot).promotions.find((p) => p.id === promotion)?.plan?.digest;
    if (digest === undefined) return false;
    this.#store.appendSlot(slot, (at) => ({ type: 'approved', at, by, promotion, plan: digest, note: '' }));
    return true;
  }

  reject({ slot, promotion, by }: Target): void {
    this.#store.appendSlot(slot, (at) => ({
      type: 'rejected',
      at,
      by,
      promotion,
      note: 'changes requested',
      changesRequested: true,
    }));
  }

  /** Lets a promotion leave the weight that it is at without an answer of a metric gate; false where it has none. */
  waive({ slot, promotion, by }: Target, gate: string, forMs: number, note = 'simulated'): boolean {
    const open = this.#store.slot(slot).promotions.find((p) => p.id === promotion);
    if (open?.state !== 'rolling-out' || open.step < 0) return false;
    const step = open.stepReachedAt === null ? Math.max(0, open.step - 1) : open.step;
    this.#store.appendSlot(slot, (at) => ({
      type: 'waived',
      at,
      by,
      promotion,
      gate,
      step,
      weight: open.plan?.document.steps[step] ?? 0,
      until: at + forMs,
      note,
      said: open.gates[gate]?.reason ?? { code: 'no-traffic' },
    }));
    return true;
  }

  /** Pauses, resumes or aborts a promotion. */
  tell({ slot, promotion, by }: Target, what: 'paused' | 'resumed' | 'abort-asked'): void {
    this.#store.appendSlot(slot, (at) => ({ type: what, at, by, promotion, note: '' }));
  }

  freeze(
    id: string,
    by: Subject,
    scope: {
      readonly everything: boolean;
      readonly environment: string | null;
      readonly until: number | null;
    },
  ): void {
    this.#store.appendProject(scope.everything ? everythingStream : projectStream(this.project), {
      type: 'frozen',
      at: this.#clock.wall,
      by,
      freeze: { id, environment: scope.environment, reason: 'simulated', until: scope.until },
    });
  }

  unfreeze(id: string, by: Subject, everything: boolean): void {
    this.#store.appendProject(everything ? everythingStream : projectStream(this.project), {
      type: 'unfrozen',
      at: this.#clock.wall,
      by,
      id,
      note: '',
    });
  }
}
