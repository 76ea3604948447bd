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
