import { instantDriver } from '../../ports/testing/instant-driver.ts';
import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Pool } from 'pg';
import { preAuthenticationEncoding } from '../../core/decide/gates/statement.ts';
import type { NoteSigner } from '../../core/ledger/note.ts';
import { canonicalJson } from '../../core/model/canonical.ts';
import { seal } from '../../core/model/digest.ts';
import { BelayDocument, type BelayDocumentInput } from '../../core/model/documents.ts';
import type { Entry } from '../../core/model/entries.ts';
import { everythingStream, projectStream, releaseStream, type Subject } from '../../core/model/name.ts';
import type { DsseEnvelope } from '../../core/model/release.ts';
import type { SlotState } from '../../core/model/state.ts';
import { nodeCrypto } from '../../engine/crypto.ts';
import { workOnce, type WorkerParts } from '../../engine/worker.ts';
import type { EnvironmentDriver } from '../../ports/environment.ts';
import { PostgresEngineStore } from '../../store/engine-store.ts';
import { checkpointFile } from '../../store/kept-checkpoint.ts';
import { loadLogKey } from '../../store/log-key.ts';
import { sequenceOnce } from '../../store/sequencer.ts';
import { appendFact, databaseNow } from '../../store/streams.ts';
import { createTestDatabase } from '../../store/testing/database.ts';

/** A ledger with a story in it: releases carried through staging to production by the real engine and store. */
export interface Story {
  readonly pool: Pool;
  readonly signer: NoteSigner;
  readonly folder: string;
  /** Puts everything into the tree. */
  sequence(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const project = 'demo';
const service = 'shop';
const ann: Subject = { id: 'ann', kind: 'person' };
const bob: Subject = { id: 'bob', kind: 'person' };
const ci: Subject = { id: 'ci', kind: 'machine' };
const slotOf = (environment: string) => ({ project, environment, service });

export const junitReport = '<testsuite><testcase name="adds"/><testcase name="pays"/></testsuite>\n';

const trustedKeys = generateKeyPairSync('ed25519');
const strangersKeys = generateKeyPairSync('ed25519');
const rawKey = (keys: typeof trustedKeys): string => {
  const { x } = keys.publicKey.export({ format: 'jwk' });
  return Buffer.from(x ?? '', 'base64url').toString('base64');
};

const apiVersion = 'belay.dev/v1alpha1';
const documents: readonly BelayDocumentInput[] = [
  {
    apiVersion,
    kind: 'Project',
    metadata: { name: project },
    spec: {
      trust: [
        {
          name: 'builder',
          publicKey: rawKey(trustedKeys),
          predicateTypes: ['https://slsa.dev/provenance/v1'],
        },
      ],
    },
  },
  ...['staging', 'production'].map((name): BelayDocumentInput => ({
    apiVersion,
    kind: 'Environment',
    metadata: { name, project },
    spec: { driver: 'instant', replicas: 2, warm: '0s', production: name === 'production' },
  })),
  {
    apiVersion,
    kind: 'Pipeline',
    metadata: { name: service, project },
    spec: {
      service,
      stages: [
        { name: 'staging', environment: 'staging', gates: [{ kind: 'tests', name: 'unit' }] },
        {
          name: 'production',
          environment: 'production',
          after: ['staging'],
          promote: 'auto',
          gates: [
            { kind: 'signature', name: 'signed' },
            { kind: 'approval', name: 'owner' },
          ],
          rollout: { steps: [10, 100], stepAtLeast: '0s' },
          analysis: [{ kind: 'metric', name: 'errors', errors: { marginPoints: 2 } }],
        },
      ],
    },
  },
];

/** v1 and v2 go to production, v3 is rolled back there, v4 is signed by a stranger, then production goes back to v1. */
export async function tellStory(): Promise<Story> {
  const database = await createTestDatabase();
  const { pool } = database;
  const folder = await mkdtemp(join(tmpdir(), 'belay-story-'));
  const key = await loadLogKey(join(folder, 'log.key'), 'log.test/story');
  assert.ok(key.ok);
  const teller = new Teller(pool);
  const pipeline = await teller.apply();
  await teller.append(everythingStream, (at) => ({
    type: 'frozen',
    at,
    by: ann,
    freeze: { id: 'drill', environment: null, reason: 'a drill', until: null },
  }));
  await teller.append(everythingStream, (at) => ({ type: 'unfrozen', at, by: ann, id: 'drill', note: '' }));
  for (const name of ['v1', 'v2', 'v3', 'v4']) await teller.carry(name, pipeline);
  await teller.goBack('v1', pipeline);
  const parts = {
    pool,
    signer: key.value,
    keeper: checkpointFile(join(folder, 'checkpoint')),
    now: () => 1,
  };
  const sequence = async (): Promise<void> => {
    const done = await sequenceOnce(parts);
    assert.ok(done.ok);
    if (done.value.more) await sequence();
  };
  await sequence();
  return {
    pool,
    signer: key.value,
    folder,
    sequence,
    [Symbol.asyncDispose]: async () => {
      await rm(folder, { recursive: true, force: true });
      await database.drop();
    },
  };
}

class Teller {
  readonly #pool: Pool;
  readonly #store: PostgresEngineStore;
  readonly #parts: WorkerParts;

  constructor(pool: Pool) {
    this.#pool = pool;
    this.#store = new PostgresEngineStore(pool);
    const drivers = new Map<string, EnvironmentDriver>();
    this.#parts = {
      store: this.#store,
      crypto: nodeCrypto,
      driverFor: ({ environment }) => {
        const driver = drivers.get(environment) ?? instantDriver((name) => (name === 'v3' ? 0.2 : 0.001));
        drivers.set(environment, driver);
        return driver;
      },
      pace: { effect: 5, moving: 5, idle: 1_000 },
      report: (event) =>
        assert.fail(`${event.event} ${'error' in event ? String(event.error) : JSON.stringify(event)}`),
      concurrency: { turn: 4, observe: 4, effect: 4 },
    };
  }

  async append(stream: string, make: (at: number) => Entry): Promise<void> {
    const at = await databaseNow(this.#pool);
    await appendFact(this.#pool, stream, () => make(at));
  }

  async apply(): Promise<string> {
    let pipeline = '';
    for (const written of documents) {
      const document = BelayDocument.parse(written);
      const { bytes, digest } = seal(nodeCrypto, document);
      if (document.kind === 'Pipeline') pipeline = digest;
      const { kind, metadata } = document;
      await this.append(projectStream(project), (at) => ({
        type: 'applied',
        at,
        by: ann,
        kind,
        name: metadata.name,
        digest,
        document: bytes,
      }));
    }
    return pipeline;
  }

  async carry(name: string, pipeline: string): Promise<void> {
    await this.#open(name);
    await this.#request(name, 'staging', pipeline, 'promote');
    await this.#until('staging', (state) => isQuiet(state));
    const wasRefused = (state: SlotState): boolean => state.ended.some((end) => end.release === name);
    const planned = await this.#until(
      'production',
      (state) => wasRefused(state) || state.promotions.some((p) => p.release === name && p.plan !== null),
    );
    const waiting = planned.promotions.find((p) => p.release === name);
    if (waiting?.plan === undefined || waiting.plan === null) return;
    const plan = waiting.plan.digest;
    await this.append(`slot/${project}/production/${service}`, (at) => ({
      type: 'approved',
      at,
      by: bob,
      promotion: waiting.id,
      plan,
      note: 'looks right',
    }));
    await this.#until('production', (state) => isQuiet(state));
  }

  async goBack(name: string, pipeline: string): Promise<void> {
    await this.#request(name, 'production', pipeline, 'rollback');
    await this.#until('production', (state) => isQuiet(state));
  }

  async #open(name: string): Promise<void> {
    const key = { project, service, name };
    const stream = releaseStream(key);
    const artifact = { name, digest: nodeCrypto.digest(name), bytes: 1 };
    const content = nodeCrypto.digest(junitReport);
    await this.#pool.query('insert into content (digest, bytes) values ($1, $2) on conflict do nothing', [
      content,
      junitReport,
    ]);
    const counts = { total: 2, failed: 0, skipped: 0 };
    const release = {
      key,
      commit: 'abcdef1',
      artifact,
      bundle: null,
      contributors: ['carl'],
      summary: `${name}, with “quotes”`,
      openedBy: ci,
    };
    const by = ci;
    await this.append(stream, (at) => ({
      type: 'opened',
      at,
      by,
      commit: 'abcdef1',
      summary: '',
      contributors: [],
    }));
    await this.append(stream, (at) => ({
      type: 'attached',
      at,
      by,
      attachment: { type: 'tests', name: 'unit', artifact: artifact.digest, content, counts },
    }));
    await this.append(stream, (at) => ({
      type: 'attached',
      at,
      by,
      attachment: { type: 'statement', name: 'provenance', envelope: provenance(name, artifact.digest) },
    }));
    await this.append(stream, (at) => ({
      type: 'sealed',
      at,
      by,
      sealed: seal(nodeCrypto, release).digest,
      release,
    }));
  }

  async #request(name: string, stage: string, pipeline: string, mode: 'promote' | 'rollback'): Promise<void> {
    await this.append(`slot/${project}/${stage}/${service}`, (at) => ({
      type: 'requested',
      at,
      by: ann,
      promotion: `${name}-${stage}-${mode}`,
      release: name,
      stage,
      pipeline,
      mode,
      note: '',
      liftQuarantine: false,
    }));
  }

  async #until(environment: string, isThere: (state: SlotState) => boolean): Promise<SlotState> {
    const deadline = Date.now() + 15_000;
    for (;;) {
      for (const lane of ['turn', 'effect', 'observe'] as const) await workOnce(this.#parts, lane);
      const { slot } = await this.#store.load(slotOf(environment));
      if (slot.seq > 0 && isThere(slot)) return slot;
      assert.ok(Date.now() < deadline, `not there: ${canonicalJson(slot)}`);
    }
  }
}

const isQuiet = (state: SlotState): boolean => state.promotions.length === 0 && state.effects.length === 0;

function provenance(name: string, digest: string): DsseEnvelope {
  const payloadType = 'application/vnd.in-toto+json';
  const payload = canonicalJson({
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name, digest: { sha256: digest.slice(7) } }],
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: {},
  });
  const { privateKey } = name === 'v4' ? strangersKeys : trustedKeys;
  const signature = sign(null, Buffer.from(preAuthenticationEncoding(payloadType, payload)), privateKey);
  return {
    payload: Buffer.from(payload).toString('base64'),
    payloadType,
    signatures: [{ sig: signature.toString('base64') }],
  };
}
