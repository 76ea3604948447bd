import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Pool } from 'pg';
import { type EmbeddedServer, startEmbedded } from '../src/store/embedded/start.ts';
import { migrate } from '../src/store/migrate.ts';

const migrations = fileURLToPath(new URL('../src/store/migrations', import.meta.url));

/** A PostgreSQL of a test's own, on a folder that outlives its death: durable as for users, not as for other tests. */
export class MortalDatabase implements AsyncDisposable {
  readonly folder: string;
  readonly #isOwnFolder: boolean;
  #server: EmbeddedServer;

  private constructor(folder: string, isOwnFolder: boolean, server: EmbeddedServer) {
    this.folder = folder;
    this.#isOwnFolder = isOwnFolder;
    this.#server = server;
  }

  /** Starts it with the schema in it; in `folder`, or in one of its own, which it removes. */
  static async start(within?: string): Promise<MortalDatabase> {
    const folder = within ?? (await mkdtemp(join(tmpdir(), 'belay-e2e-postgres-')));
    // As root the server runs as another user, who has to get there.
    await chmod(folder, 0o711);
    const database = new MortalDatabase(folder, within === undefined, await startOn(folder));
    const pool = new Pool({ ...database.connection, max: 1 });
    const migrated = await migrate(pool, { folder: migrations });
    await pool.end();
    if (!migrated.ok) throw new Error(migrated.error.message);
    return database;
  }

  get connection(): EmbeddedServer['connection'] {
    return this.#server.connection;
  }

  /** SIGKILL of the postmaster; resolves when it is gone. */
  async kill(): Promise<void> {
    process.kill(this.#server.pids.postmaster, 'SIGKILL');
    await this.#server.exited;
  }

  get exited(): Promise<unknown> {
    return this.#server.exited;
  }

  /** Starts it again on the same data and port. */
  async restart(): Promise<void> {
    const { port } = this.connection;
    await this.#server.stop('immediate');
    this.#server = await startOn(this.folder, port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop('immediate');
    await rm(join(this.folder, 'postgres'), { recursive: true, force: true });
    if (this.#isOwnFolder) await rm(this.folder, { recursive: true, force: true });
  }
}

async function startOn(folder: string, port?: number): Promise<EmbeddedServer> {
  const started = await startEmbedded({
    data: { kind: 'folder', path: join(folder, 'postgres') },
    ...(port === undefined ? {} : { port }),
  });
  if (!started.ok) throw new Error(`${started.error.message} (${started.error.fix})`);
  return started.value;
}
