import type { Pool, PoolClient } from 'pg';

/** Runs `work` in one transaction: committed when it returns, rolled back when it throws. */
export async function inTransaction<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('begin');
    const value = await work(client);
    await client.query('commit');
    return value;
  } catch (error) {
    // A connection that cannot even roll back is not given to anybody again; the server rolls back by itself.
    await client.query('rollback').catch((problem: Error) => (broken = problem));
    throw error;
  } finally {
    client.release(broken);
  }
}

/** PostgreSQL's codes for "somebody else was first": serialisation failure and deadlock. Nothing was written. */
const lostRaces = new Set(['40001', '40P01']);

/** Whether a statement failed because somebody else was first; doing it again from what is there now is right. */
export function isLostRace(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && lostRaces.has(code);
}
