import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { test } from 'node:test';
import { Client } from 'pg';
import { admitServers, scramVerifier } from './server-role.ts';
import { createTestDatabase } from './testing/database.ts';

const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');

test('a verifier checks the proof, and makes the signature, of the exchange in RFC 7677 section 3', () => {
  const verifier = scramVerifier('pencil', salt);
  const [, stored = '', server = ''] =
    /^SCRAM-SHA-256\$4096:W22ZaJ0SNY7soEsUEjb6gQ==\$([^:]+):(.+)$/.exec(verifier) ?? [];
  const nonce = 'rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0';
  const exchange = `n=user,r=rOprNGfwEbeRWgbNEkqO,r=${nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=${nonce}`;
  const hmac = (key: string): Buffer =>
    createHmac('sha256', Buffer.from(key, 'base64')).update(exchange).digest();
  assert.equal(hmac(server).toString('base64'), '6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=');
  const proof = Buffer.from('dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=', 'base64');
  const signature = hmac(stored);
  const clientKey = proof.map((byte, i) => byte ^ (signature[i] ?? 0));
  assert.equal(createHash('sha256').update(clientKey).digest('base64'), stored);
});

test('the role of servers gets the password of their address, which the database never sees', async () => {
  await using database = await createTestDatabase();
  const admit = (address: string) => admitServers(database.pool, address, salt);
  assert.deepEqual(await admit('postgres://belay_server:pen%63il@db/belay'), { ok: true, value: null });
  const { rows } = await database.pool.query<{ kept: string }>(
    "select rolpassword as kept from pg_authid where rolname = 'belay_server'",
  );
  assert.equal(rows[0]?.kept, scramVerifier('pencil', salt));
  for (const address of [
    'secret',
    'postgres://postgres:secret@db/belay',
    'postgres://belay_server@db/belay',
    'postgres://belay_server:secr%C3%A9t@db/belay',
  ]) {
    const refused = await admit(address);
    assert.ok(!refused.ok && !refused.error.includes('secr'), address);
  }
});

test('connections of a server whose machine is gone are given up soon, and the sequencer’s lock with them', async () => {
  await using database = await createTestDatabase();
  await database.pool.query("alter role belay_server password 'only-on-loopback'");
  const client = new Client({ ...database.connection, user: 'belay_server', password: 'only-on-loopback' });
  await client.connect();
  const { rows } = await client.query<{ idle: string; pause: string; most: string }>(
    `select current_setting('tcp_keepalives_idle') as idle, current_setting('tcp_keepalives_interval') as pause,
            current_setting('tcp_keepalives_count') as most`,
  );
  await client.end();
  assert.deepEqual(rows, [{ idle: '10', pause: '5', most: '3' }]);
});
