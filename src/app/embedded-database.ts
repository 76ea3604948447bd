import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Client, Pool } from 'pg';
import { err, ok, type Result } from '../core/model/result.ts';
import type { Connection } from '../store/embedded/postmaster.ts';
import { type EmbeddedData, type EmbeddedServer, startEmbedded } from '../store/embedded/start.ts';
import { migrate } from '../store/migrate.ts';

/** An embedded PostgreSQL with the schema in it, and how the server's own role gets in. */
export interface EmbeddedDatabase {
  readonly server: EmbeddedServer;
  /** As the role that may add to the ledger and not change it. Its password is new at every start. */
  readonly serverUrl: string;
}

export interface StartFailure {
  readonly message: string;
  readonly fix: string;
}

const migrationsFolder = fileURLToPath(new URL('../store/migrations', import.meta.url));

/** Starts PostgreSQL, migrates as its owner, and lets the server's role in. Nothing runs on after a failure. */
export async function startEmbeddedDatabase(
  data: EmbeddedData,
  signal: AbortSignal,
): Promise<Result<EmbeddedDatabase, StartFailure>> {
  const started = await startEmbedded({ data, signal });
  if (!started.ok) return err({ message: started.error.message, fix: started.error.fix });
  const server = started.value;
  try {
    const prepared = await prepare(server.connection);
    if (prepared.ok) return ok({ server, serverUrl: prepared.value });
    await server.stop('fast');
    return prepared;
  } catch (error) {
    await server.stop('fast');
    throw error;
  }
}

async function prepare(connection: Connection): Promise<Result<string, StartFailure>> {
  const pool = new Pool({ ...connection, max: 1 });
  const migrated = await migrate(pool, { folder: migrationsFolder });
  await pool.end();
  if (!migrated.ok) {
    return err({
      message: migrated.error.message,
      fix: 'use the version of Belay that this data belongs to, or another --data folder',
    });
  }
  const password = randomBytes(18).toString('base64url');
  const owner = new Client({ ...connection });
  await owner.connect();
  await owner.query(`alter role belay_server password '${password}'`);
  await owner.end();
  const { host, port, database } = connection;
  return ok(`postgres://belay_server:${encodeURIComponent(password)}@${host}:${port}/${database}`);
}
