import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startServer } from './start.ts';
import { createTeam } from './testing/world.ts';

test('listens on loopback; elsewhere only with TLS; says that a port is in use', async () => {
  await using world = await createTeam();
  const { app, closing } = world;
  const open = await startServer({ app, host: '0.0.0.0', port: 0, closing });
  assert.ok(!open.ok && open.error.code === 'tls-needed');
  const started = await startServer({ app, host: '127.0.0.1', port: 0, closing });
  assert.ok(started.ok);
  const { url, port } = started.value;
  const second = await startServer({ app, host: '127.0.0.1', port, closing });
  assert.ok(!second.ok && second.error.code === 'port-in-use');
  assert.equal((await fetch(`${url}/healthz`)).status, 200);
  await started.value.close();
  await assert.rejects(fetch(`${url}/healthz`));
});

test('closing ends event streams and lets a request in hand finish', async () => {
  await using world = await createTeam();
  const { app, closing } = world;
  const started = await startServer({ app, host: '127.0.0.1', port: 0, closing, closeWithinMs: 5_000 });
  assert.ok(started.ok);
  const { url } = started.value;
  const headers = { authorization: `Bearer ${world.team.dev}` };
  const stream = await fetch(`${url}/v1/events`, { headers });
  const reader = stream.body?.getReader();
  assert.match(new TextDecoder().decode((await reader?.read())?.value), /retry/);

  const locker = await world.pool.connect();
  await locker.query('begin');
  await locker.query('select * from stream for update');
  const freeze = fetch(`${url}/v1/freezes`, {
    method: 'POST',
    headers: { authorization: `Bearer ${world.team.root}`, 'content-type': 'application/json' },
    body: JSON.stringify({ scope: 'project', project: 'demo', reason: 'in hand' }),
  });
  for (let waits = 0; waits === 0;) {
    const { rows } = await world.pool.query('select count(*)::int as waits from pg_locks where not granted');
    waits = Number(rows[0]?.waits);
  }
  const closed = started.value.close();
  assert.equal((await reader?.read())?.done, true);
  await locker.query('commit');
  locker.release();
  assert.equal((await freeze).status, 200);
  await closed;
});

test('an upload is cut at the limit, and its client is told', async () => {
  await using world = await createTeam();
  const started = await startServer({ app: world.app, host: '127.0.0.1', port: 0, closing: world.closing });
  assert.ok(started.ok);
  const { url } = started.value;
  const digest = `sha256:${'0'.repeat(64)}`;
  const response = await fetch(`${url}/v1/artifacts/${digest}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${world.team.ci}` },
    body: new Blob([new Uint8Array(300_000)]),
  });
  assert.equal(response.status, 422);
  const large = await fetch(`${url}/v1/releases`, {
    method: 'POST',
    headers: { authorization: `Bearer ${world.team.ci}`, 'content-type': 'application/json' },
    body: 'x'.repeat(2_000_000),
  });
  assert.equal(large.status, 413);
  await started.value.close();
});
