import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Pool } from 'pg';
import type { BelayDocumentInput } from '../../core/model/documents.ts';
import type { Subject } from '../../core/model/name.ts';
import { nodeCrypto } from '../../engine/crypto.ts';
import { takeTurn } from '../../engine/turn.ts';
import { artifactFolder } from '../../store/artifact-folder.ts';
import { PostgresEngineStore } from '../../store/engine-store.ts';
import { Folds } from '../../store/folds.ts';
import { createTestDatabase } from '../../store/testing/database.ts';
import { insertToken } from '../../store/tokens.ts';
import { createApp } from '../app.ts';
import { LeafFeed } from '../leaf-feed.ts';
import { createMetrics } from '../metrics.ts';
import type { App } from '../operation.ts';
import type { ServerParts } from '../parts.ts';
import type { Grant } from '../schemas.ts';
import { makeToken } from '../tokens.ts';

/** What a request is answered with. */
export interface Told {
  readonly status: number;
  readonly headers: Headers;
  // Tests look into answers of every shape.
  readonly body: Record<string, unknown>;
}

/** The application over a database of one test's own, with people and machines who have tokens. */
export interface World {
  readonly app: App;
  readonly pool: Pool;
  readonly parts: ServerParts;
  /** The folder of uploaded artifacts. */
  readonly uploads: string;
  readonly closing: AbortController;
  /** Every line that was logged, as JSON. */
  readonly logged: string[];
  tokenFor(subject: Subject, grants: readonly Grant[], expiresAt?: number): Promise<string>;
  /** Sends JSON, with the token of `as`, or without one. */
  send(
    as: string | null,
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Told>;
  /** Takes turns until none is due: plans are made, gates judged. */
  decide(): Promise<void>;
  /** Puts every committed entry into the log, as the sequencer does. */
  sequence(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export const all: Grant['verbs'] = [
  'view',
  'create-release',
  'promote',
  'approve',
  'rollback',
  'freeze',
  'waive',
  'admin',
];
export const everywhere = (verbs: Grant['verbs'] = all): Grant[] => [{ project: '*', stages: '*', verbs }];

export const documents: readonly BelayDocumentInput[] = [
  { apiVersion: 'belay.dev/v1alpha1', kind: 'Project', metadata: { name: 'demo' }, spec: { trust: [] } },
  {
    apiVersion: 'belay.dev/v1alpha1',
    kind: 'Environment',
    metadata: { name: 'staging', project: 'demo' },
    spec: { driver: 'local' },
  },
  {
    apiVersion: 'belay.dev/v1alpha1',
    kind: 'Environment',
    metadata: { name: 'production', project: 'demo' },
    spec: { driver: 'local', parameters: { SIZE: '1' } },
  },
  {
    apiVersion: 'belay.dev/v1alpha1',
    kind: 'Pipeline',
    metadata: { name: 'shop', project: 'demo' },
    spec: {
      service: 'shop',
      stages: [
        {
          name: 'staging',
          environment: 'staging',
          promote: 'auto',
          gates: [{ kind: 'tests', name: 'unit-tests' }],
        },
        {
          name: 'production',
          environment: 'production',
          gates: [{ kind: 'approval', name: 'two-eyes', quorum: 2 }],
        },
      ],
    },
  },
];

/** Makes a world; dispose of it at the end. */
export async function createWorld(override: Partial<ServerParts> = {}): Promise<World> {
  const database = await createTestDatabase();
  // As the server runs in production: the role that may only add to the ledger.
  const pool = database.poolAs('belay_server');
  const uploads = await mkdtemp(join(tmpdir(), 'belay-server-test-'));
  const folds = new Folds(pool);
  const closing = new AbortController();
  const logged: string[] = [];
  const write = (fields: object, message: string) => void logged.push(JSON.stringify({ ...fields, message }));
  const parts: ServerParts = {
    pool,
    folds,
    crypto: nodeCrypto,
    hint: () => undefined,
    artifacts: artifactFolder(uploads),
    log: { info: write, warn: write, error: write },
    metrics: createMetrics(),
    feed: new LeafFeed(pool),
    quota: { perSecond: 10_000, burst: 100_000 },
    closing: closing.signal,
    lintDocuments: () => [],
    checkSources: async () => [],
    evidence: null,
    ledger: null,
    ...override,
  };
  const app = createApp(parts);
  const store = new PostgresEngineStore(pool, folds);
  return {
    app,
    pool,
    parts,
    uploads,
    closing,
    logged,
    tokenFor: async (subject, grants, expiresAt) => {
      const { secret, token } = makeToken(subject, grants, expiresAt ?? null);
      await insertToken(pool, token);
      return secret;
    },
    send: async (as, method, path, body, headers = {}) => {
      const response = await app.request(path, {
        method,
        headers: {
          ...(as === null ? {} : { authorization: `Bearer ${as}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      const text = await response.text();
      const isJson = text !== '' && (response.headers.get('content-type') ?? '').includes('json');
      return {
        status: response.status,
        headers: response.headers,
        body: (isJson ? JSON.parse(text) : { text }) as Record<string, unknown>,
      };
    },
    decide: async () => {
      for (;;) {
        const claims = await store.claim('turn', 10, 2_000);
        if (claims.length === 0) return;
        for (const claim of claims) await takeTurn(store, nodeCrypto, claim);
      }
    },
    sequence: () => sequence(pool),
    [Symbol.asyncDispose]: async () => {
      closing.abort();
      await database.drop();
      await rm(uploads, { recursive: true, force: true });
    },
  };
}

async function sequence(pool: Pool): Promise<void> {
  await pool.query(
    `with taken as (delete from unsequenced returning stream, seq, transaction)
     insert into leaf (index, stream, seq)
     select (select coalesce(max(index), -1) from leaf) + row_number() over (order by transaction::text::bigint, stream, seq),
            stream, seq from taken`,
  );
}

/** People and machines as a team would have them, and its documents applied. */
export async function createTeam(override: Partial<ServerParts> = {}) {
  const world = await createWorld(override);
  const person = (id: string): Subject => ({ id, kind: 'person' });
  const demo = (...verbs: Grant['verbs']): Grant[] => [{ project: 'demo', stages: '*', verbs }];
  const team = {
    root: await world.tokenFor(person('root'), everywhere()),
    ci: await world.tokenFor({ id: 'ci', kind: 'machine' }, demo('view', 'create-release')),
    dev: await world.tokenFor(person('dev'), demo('view', 'promote', 'rollback')),
    ann: await world.tokenFor(person('ann'), demo('view', 'approve')),
    bob: await world.tokenFor(person('bob'), demo('view', 'approve')),
    robot: await world.tokenFor({ id: 'robot', kind: 'machine' }, demo('view', 'approve')),
  };
  const applied = await world.send(team.root, 'POST', '/v1/apply', { documents });
  if (applied.status !== 200) throw new Error(JSON.stringify(applied.body));
  return Object.assign(world, { team });
}
export type Team = Awaited<ReturnType<typeof createTeam>>;

/** Stores bytes as an artifact and returns their digest. */
export async function upload(world: World, as: string, text: string): Promise<string> {
  const digest = nodeCrypto.digest(text);
  const response = await world.app.request(`/v1/artifacts/${digest}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${as}`, 'content-type': 'application/octet-stream' },
    body: text,
  });
  if (!response.ok) throw new Error(await response.text());
  return digest;
}

/** Opens and seals a release of the shop, by CI. */
export async function sealed(
  world: Team,
  name: string,
  contributors: readonly string[] = [],
): Promise<string> {
  const { ci } = world.team;
  const opened = await world.send(ci, 'POST', '/v1/releases', {
    project: 'demo',
    service: 'shop',
    name,
    commit: 'abcdef1',
    contributors,
  });
  const digest = await upload(world, ci, name);
  const done = await world.send(ci, 'POST', `/v1/releases/demo/shop/${name}/seal`, {
    artifact: { name: `${name}.tar`, digest },
  });
  if (opened.status !== 200 || done.status !== 200) throw new Error(JSON.stringify([opened.body, done.body]));
  return digest;
}
