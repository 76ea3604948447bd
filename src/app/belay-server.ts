import { readFileSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { Pool } from 'pg';
import { type Logger, pino } from 'pino';
import { formatVerifierKey } from '../core/ledger/verifier-key.ts';
import type { NoteSigner } from '../core/ledger/note.ts';
import { ok, type Result, err } from '../core/model/result.ts';
import { type SlotKey, slotStream } from '../core/model/name.ts';
import { nodeCrypto } from '../engine/crypto.ts';
import { Clusters } from '../drivers/kubernetes/clusters.ts';
import type { WorkerEvent } from '../engine/worker.ts';
import { exportEvidence } from '../evidence/export.ts';
import { tarOf } from '../evidence/pack-files.ts';
import type { ArtifactStore } from '../ports/artifacts.ts';
import type { EnvironmentDriver } from '../ports/environment.ts';
import type { EngineStore } from '../ports/store.ts';
import { createApp } from '../server/app.ts';
import { LeafFeed } from '../server/leaf-feed.ts';
import { createMetrics, type InjectedGauge } from '../server/metrics.ts';
import type { EvidenceExporter, LedgerReader, ServerParts } from '../server/parts.ts';
import { startServer } from '../server/start.ts';
import { proofOf, readCheckpoint } from '../store/checkpoints.ts';
import { PostgresEngineStore } from '../store/engine-store.ts';
import { Folds } from '../store/folds.ts';
import { Hints, listenForHints } from '../store/hints.ts';
import { inspectSchema } from '../store/migrate.ts';
import type { ServerConfig } from './config.ts';
import { documentLint } from './document-lint.ts';
import { appliedEnvironment, driverRegistry } from './drivers.ts';
import { firstToken } from './first-token.ts';
import { metricsCheck } from './metrics-check.ts';
import { openState, type ServerState } from './server-state.ts';
import { startSideJobs } from './side-jobs.ts';
import { StartRefused } from './start-refused.ts';
import { startWorkers } from './workers.ts';

/** A running server: API, workers and sequencer in one process. */
export interface BelayServer {
  readonly url: string;
  /** The log's public key, in the text form that `evidence verify --key` takes. */
  readonly verifierKey: string;
  /** The first admin token, only at the start that made it. */
  readonly bootstrapToken: string | null;
  readonly pool: Pool;
  readonly folds: Folds;
  /** Takes no more requests, lets what is in hand finish, and lets go of the database. */
  readonly stop: () => Promise<void>;
}

/** What differs from the usual: when work begins, and parts that tests break on purpose. */
export interface StartOptions {
  /** Until it resolves the API answers, and nothing outside is looked at or changed. It must not reject. */
  readonly workAfter?: Promise<void>;
  readonly store?: (real: EngineStore) => EngineStore;
  readonly driver?: (real: EnvironmentDriver) => EnvironmentDriver;
}

const connections = 16;
/** Requests a second and at once that one token may make. */
const quota = { perSecond: 100, burst: 300 };
/** While something moves it is looked at, and scraped, once a second; an open effect is read back sooner. */
const pace = { effect: 150, moving: 1_000, idle: 10_000 };
const concurrency = { turn: 16, observe: 16, effect: 16 };
const migrationsFolder = fileURLToPath(new URL('../store/migrations', import.meta.url));

/** Starts a server. What was started before a refusal is stopped again. */
export async function startBelay(config: ServerConfig, options: StartOptions = {}): Promise<BelayServer> {
  const log = pino({ level: config.logLevel, base: null }, pino.destination({ dest: 2, sync: false }));
  const clusters = new Clusters(process.env, () => Date.now());
  const pool = new Pool({ connectionString: config.databaseUrl, max: connections });
  pool.on('error', (error) => log.warn({ error: error.message }, 'an idle database connection was lost'));
  try {
    const state = await openState(config, pool, clusters);
    await refuseOtherSchema(pool);
    return await run(config, options, { log, pool, clusters, state });
  } catch (error) {
    await pool.end();
    throw error;
  }
}

/** A server works only on the schema that it knows. */
async function refuseOtherSchema(pool: Pool): Promise<void> {
  const schema = await inspectSchema(pool, migrationsFolder).catch((error: Error & { code?: string }) => {
    throw new StartRefused(`the database does not let us in: ${error.message || (error.code ?? error.name)}`);
  });
  if (!schema.ok) throw new StartRefused(schema.error.message);
  const [first] = schema.value.pending;
  if (first !== undefined) {
    throw new StartRefused(`the database lacks migration ${first.name}; migrate it as its owner first`);
  }
}

interface Base {
  readonly log: Logger;
  readonly pool: Pool;
  readonly clusters: Clusters;
  readonly state: ServerState;
}

async function run(config: ServerConfig, options: StartOptions, base: Base): Promise<BelayServer> {
  const { log, pool, clusters } = base;
  const { signer, keeper, artifacts } = base.state;
  // First of all: after it nothing can fail but the listening, which stops what was started.
  const bootstrapToken = await firstToken(pool, config.firstTokenFile);
  const folds = new Folds(pool);
  const feed = new LeafFeed(pool);
  let wakeWorkers = (): void => undefined;
  const hints = new Hints(pool, () => wakeWorkers());
  const store = new PostgresEngineStore(pool, folds, hints.send);
  const workers = startWorkers(
    {
      store: options.store?.(store) ?? store,
      crypto: nodeCrypto,
      driverFor: driverOf(config, artifacts, folds, clusters, options),
      pace,
      concurrency,
      report: teller(log),
    },
    (lane, error) => log.error({ lane, error: String(error) }, 'the store could not be reached'),
    options.workAfter,
  );
  wakeWorkers = workers.hint;
  const listening = listenForHints({ connectionString: config.databaseUrl }, workers.hint);
  const sideJobs = startSideJobs({
    pool,
    folds,
    log,
    config,
    sequencer: { pool, signer, keeper, now: () => Date.now(), adopt: config.adoptLedger },
  });
  const stopWork = async (): Promise<void> => {
    await Promise.all([workers.stop(), listening.stop(), sideJobs.stop()]);
    await clusters.close();
  };
  const closing = new AbortController();
  const parts: ServerParts = {
    pool,
    folds,
    crypto: nodeCrypto,
    hint: hints.send,
    artifacts,
    log,
    metrics: createMetrics(gauges(pool)),
    feed,
    quota,
    closing: closing.signal,
    lintDocuments: documentLint,
    checkSources: metricsCheck(config.secretsFolder ?? null),
    evidence: evidenceExporter(pool, signer),
    ledger: ledgerReader(pool),
  };
  const served = await startServer({
    app: createApp(parts),
    host: config.host,
    port: config.port,
    closing,
    ...tlsOf(config),
  });
  if (!served.ok) {
    await stopWork();
    throw new StartRefused(served.error.message);
  }
  return {
    url: served.value.url,
    verifierKey: formatVerifierKey(signer.key),
    bootstrapToken,
    pool,
    folds,
    stop: async () => {
      await served.value.close();
      await stopWork();
      await pool.end();
    },
  };
}

function driverOf(
  config: ServerConfig,
  artifacts: ArtifactStore,
  folds: Folds,
  clusters: Clusters,
  options: StartOptions,
): (slot: SlotKey) => EnvironmentDriver {
  const real = driverRegistry({
    agentsFolder: config.agentsFolder ?? null,
    secretsFolder: config.secretsFolder ?? null,
    artifacts,
    environmentOf: appliedEnvironment(folds),
    clusters,
  });
  return (slot) => options.driver?.(real(slot)) ?? real(slot);
}

function tlsOf(config: ServerConfig): { readonly tls?: { readonly key: string; readonly cert: string } } {
  if (config.tlsKeyFile === undefined || config.tlsCertFile === undefined) return {};
  return {
    tls: { key: readFileSync(config.tlsKeyFile, 'utf8'), cert: readFileSync(config.tlsCertFile, 'utf8') },
  };
}

/** A reason for which there are no samples is told again after this long. */
const tellAgainMs = 60_000;

function teller(log: Logger): (event: WorkerEvent) => void {
  const told = new Map<string, number>();
  return (event) => {
    if (event.event !== 'no-samples') return tell(log, event);
    const key = `${slotStream(event.slot)} ${event.why.message}`;
    const now = performance.now();
    if (now - (told.get(key) ?? -Infinity) < tellAgainMs) return;
    if (told.size > 1_000) told.clear();
    told.set(key, now);
    tell(log, event);
  };
}

function tell(log: Logger, event: WorkerEvent): void {
  switch (event.event) {
    case 'no-samples':
      log.warn(
        { slot: event.slot, code: event.why.code, why: event.why.message },
        'there are no samples, so what is measured decides nothing',
      );
      return;
    case 'lint-stopped':
      log.error(
        { slot: event.slot, findings: event.findings },
        'a decision would break an invariant and was not taken',
      );
      return;
    case 'work-failed':
      log.error(
        { slot: event.slot, lane: event.lane, error: String(event.error) },
        'work on a slot failed; it is taken up again',
      );
  }
}

function evidenceExporter(pool: Pool, signer: NoteSigner): EvidenceExporter {
  return async ({ project, service, name }) => {
    const exported = await exportEvidence(
      { pool, signer, crypto: nodeCrypto },
      { project, service, release: name },
    );
    if (exported.ok) return ok(new Uint8Array(await buffer(tarOf(exported.value))));
    const { code, message } = exported.error;
    return err({ code: code === 'no-such-release' ? ('not-found' as const) : ('not-yet' as const), message });
  };
}

const ledgerReader = (pool: Pool): LedgerReader => ({
  checkpoint: async () => (await readCheckpoint(pool))?.note ?? null,
  proof: async (stream, seq) => orNull(await proofOf(pool, stream, seq)),
});

const orNull = <T>(result: Result<T, unknown>): T | null => (result.ok ? result.value : null);

/** What an operator watches: how far work lags behind, and how much waits for the tree. */
const gauges = (pool: Pool): readonly InjectedGauge[] => {
  const read = (text: string) => async (): Promise<number | null> => {
    const { rows } = await pool.query<{ n: string | null }>(text);
    return rows[0]?.n === null || rows[0] === undefined ? null : Number(rows[0].n);
  };
  return [
    {
      name: 'belay_turn_lag_seconds',
      help: 'How long the oldest turn that is due has been due.',
      read: read(
        "select greatest(0, now_ms() - min(due_at)) / 1000.0 as n from work where lane = 'turn' and due_at <= now_ms()",
      ),
    },
    {
      name: 'belay_entries_unsequenced',
      help: 'Entries that are committed and not yet in the tree.',
      read: read('select count(*) as n from unsequenced'),
    },
  ];
};
