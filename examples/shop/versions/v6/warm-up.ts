import { EventEmitter, once } from 'node:events';

/** As much of a connection pool as is needed here. */
export interface Queries {
  query(text: string): Promise<unknown>;
}

/** Resolves when the catalogue has been read once, so that the first customers meet warm caches. */
export async function warmUp(database: Queries): Promise<void> {
  const progress = new EventEmitter();
  await readCatalogue(database, progress);
  await once(progress, 'warm');
}

async function readCatalogue(database: Queries, progress: EventEmitter): Promise<void> {
  for (const table of ['products', 'vouchers']) await database.query(`select count(*) from ${table}`);
  progress.emit('warm');
}
