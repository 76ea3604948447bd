import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Pool } from 'pg';
import { migrate } from '../src/store/migrate.ts';

/**
 * Brings a database of one's own to the schema of this version, as its owner: BELAY_DATABASE_URL names the database
 * and the owner. Servers never do this themselves: their role may not. `--allow-breaking` says that no older server
 * runs any more.
 */
const { values } = parseArgs({ options: { 'allow-breaking': { type: 'boolean', default: false } } });
const url = process.env['BELAY_DATABASE_URL'] ?? '';
if (url === '') throw new Error('BELAY_DATABASE_URL is not set: postgres://OWNER:PASSWORD@HOST/DATABASE');
const pool = new Pool({ connectionString: url, max: 1 });
try {
  const migrated = await migrate(pool, {
    folder: fileURLToPath(new URL('../src/store/migrations', import.meta.url)),
    allowBreaking: values['allow-breaking'],
  });
  if (migrated.ok) {
    const { version, applied } = migrated.value;
    console.log(
      `schema ${version}; ${applied.length === 0 ? 'nothing to apply' : `applied ${applied.join(', ')}`}`,
    );
  } else {
    console.error(`${migrated.error.code}: ${migrated.error.message}`);
    process.exitCode = 1;
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
} finally {
  await pool.end();
}
