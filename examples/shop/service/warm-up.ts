/** As much of a connection pool as is needed here. */
export interface Queries {
  query(text: string): Promise<unknown>;
}

/** Resolves when the database answers, and so the service may get requests. */
export async function warmUp(database: Queries): Promise<void> {
  await database.query('select 1');
}
