import type { Pool } from 'pg';
import type { Subject } from '../core/model/name.ts';
import type { Millis } from '../core/model/time.ts';
import { inTransaction } from './transaction.ts';

/** A token as it is kept: without its secret, which nobody can get back. */
export interface TokenRow {
  readonly id: string;
  readonly subject: Subject;
  /** JSON, as it was given. */
  readonly grants: string;
  readonly createdAt: Millis;
  readonly expiresAt: Millis | null;
  readonly revokedAt: Millis | null;
}

interface Row {
  readonly id: string;
  readonly subject: string;
  readonly subject_kind: Subject['kind'];
  readonly grants: string;
  readonly created_at: string;
  readonly expires_at: string | null;
  readonly revoked_at: string | null;
}

const columns = 'id, subject, subject_kind, grants, created_at, expires_at, revoked_at';
const millisOrNull = (value: string | null): Millis | null => (value === null ? null : Number(value));

const toToken = (row: Row): TokenRow => ({
  id: row.id,
  subject: { id: row.subject, kind: row.subject_kind },
  grants: row.grants,
  createdAt: Number(row.created_at),
  expiresAt: millisOrNull(row.expires_at),
  revokedAt: millisOrNull(row.revoked_at),
});

/** What a new token is made of. `secretHash` is the SHA-256 of the secret, in hex. */
export interface NewToken {
  readonly id: string;
  readonly secretHash: string;
  readonly subject: Subject;
  readonly grants: string;
  readonly expiresAt: Millis | null;
}

/** Keeps a new token; its time of making is the database's. */
export async function insertToken(pool: Pool, token: NewToken): Promise<void> {
  await pool.query({
    name: 'insert-token',
    text: `insert into token (id, secret_hash, subject, subject_kind, grants, created_at, expires_at)
           values ($1, $2, $3, $4, $5, now_ms(), $6)`,
    values: [token.id, token.secretHash, token.subject.id, token.subject.kind, token.grants, token.expiresAt],
  });
}

/**
 * Keeps the first token of an empty installation. A lock makes two servers that start at once agree on
 * who was first. Returns whether it was kept.
 */
export async function insertFirstToken(pool: Pool, token: NewToken): Promise<boolean> {
  return inTransaction(pool, async (client) => {
    await client.query('select pg_advisory_xact_lock($1)', [bootstrapLock]);
    const { rowCount } = await client.query(
      `insert into token (id, secret_hash, subject, subject_kind, grants, created_at, expires_at)
       select $1, $2, $3, $4, $5, now_ms(), $6::bigint where not exists (select 1 from token)`,
      [token.id, token.secretHash, token.subject.id, token.subject.kind, token.grants, token.expiresAt],
    );
    return rowCount === 1;
  });
}

/** Any number that nothing else locks by. */
const bootstrapLock = 7_213_001;

/** The token with this secret's hash, with the database's time; null where there is none. Expired and revoked ones too. */
export async function findToken(
  pool: Pool,
  secretHash: string,
): Promise<{ readonly token: TokenRow; readonly secretHash: string; readonly now: Millis } | null> {
  const { rows } = await pool.query<Row & { secret_hash: string; now: string }>({
    name: 'find-token',
    text: `select ${columns}, secret_hash, now_ms() as now from token where secret_hash = $1`,
    values: [secretHash],
  });
  const row = rows[0];
  return row === undefined
    ? null
    : { token: toToken(row), secretHash: row.secret_hash, now: Number(row.now) };
}

/** All tokens, newest first. */
export async function listTokens(pool: Pool): Promise<readonly TokenRow[]> {
  const { rows } = await pool.query<Row>({
    name: 'list-tokens',
    text: `select ${columns} from token order by created_at desc, id limit 1000`,
  });
  return rows.map(toToken);
}

/** One token by its id. */
export async function readToken(pool: Pool, id: string): Promise<TokenRow | null> {
  const { rows } = await pool.query<Row>({
    name: 'read-token',
    text: `select ${columns} from token where id = $1`,
    values: [id],
  });
  return rows[0] === undefined ? null : toToken(rows[0]);
}

/** Ends a token now; one that has ended keeps its time. */
export async function revokeToken(pool: Pool, id: string): Promise<void> {
  await pool.query({
    name: 'revoke-token',
    text: 'update token set revoked_at = now_ms() where id = $1 and revoked_at is null',
    values: [id],
  });
}
