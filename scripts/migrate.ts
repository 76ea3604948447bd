import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Pool } from 'pg';
import { migrate } from '../src/store/migrate.ts';
import { admitServers } from '../src/store/server-role.ts';

/**
 * Brings a database of one's own to the schema of this version, as its owner: BELAY_DATABASE_URL names the database
 * and the owner. Servers never do this themselves: their role may not. `--allow-breaking` says that no older server
 * runs any more. With BELAY_SERVER_DATABASE_URL, the address that servers will use, their role gets its password.
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
    const address = process.env['BELAY_SERVER_DATABASE_URL'] ?? '';
    const admitted = address === '' ? null : await admitServers(pool, address, randomBytes(16));
    if (admitted?.ok === false) {
      console.error(`BELAY_SERVER_DATABASE_URL: ${admitted.error}`);
      process.exitCode = 1;
    }
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
