import assert from 'node:assert/strict';
import { seal } from '../src/core/model/digest.ts';
import { BelayDocument, type BelayDocumentInput } from '../src/core/model/documents.ts';
import type { Entry, ProjectEntry, ReleaseEntry, SlotEntry } from '../src/core/model/entries.ts';
import { releaseStream, type SlotKey, slotStream, type Subject } from '../src/core/model/name.ts';
import { nodeCrypto } from '../src/engine/crypto.ts';
import { prepareTurn } from '../src/engine/turn.ts';
import type { Claim, EngineStore, Lane, TurnCommit } from '../src/ports/store.ts';

/** A store with nothing in it, and the door by which facts of people and machines come in. */
export interface StoreSubject {
  readonly store: EngineStore;
  now(): Promise<number>;
  /** Lets time pass by the store's own clock. */
  pass(ms: number): Promise<void>;
  append(stream: string, entry: Entry): Promise<void>;
  entries(stream: string): Promise<readonly Entry[]>;
  close(): Promise<void>;
}

export const slot: SlotKey = { project: 'demo', environment: 'production', service: 'shop' };
export const slotId = slotStream(slot);
const release = releaseStream({ project: 'demo', service: 'shop', name: 'v1' });
const ann: Subject = { id: 'ann', kind: 'person' };
const longMs = 60_000;
const mostWaits = 500;

const documents: readonly BelayDocumentInput[] = [
  {
    apiVersion: 'belay.dev/v1alpha1',
    kind: 'Environment',
    metadata: { name: 'production', project: 'demo' },
    spec: { driver: 'local' },
  },
  {
    apiVersion: 'belay.dev/v1alpha1',
    kind: 'Pipeline',
    metadata: { name: 'shop', project: 'demo' },
    spec: { service: 'shop', stages: [{ name: 'production', environment: 'production' }] },
  },
];

/** A store with one release asked for, and what the tests do with it again and again. */
export class Trial {
  readonly subject: StoreSubject;
  readonly store: EngineStore;

  constructor(subject: StoreSubject) {
    this.subject = subject;
    this.store = subject.store;
  }

  async setUp(): Promise<void> {
    const at = await this.subject.now();
    let pipeline = '';
    for (const written of documents) {
      const document = BelayDocument.parse(written);
      const { bytes, digest } = seal(nodeCrypto, document);
      if (document.kind === 'Pipeline') pipeline = digest;
      const { name } = document.metadata;
      const applied: ProjectEntry = {
        type: 'applied',
        at,
        by: ann,
        kind: document.kind,
        name,
        digest,
        document: bytes,
      };
      await this.subject.append('project/demo', applied);
    }
    const opened: ReleaseEntry = {
      type: 'opened',
      at,
      by: ann,
      commit: 'abcdef1',
      summary: '',
      contributors: [],
    };
    await this.subject.append(release, opened);
    const asked: SlotEntry = {
      type: 'requested',
      at,
      by: ann,
      promotion: 'v1-production',
      release: 'v1',
      stage: 'production',
      pipeline,
      mode: 'promote',
      note: '',
      liftQuarantine: false,
    };
    await this.subject.append(slotId, asked);
  }

  async seal(): Promise<void> {
    const at = await this.subject.now();
    const sealed = {
      key: { project: 'demo', service: 'shop', name: 'v1' },
      commit: 'abcdef1',
      artifact: { name: 'v1', digest: nodeCrypto.digest('v1'), bytes: 1 },
      bundle: null,
      contributors: [],
      summary: '',
      openedBy: ann,
    };
    const digest = seal(nodeCrypto, sealed).digest;
    await this.subject.append(release, { type: 'sealed', at, by: ann, sealed: digest, release: sealed });
  }

  async freeze(id: string, stream = 'everything'): Promise<void> {
    const freeze = { id, environment: null, reason: 'incident', until: null };
    await this.subject.append(stream, { type: 'frozen', at: await this.subject.now(), by: ann, freeze });
  }

  /** Claims a lane that has to be due, now or when a lease has ended. */
  async claimed(lane: Lane, leaseMs = longMs): Promise<Claim> {
    for (let waits = 0; waits < mostWaits; waits++) {
      const [claim] = await this.store.claim(lane, 1, leaseMs);
      if (claim !== undefined) return claim;
      await this.subject.pass(5);
    }
    throw new Error(`${lane} did not come due`);
  }

  async notDue(lane: Lane): Promise<void> {
    assert.deepEqual(await this.store.claim(lane, 10, longMs), []);
  }

  /** What a turn would write now. */
  async prepare(): Promise<Omit<TurnCommit, 'claim'>> {
    const prepared = prepareTurn(await this.store.load(slot), nodeCrypto);
    assert.ok(prepared.kind === 'ready');
    return prepared.commit;
  }

  /** Takes turns until none is due. */
  async settle(): Promise<void> {
    for (;;) {
      const [claim] = await this.store.claim('turn', 1, longMs);
      if (claim === undefined) return;
      assert.equal(
        await this.store.commit({ ...(await this.prepare()), claim, nextCheck: null }),
        'committed',
      );
    }
  }

  async types(): Promise<readonly string[]> {
    return (await this.subject.entries(slotId)).map((entry) => entry.type);
  }
}
