import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '../../../src/app/demo/client.ts';
import { Undo } from '../../../src/app/demo/stack.ts';
import type { BelayDocumentInput } from '../../../src/core/model/documents.ts';
import { digestOf } from '../../../src/drivers/local/archive.ts';
import {
  ApplyAnswer,
  type EndedView,
  PromotionRequested,
  ReleaseView,
  SlotList,
  type SlotView,
} from '../../../src/server/schemas.ts';
import { readBefore } from '../../../src/store/history.ts';
import { historyView } from '../../../src/server/views/entry-view.ts';
import { createTestDatabase, type TestDatabase } from '../../../src/store/testing/database.ts';
import { eventually } from '../../eventually.ts';
import { type ServerOptions, type ServerProcess, startServerProcess } from '../../server-process.ts';
import { makePlace, type Place, testCluster } from './cluster.ts';
import { GatewayCustomers } from './gateway-customers.ts';
import { Outside } from './outside.ts';
import { serverAccount } from './server-account.ts';
import { traceOf } from './trace.ts';
import { traceChart } from './trace-chart.ts';
import { bundleOf, pushVersion, type Version, type VersionImage } from './versions.ts';

const serverPassword = 'only-on-loopback';
const apiVersion = 'belay.dev/v1alpha1';
export const slot = { project: 'demo', environment: 'live', service: 'tiny' } as const;

/** What a journey's pipeline has other than usual. */
export interface StackOptions {
  readonly rollout?: object;
  /** Of the gate `errors`: with a latency it judges by that too. */
  readonly latency?: object | null;
  /** Where the server reads the gateway's counters. */
  readonly statistics?: string;
  /** Where samples come from instead. */
  readonly metrics?: (place: Place) => object;
}

/** `context` is null for a server that runs in the cluster itself. */
export const documents = (
  place: Place,
  { rollout = {}, latency = null, statistics = place.cluster.envoyUrl, metrics }: StackOptions = {},
  context: string | null = 'server',
): readonly BelayDocumentInput[] => [
  { apiVersion, kind: 'Project', metadata: { name: slot.project }, spec: { trust: [] } },
  {
    apiVersion,
    kind: 'Environment',
    metadata: { name: slot.environment, project: slot.project },
    spec: {
      driver: 'kubernetes',
      kubernetes: {
        ...(context === null ? {} : { context }),
        namespace: place.namespace,
        gateway: { statistics: [statistics], configuration: [place.cluster.envoyUrl] },
      },
      ...(metrics === undefined ? {} : { metrics: metrics(place) as never }),
      replicas: 2,
      warm: '3s',
    },
  },
  {
    apiVersion,
    kind: 'Pipeline',
    metadata: { name: slot.service, project: slot.project },
    spec: {
      service: slot.service,
      stages: [
        {
          name: slot.environment,
          environment: slot.environment,
          promote: 'auto',
          rollout: { steps: [10, 50, 100], stepAtLeast: '2s', progressDeadline: '60s', ...rollout },
          analysis: [{ kind: 'metric', name: 'errors', errors: { marginPoints: 5 }, latency }],
          verification: [{ kind: 'soak', name: 'soak', healthyFor: '1s' }],
        },
      ],
    },
  },
];

/** A server with its database beside the cluster, a namespace with a route in it, and customers at the gateway. */
export class ClusterStack implements AsyncDisposable {
  readonly place: Place;
  readonly #folder: string;
  readonly #serverUrl: string;
  readonly #database: TestDatabase;
  readonly #undo: Undo;
  #client: Client | undefined;
  #token = '';
  #customers: GatewayCustomers | undefined;
  #outside: Outside | undefined;

  private constructor(
    undo: Undo,
    parts: { place: Place; folder: string; serverUrl: string; database: TestDatabase },
  ) {
    this.#undo = undo;
    this.place = parts.place;
    this.#folder = parts.folder;
    this.#serverUrl = parts.serverUrl;
    this.#database = parts.database;
  }

  /** A stack with one server, the documents applied, v1 promoted and customers on it. `journey` names its trace. */
  static withV1(
    journey: string,
    options: StackOptions = {},
  ): Promise<{ stack: ClusterStack; server: ServerProcess }> {
    return ClusterStack.#make(journey, options, async (stack) => {
      await stack.release({ name: 'v1', failEvery: 0 });
      const end = await stack.end('v1');
      if (end.state !== 'promoted') throw new Error(`v1: ${end.sentence}`);
    });
  }

  /** A stack in a namespace where something serves already, without Belay, with customers on it. */
  static over(
    journey: string,
    existing: (place: Place) => Promise<void>,
  ): Promise<{ stack: ClusterStack; server: ServerProcess }> {
    return ClusterStack.#make(journey, {}, (stack) => existing(stack.place));
  }

  static async #make(
    journey: string,
    options: StackOptions,
    prepare: (stack: ClusterStack) => Promise<void>,
  ): Promise<{ stack: ClusterStack; server: ServerProcess }> {
    const undo = new Undo();
    try {
      const stack = await ClusterStack.#start(undo);
      const server = await stack.startServer();
      await stack.client.post('/v1/apply', { documents: documents(stack.place, options) }, ApplyAnswer);
      await prepare(stack);
      await stack.#openDoors();
      undo.add(() => stack.#leaveTrace(journey));
      return { stack, server };
    } catch (error) {
      await undo.run();
      throw error;
    }
  }

  static async #start(undo: Undo): Promise<ClusterStack> {
    const place = await makePlace(await testCluster(), slot.service);
    undo.add(async () => place[Symbol.asyncDispose]());
    const folder = await mkdtemp(join(tmpdir(), 'belay-cluster-'));
    undo.add(() => rm(folder, { recursive: true, force: true }));
    const database = await createTestDatabase();
    undo.add(() => database.drop());
    await database.pool.query(`alter role belay_server password '${serverPassword}'`);
    await mkdir(join(folder, 'server', 'artifacts'), { recursive: true });
    await serverAccount(place, join(folder, 'kubeconfig'));
    const { host, port, database: name } = database.connection;
    const serverUrl = `postgres://belay_server:${serverPassword}@${host}:${port}/${name}`;
    return new ClusterStack(undo, { place, folder, serverUrl, database });
  }

  /** Keeps what was seen of the journey, JSON and a picture, in the folder that the runner of the tests has named. */
  async #leaveTrace(journey: string): Promise<void> {
    const folder = process.env['BELAY_JOURNEY_TRACES'] ?? '';
    if (folder === '') return;
    await this.lookNoMore();
    const everything = { projects: [slot.project], service: slot.service, environment: slot.environment };
    const entries = await readBefore(this.#database.pool, Number.MAX_SAFE_INTEGER, everything, 2_000);
    const { answers } = this.customers;
    const { looks, counts } = this.outside;
    const seen = { answers, looks, counts, history: entries.map(historyView) };
    const trace = traceOf(journey, seen, performance.timeOrigin);
    await writeFile(join(folder, `${journey}.json`), `${JSON.stringify(trace, null, 1)}\n`);
    await writeFile(join(folder, `${journey}.svg`), traceChart(trace));
  }

  /** Customers come, and the watch from outside begins, once the gateway answers them. */
  async #openDoors(): Promise<void> {
    const { cluster, host } = this.place;
    await eventually('the gateway answers', async () => {
      const customers = new GatewayCustomers(cluster.gatewayUrl, host, 20);
      await eventually('somebody answers', () => customers.answers.length > 0);
      await customers.stop();
      return customers.answers.every(({ problem }) => problem === null);
    });
    const customers = new GatewayCustomers(cluster.gatewayUrl, host);
    this.#undo.add(() => customers.stop());
    const outside = new Outside(this.place, slot.service);
    this.#undo.add(() => outside.stop());
    this.#customers = customers;
    this.#outside = outside;
  }

  /** Ends looking and sending, so that what was seen can be judged. */
  async lookNoMore(): Promise<void> {
    await this.outside.stop();
    await this.customers.stop();
  }

  /** With which the server reaches the cluster. */
  get kubeconfig(): string {
    return join(this.#folder, 'kubeconfig');
  }

  get client(): Client {
    if (this.#client === undefined) throw new Error('no server runs');
    return this.#client;
  }

  get customers(): GatewayCustomers {
    if (this.#customers === undefined) throw new Error('there is nothing for customers yet');
    return this.#customers;
  }

  get outside(): Outside {
    if (this.#outside === undefined) throw new Error('nothing is watched yet');
    return this.#outside;
  }

  /** Starts a server on this stack; commands go to it from now on. */
  async startServer(options: Pick<ServerOptions, 'entry' | 'environment'> = {}): Promise<ServerProcess> {
    const server = await startServerProcess({
      databaseUrl: this.#serverUrl,
      data: join(this.#folder, 'server'),
      agents: join(this.#folder, 'agents'),
      ...options,
      environment: { KUBECONFIG: this.kubeconfig, ...options.environment },
    });
    this.#undo.add(() => server.stop('SIGTERM'));
    this.#token = server.token ?? this.#token;
    this.#client = new Client(server.url, this.#token);
    return server;
  }

  /** Builds and pushes a version, uploads its bundle and opens its release; sealed, it asks for its promotion by itself. */
  async open(version: Version): Promise<() => Promise<void>> {
    return this.openImage(version.name, await pushVersion(this.place.cluster, version));
  }

  /** The same of an image that was pushed, or was not. */
  async openImage(name: string, image: VersionImage): Promise<() => Promise<void>> {
    const bundle = Buffer.from(bundleOf(image));
    const digest = digestOf(bundle);
    const release = { project: slot.project, service: slot.service, name };
    const commit = Buffer.from(name.padEnd(20, '.')).toString('hex');
    await this.client.post('/v1/releases', { ...release, commit }, ReleaseView);
    await this.client.putBytes(`/v1/artifacts/${digest}`, bundle);
    return async () => {
      const path = `/v1/releases/${slot.project}/${slot.service}/${name}/seal`;
      const artifact = { name: image.repository, digest: image.digest, kind: 'image' };
      await this.client.post(path, { artifact, bundle: digest }, ReleaseView);
    };
  }

  async release(version: Version): Promise<void> {
    await (
      await this.open(version)
    )();
  }

  async slot(): Promise<SlotView | undefined> {
    return (await this.client.get(`/v1/slots?project=${slot.project}`, SlotList)).slots[0];
  }

  /** Asks for a promotion, or for a rollback, of a release. */
  async ask(release: string, more: object = {}): Promise<void> {
    const { project, service, environment } = slot;
    const body = { project, service, release, stage: environment, note: 'asked by hand', ...more };
    await this.client.post('/v1/promotions', body, PromotionRequested);
  }

  /** Waits until the route gives a release this share, by the API server. */
  untilWeight(release: string, weight: number): Promise<unknown> {
    return eventually(
      `${release} at ${weight} %`,
      () => (this.outside.looks.at(-1)?.route[release] ?? 0) === weight,
    );
  }

  /** Waits until the open promotion waits for such a reason; returns the sentence. */
  untilWaits(code: string): Promise<string> {
    return eventually(`it waits for ${code}`, async () => {
      const waits = (await this.slot())?.promotions[0]?.waits ?? [];
      return waits.find(({ reason }) => reason.code === code)?.sentence;
    });
  }

  /** How a release's promotion ended. */
  end(release: string, withinMs = 120_000): Promise<EndedView> {
    return eventually(
      `${release} ends`,
      async () => (await this.slot())?.ended.find((end) => end.release === release),
      withinMs,
    );
  }

  /** Ends everything that was started, the last first; throws what could not be undone. */
  async [Symbol.asyncDispose](): Promise<void> {
    const problems = await this.#undo.run();
    if (problems.length > 0) throw new AggregateError(problems, 'the stack could not be taken down');
  }
}
