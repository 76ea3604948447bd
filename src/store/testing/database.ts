import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Client, Pool, type PoolConfig } from 'pg';
import type { Connection } from '../embedded/postmaster.ts';
import { throwawaySettings } from '../embedded/settings.ts';
import { startEmbedded } from '../embedded/start.ts';
import type { EmbeddedServer } from '../embedded/start.ts';
import { migrate } from '../migrate.ts';
import { readMigrations } from '../migration-files.ts';

/** A database of one test's own. */
export interface TestDatabase {
  readonly connection: Connection;
  readonly pool: Pool;
  /** A further pool as another role; it ends with the database. */
  poolAs(role: string): Pool;
  /** Closes the pool and drops the database, whoever is still connected. */
  drop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const MIGRATIONS = fileURLToPath(new URL('../migrations', import.meta.url));

let server: Promise<EmbeddedServer> | undefined;
const templates = new Map<string, Promise<string>>();
let made = 0;

/**
 * The PostgreSQL server of this process, started when first asked for and gone with the process. PGBIN names a folder
 * with other server programs, so that the same tests run on several versions.
 */
export function testServer(): Promise<EmbeddedServer> {
  return (server ??= startTestServer());
}

async function startTestServer(): Promise<EmbeddedServer> {
  const folder = process.env['PGBIN'];
  const started = await startEmbedded({
    data: { kind: 'temporary' },
    settings: throwawaySettings,
    ...(folder === undefined || folder === '' ? {} : { binaries: folder }),
  });
  if (!started.ok)
    throw new Error(`no PostgreSQL for tests: ${started.error.message} (${started.error.fix})`);
  started.value.unref();
  process.once('beforeExit', () => void started.value.stop('immediate'));
  return started.value;
}

/**
 * A new database with the migrations of `folder` (those of the store unless told) applied, copied from a template that
 * is migrated once in a process.
 */
export async function createTestDatabase(folder = MIGRATIONS): Promise<TestDatabase> {
  const { connection } = await testServer();
  const template = await templateFor(connection, folder);
  made += 1;
  const database = `test_${made}`;
  await administer(connection, `create database ${database} template ${template}`);
  const own = { ...connection, database };
  const pools: Pool[] = [];
  const open = (options: PoolConfig): Pool => {
    const opened = new Pool({ ...own, max: 10, ...options });
    opened.on('error', () => {}); // an idle connection that the server ends is no failure of the test
    pools.push(opened);
    return opened;
  };
  const pool = open({});
  let dropped: Promise<void> | undefined;
  const end = async (): Promise<void> => {
    await Promise.all(pools.map((one) => one.end()));
    await administer(connection, `drop database ${database} with (force)`);
  };
  const drop = (): Promise<void> => (dropped ??= end());
  const poolAs = (role: string): Pool => open({ options: `-c role=${role}` });
  return { connection: own, pool, poolAs, drop, [Symbol.asyncDispose]: drop };
}

function templateFor(connection: Connection, folder: string): Promise<string> {
  const files = readMigrations(folder);
  if (!files.ok) throw new Error(files.error.message);
  const digest = createHash('sha256')
    .update(files.value.map((file) => file.digest).join())
    .digest('hex');
  const name = `template_${digest.slice(0, 16)}`;
  const known = templates.get(name) ?? makeTemplate(connection, folder, name);
  templates.set(name, known);
  return known;
}

async function makeTemplate(connection: Connection, folder: string, name: string): Promise<string> {
  await administer(connection, `create database ${name}`);
  const pool = new Pool({ ...connection, database: name, max: 1 });
  const migrated = await migrate(pool, { folder });
  await pool.end();
  if (!migrated.ok) throw new Error(migrated.error.message);
  return name;
}

async function administer(connection: Connection, statement: string): Promise<void> {
  const client = new Client({ ...connection });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
