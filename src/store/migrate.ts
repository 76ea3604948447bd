import type { ClientBase, Pool } from 'pg';
import { err, ok } from '../core/model/result.ts';
import type { Result } from '../core/model/result.ts';
import { lineAt, readMigrations } from './migration-files.ts';
import type { BadMigrationFile, Migration } from './migration-files.ts';

/**
 * Why a schema cannot be brought, or is not, where this program needs it.
 *
 * - `bad-file`: a file of the folder cannot be a migration
 * - `schema-newer`: the database has migrations that this program does not know; it must not touch it
 * - `edited`: a migration was changed after it had been applied
 * - `breaking`: a pending migration shuts out servers that may still run
 * - `lock-timeout`: somebody holds a lock that a migration needs; nothing was changed by that migration
 * - `failed`: PostgreSQL refused a statement; nothing was changed by that migration
 */
export type MigrationError =
  | BadMigrationFile
  | {
      readonly code: 'schema-newer';
      readonly message: string;
      readonly known: number;
      readonly found: number;
    }
  | { readonly code: 'edited' | 'breaking' | 'lock-timeout'; readonly message: string; readonly file: string }
  | {
      readonly code: 'failed';
      readonly message: string;
      readonly file: string;
      /** Line in the file, from 1, where PostgreSQL says. */
      readonly line: number | undefined;
      readonly sqlState: string;
    };

export interface MigrateOptions {
  /** Folder of the numbered files. */
  readonly folder: string;
  /** Apply breaking migrations to a schema in use too: the caller knows that no older server runs. */
  readonly allowBreaking?: boolean;
  /** How long one statement may wait for a lock, and so make others wait behind it; 5,000 ms unless told. */
  readonly lockTimeoutMs?: number;
}

/** `version` is the number of the last migration, 0 if there is none; `applied` names what this call applied. */
export interface MigrationReport {
  readonly version: number;
  readonly applied: readonly string[];
}

/** What `inspectSchema` finds: the names that are still to apply, in order. */
export interface SchemaState {
  readonly version: number;
  readonly pending: readonly Migration[];
}

interface AppliedRow {
  readonly number: number;
  readonly name: string;
  readonly digest: string;
}

// Any constant does, as long as no other lock of ours has it: "belay" in ASCII.
const LOCK_KEY = '422608396665';

const UNDEFINED_TABLE = '42P01';
const LOCK_NOT_AVAILABLE = '55P03';

/**
 * Brings the schema to the last migration of the folder: each file in one transaction. Peers may do the same at once;
 * each migration is applied by one of them. Stops at the first error; what was applied before stays.
 */
export async function migrate(
  pool: Pool,
  options: MigrateOptions,
): Promise<Result<MigrationReport, MigrationError>> {
  const files = readMigrations(options.folder);
  if (!files.ok) return files;
  const client = await pool.connect();
  let sound = false;
  try {
    const result = await migrateWith(client, files.value, options);
    sound = true;
    return result;
  } finally {
    client.release(!sound); // a client that threw may be inside a transaction: close it
  }
}

async function migrateWith(
  client: ClientBase,
  files: readonly Migration[],
  options: MigrateOptions,
): Promise<Result<MigrationReport, MigrationError>> {
  await createTable(client);
  const state = compare(files, await readApplied(client));
  if (!state.ok) return state;
  const applied: string[] = [];
  for (const migration of state.value.pending) {
    const fresh = state.value.version === 0;
    if (migration.breaking && !fresh && options.allowBreaking !== true) {
      return err({
        code: 'breaking',
        file: migration.name,
        message: `${migration.name} shuts out servers of the release before: stop them, then allow breaking migrations`,
      });
    }
    const outcome = await apply(client, migration, options.lockTimeoutMs ?? 5000);
    if (!outcome.ok) return outcome;
    if (outcome.value === 'applied') applied.push(migration.name);
  }
  // A peer of a newer release may have gone further meanwhile.
  const end = compare(files, await readApplied(client));
  return end.ok ? ok({ version: end.value.version, applied }) : end;
}

/** Compares the schema with the folder and changes nothing. For servers that start, and from time to time later. */
export async function inspectSchema(
  client: ClientBase | Pool,
  folder: string,
): Promise<Result<SchemaState, MigrationError>> {
  const files = readMigrations(folder);
  return files.ok ? compare(files.value, await readApplied(client)) : files;
}

/** In its own transaction, behind the lock: "create if not exists" alone fails when two do it at once. */
async function createTable(client: ClientBase): Promise<void> {
  await client.query(`
    begin;
    select pg_advisory_xact_lock(${LOCK_KEY});
    set local client_min_messages = warning;
    create table if not exists schema_migration (
      number integer primary key,
      name text not null,
      digest text not null,
      breaking boolean not null,
      applied_at timestamptz not null default now()
    );
    commit;`);
}

async function readApplied(client: ClientBase | Pool): Promise<readonly AppliedRow[]> {
  try {
    const { rows } = await client.query<AppliedRow>(
      'select number, name, digest from schema_migration order by number',
    );
    return rows;
  } catch (problem) {
    if (sqlStateOf(problem) === UNDEFINED_TABLE) return [];
    throw problem;
  }
}

function compare(
  files: readonly Migration[],
  rows: readonly AppliedRow[],
): Result<SchemaState, MigrationError> {
  const found = rows.at(-1)?.number ?? 0;
  if (found > files.length) {
    const message = `the database's schema is version ${found}, this program knows ${files.length}: use a newer one`;
    return err({ code: 'schema-newer', message, known: files.length, found });
  }
  for (const row of rows) {
    const file = files[row.number - 1];
    if (file?.digest !== row.digest) {
      const message = `${row.name} is not what was applied (now ${file?.name ?? 'missing'}): put it back, and add a new migration`;
      return err({ code: 'edited', file: row.name, message });
    }
  }
  const done = new Set(rows.map((row) => row.number));
  return ok({ version: found, pending: files.filter((file) => !done.has(file.number)) });
}

/**
 * The row goes in first: a peer that was faster holds the same number, so that we find out before we change anything.
 * The advisory lock makes us wait for it instead of failing on what it has half done.
 */
async function apply(
  client: ClientBase,
  migration: Migration,
  lockTimeoutMs: number,
): Promise<Result<'applied' | 'by-a-peer', MigrationError>> {
  await client.query('begin');
  try {
    await client.query('set local statement_timeout = 0');
    await client.query('set local lock_timeout = 0');
    await client.query('select pg_advisory_xact_lock($1)', [LOCK_KEY]);
    const inserted = await client.query(
      `insert into schema_migration (number, name, digest, breaking) values ($1, $2, $3, $4)
       on conflict (number) do nothing`,
      [migration.number, migration.name, migration.digest, migration.breaking],
    );
    if (inserted.rowCount === 0) {
      await client.query('rollback');
      return ok('by-a-peer');
    }
    await client.query(`set local lock_timeout = ${Math.trunc(lockTimeoutMs)}`);
    await client.query(migration.sql);
    await client.query('commit');
    return ok('applied');
  } catch (problem) {
    const sqlState = sqlStateOf(problem);
    if (sqlState === undefined) throw problem; // the connection broke, or a bug: not a word about the migration
    await client.query('rollback');
    return err(failure(migration, problem as Error & { position?: string }, sqlState));
  }
}

function failure(
  migration: Migration,
  problem: Error & { position?: string },
  sqlState: string,
): MigrationError {
  const file = migration.name;
  if (sqlState === LOCK_NOT_AVAILABLE) {
    return {
      code: 'lock-timeout',
      file,
      message: `${file}: a lock was not free in time (${problem.message}); try again`,
    };
  }
  const line =
    problem.position === undefined ? undefined : lineAt(migration.sql, Number(problem.position) - 1);
  return {
    code: 'failed',
    file,
    line,
    sqlState,
    message: `${file}${line === undefined ? '' : ` line ${line}`}: ${problem.message}`,
  };
}

/** The five characters that PostgreSQL gives its errors; undefined for anything else. */
function sqlStateOf(problem: unknown): string | undefined {
  const code = (problem as { code?: unknown }).code;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}
