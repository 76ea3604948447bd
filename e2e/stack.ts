import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pool } from 'pg';
import { Client } from '../src/app/demo/client.ts';
import { Undo } from '../src/app/demo/stack.ts';
import { agentFolder } from '../src/app/drivers.ts';
import { packArchive } from '../src/drivers/local/archive.ts';
import { createLocalDriver } from '../src/drivers/local/driver.ts';
import { type AgentProcess, type StartOptions, startAgentProcess } from '../src/drivers/local/start-agent.ts';
import { ApplyAnswer, type EndedView, ReleaseView, SlotList, type SlotView } from '../src/server/schemas.ts';
import type { Connection } from '../src/store/embedded/postmaster.ts';
import { createTestDatabase } from '../src/store/testing/database.ts';
import { Customers } from './customers.ts';
import { slot, tinyDocuments } from './documents.ts';
import { eventually } from './eventually.ts';
import { type ServerOptions, type ServerProcess, startServerProcess } from './server-process.ts';
import { type TinyVersion, writeTiny } from './tiny.ts';

const serverPassword = 'only-on-loopback';

/** What a stack is made of, where it is not the usual. */
export interface StackOptions {
  /** A database with the schema in it, as its owner; without it one of the test's own. */
  readonly database?: Connection;
  readonly stepAtLeast?: string;
  readonly onControlPlaneLoss?: StartOptions['slots'][number]['onControlPlaneLoss'];
}

/** A database, an agent that serves the slot, customers behind its edge; and servers, as many as a test starts. */
export class Stack implements AsyncDisposable {
  readonly folder: string;
  readonly pool: Pool;
  readonly agent: AgentProcess;
  readonly #undo: Undo;
  readonly #serverUrl: string;
  readonly #digests = new Map<string, string>();
  #customers: Customers | undefined;
  #token = '';
  #verifierKey = '';
  /** Whom commands go to. */
  #url = '';

  private constructor(
    undo: Undo,
    parts: {
      readonly folder: string;
      readonly pool: Pool;
      readonly agent: AgentProcess;
      readonly serverUrl: string;
    },
  ) {
    this.#undo = undo;
    this.folder = parts.folder;
    this.pool = parts.pool;
    this.agent = parts.agent;
    this.#serverUrl = parts.serverUrl;
  }

  /** Starts a stack with one server, the documents applied, and v1 promoted. */
  static async withV1(options: StackOptions = {}): Promise<{ stack: Stack; server: ServerProcess }> {
    const undo = new Undo();
    try {
      const stack = await Stack.#start(undo, options);
      const server = await stack.startServer();
      const documents = tinyDocuments(options.stepAtLeast ?? '600ms');
      await stack.client.post('/v1/apply', { documents }, ApplyAnswer);
      await stack.openRelease({ name: 'v1', failEvery: 0 });
      await stack.seal('v1');
      await stack.end('v1');
      stack.#openDoors();
      return { stack, server };
    } catch (error) {
      await undo.run();
      throw error;
    }
  }

  static async #start(undo: Undo, options: StackOptions): Promise<Stack> {
    const folder = await mkdtemp(join(tmpdir(), 'belay-e2e-'));
    undo.add(() => rm(folder, { recursive: true, force: true }));
    const connection = options.database ?? (await ownDatabase(undo));
    const pool = new Pool({ ...connection, max: 3 });
    pool.on('error', () => undefined); // a database that a test kills
    undo.add(() => pool.end());
    await pool.query(`alter role belay_server password '${serverPassword}'`);
    const { host, port, database } = connection;
    await Promise.all(
      ['secrets', 'server/artifacts'].map((name) => mkdir(join(folder, name), { recursive: true })),
    );
    const started = await startAgentProcess({
      folder: agentFolder(join(folder, 'agents'), slot),
      artifacts: join(folder, 'server', 'artifacts'),
      secrets: join(folder, 'secrets'),
      environment: slot.environment,
      slots: [
        {
          project: slot.project,
          service: slot.service,
          ...(options.onControlPlaneLoss === undefined
            ? {}
            : { onControlPlaneLoss: options.onControlPlaneLoss }),
        },
      ],
      parentPid: process.pid,
    });
    if (!started.ok) throw new Error(started.error);
    const agent = started.value;
    undo.add(() => agent.stop());
    const serverUrl = `postgres://belay_server:${serverPassword}@${host}:${port}/${database}`;
    return new Stack(undo, { folder, pool, agent, serverUrl });
  }

  /** Customers come once there is something for them. */
  #openDoors(): void {
    const customers = new Customers(this.agent.edge(slot.project, slot.service) ?? '');
    this.#undo.add(() => customers.stop());
    this.#customers = customers;
  }

  get customers(): Customers {
    if (this.#customers === undefined) throw new Error('there is nothing for customers yet');
    return this.#customers;
  }

  /** The API, as the administrator, at the server that was started last. */
  get client(): Client {
    return new Client(this.#url, this.#token);
  }

  get url(): string {
    return this.#url;
  }

  get token(): string {
    return this.#token;
  }

  get verifierKey(): string {
    return this.#verifierKey;
  }

  get agentsFolder(): string {
    return join(this.folder, 'agents');
  }

  /** Starts a server on this stack; commands go to it from now on. */
  async startServer(options: Pick<ServerOptions, 'entry' | 'environment'> = {}): Promise<ServerProcess> {
    const server = await startServerProcess({
      databaseUrl: this.#serverUrl,
      data: join(this.folder, 'server'),
      agents: this.agentsFolder,
      ...options,
    });
    this.#undo.add(() => server.stop('SIGTERM'));
    this.#url = server.url;
    this.#token = server.token ?? this.#token;
    this.#verifierKey = server.verifierKey;
    return server;
  }

  /** Opens a release and uploads its artifact; sealed, it asks for its promotion by itself. */
  async openRelease(version: TinyVersion): Promise<void> {
    const release = { project: slot.project, service: slot.service, name: version.name };
    const { bytes, digest } = await this.#pack(version);
    await this.client.post(
      '/v1/releases',
      { ...release, commit: Buffer.from(version.name.padEnd(20, '.')).toString('hex') },
      ReleaseView,
    );
    await this.client.putBytes(`/v1/artifacts/${digest}`, bytes);
    this.#digests.set(version.name, digest);
  }

  /** The digest of a release's artifact. */
  digest(release: string): string {
    return this.#digests.get(release) ?? '';
  }

  async seal(release: string): Promise<void> {
    const artifact = { name: `${release}.tar.gz`, digest: this.digest(release) };
    await this.client.post(
      `/v1/releases/${slot.project}/${slot.service}/${release}/seal`,
      { artifact },
      ReleaseView,
    );
  }

  async #pack(version: TinyVersion): ReturnType<typeof packArchive> {
    const folder = join(this.folder, 'build', version.name);
    await writeTiny(folder, version);
    return packArchive(folder);
  }

  async slot(): Promise<SlotView | undefined> {
    return (await this.client.get(`/v1/slots?project=${slot.project}`, SlotList)).slots[0];
  }

  /** How a release's promotion ended. */
  end(release: string, withinMs?: number): Promise<EndedView> {
    return eventually(
      `${release} ends`,
      async () => (await this.slot())?.ended.find((end) => end.release === release),
      withinMs,
    );
  }

  /** The weights at the edge, read from the agent itself. */
  async weights(): Promise<Readonly<Record<string, number>>> {
    const driver = createLocalDriver(agentFolder(this.agentsFolder, slot));
    const seen = await driver.observer.observe(slot, AbortSignal.timeout(5_000));
    if (!seen.ok) throw new Error(seen.error.message);
    return Object.fromEntries(
      seen.value.weights.filter((w) => w.weight > 0).map((w) => [w.release, w.weight]),
    );
  }

  /** Resolves once the edge gives a release exactly this share. */
  async untilWeight(release: string, weight: number): Promise<void> {
    await eventually(
      `${release} at ${weight} %`,
      async () => ((await this.weights())[release] ?? 0) === weight,
    );
  }

  /** Resolves once the server has read back that the canary has its share, and waits for the step's time. */
  async untilStepReached(release: string): Promise<void> {
    await eventually(`${release} reaches a step`, async () => {
      const promotion = (await this.slot())?.promotions.find((one) => one.release === release);
      return promotion?.waits.some((wait) => wait.reason.code === 'step-time') === true;
    });
  }

  /** Resolves once customers have had this many answers of a release. */
  async untilServed(release: string, requests: number): Promise<void> {
    await eventually(
      `${requests} requests on ${release}`,
      () => this.customers.requests(release) >= requests,
    );
  }

  /** Resolves once a release has had so many answers in a row, and no other release any. */
  async untilOnlyServedBy(release: string, inARow: number): Promise<void> {
    let others = -1;
    let from = 0;
    await eventually(`only ${release} answers`, () => {
      const own = this.customers.requests(release);
      const of = this.customers.answered - own;
      if (of !== others) [others, from] = [of, own];
      return own - from >= inARow;
    });
  }

  /** Ends everything that was started, the last first, and removes the folder; throws what could not be undone. */
  async [Symbol.asyncDispose](): Promise<void> {
    const problems = await this.#undo.run();
    if (problems.length > 0) throw new AggregateError(problems, 'the stack could not be taken down');
  }
}

async function ownDatabase(undo: Undo): Promise<Connection> {
  const database = await createTestDatabase();
  undo.add(() => database.drop());
  return database.connection;
}
