import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { err, ok } from '../core/model/result.ts';
import type { Result } from '../core/model/result.ts';

/** One numbered file of a migration folder. */
export interface Migration {
  readonly number: number;
  /** The file's name, for example `000001_ledger.sql`. */
  readonly name: string;
  readonly sql: string;
  /** SHA-256 of the text in hexadecimal, with line ends as line feeds. */
  readonly digest: string;
  /** The first line is `-- breaking`: servers of the release before cannot work with the schema after it. */
  readonly breaking: boolean;
}

/** A file that cannot be a migration. */
export interface BadMigrationFile {
  readonly code: 'bad-file';
  readonly file: string;
  readonly message: string;
}

const NAME = /^(\d{6})_[a-z0-9_]+\.sql$/;
const BREAKING = /^--\s*breaking\s*$/;
// Each file is one transaction that also holds the row about it; these would end it half-way.
const TRANSACTION_CONTROL =
  /^[ \t]*(?:begin|commit|rollback|start[ \t]+transaction)(?:[ \t]+(?:work|transaction))?[ \t]*;/im;

/** Reads the migrations of a folder in their order: `000001_name.sql`, `000002_…`, without gaps. */
export function readMigrations(folder: string): Result<readonly Migration[], BadMigrationFile> {
  const migrations: Migration[] = [];
  for (const name of readdirSync(folder).sort()) {
    if (!name.endsWith('.sql')) continue;
    const migration = readMigration(folder, name, migrations.length + 1);
    if (!migration.ok) return migration;
    migrations.push(migration.value);
  }
  return ok(migrations);
}

function readMigration(folder: string, name: string, expected: number): Result<Migration, BadMigrationFile> {
  const refuse = (message: string): Result<never, BadMigrationFile> =>
    err({ code: 'bad-file', file: name, message });
  const number = Number(NAME.exec(name)?.[1]);
  if (Number.isNaN(number)) return refuse(`${name} is not named like 000001_name.sql`);
  if (number !== expected)
    return refuse(`${name} should have the number ${String(expected).padStart(6, '0')}`);
  const sql = readFileSync(join(folder, name), 'utf8').replaceAll('\r\n', '\n');
  const control = TRANSACTION_CONTROL.exec(sql);
  if (control !== null) {
    return refuse(
      `${name} line ${lineAt(sql, control.index)} has "${control[0].trim()}", but a file is one transaction`,
    );
  }
  const breaking = BREAKING.test(sql.split('\n', 1)[0] ?? '');
  return ok({ number, name, sql, digest: createHash('sha256').update(sql).digest('hex'), breaking });
}

/** The number of the line, from 1, in which the character at `index`, from 0, lies. */
export function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length;
}
