import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, writeFileSync } from 'node:fs';

/*
 * The shop's database in a pod of its own, for a demo: data that is made new with every start. Its image holds the
 * data as it is at the beginning, without a password; the password comes from a Secret.
 */

const postgres = '/postgres/bin/postgres';
const data = '/data/postgres';
const password = process.env['SHOP_DATABASE_PASSWORD'] ?? '';
if (!/^[A-Za-z0-9_-]{20,}$/.test(password)) throw new Error('SHOP_DATABASE_PASSWORD is not set as expected');

cpSync('/postgres/data', data, { recursive: true });
chmodSync(data, 0o700);
writeFileSync(`${data}/pg_hba.conf`, 'host shop shop all scram-sha-256\n');

const environment = { LD_LIBRARY_PATH: '/postgres/lib', TZ: 'UTC' };
// Before it listens, and in this process alone: nobody can come in with no password, or with an old one.
const set = spawnSync(postgres, ['--single', '-D', data, 'shop'], {
  env: environment,
  input: `alter role shop password '${password}'\n`,
  encoding: 'utf8',
});
if (set.status !== 0 || /ERROR|FATAL/.test(set.stderr)) {
  process.stderr.write(set.stderr.replaceAll(password, '…'));
  throw new Error('the password could not be set');
}

const settings = {
  listen_addresses: '*',
  port: '5432',
  unix_socket_directories: '',
  shared_buffers: '32MB',
  max_connections: '160',
  jit: 'off',
  // The data goes with the pod: nothing waits for a disk.
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
};
const server = spawn(
  postgres,
  ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
  { env: environment, stdio: 'inherit' },
);
// What PostgreSQL calls a fast shutdown: it ends connections and does not wait for them.
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => server.kill('SIGINT'));
server.once('exit', (code) => process.exit(code ?? 1));
