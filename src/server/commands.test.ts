import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readEntries } from '../store/streams.ts';
import { SlotList } from './schemas.ts';
import { FreezeAnswer, FreezeList } from './schemas-freezes.ts';
import { HistoryAnswer } from './schemas-ledger.ts';
import { createTeam, everywhere, sealed } from './testing/world.ts';

const ask = { project: 'demo', service: 'shop', release: 'v1', stage: 'production' };

test('a command sent again with its key gets the same answer and happens once', async () => {
  await using world = await createTeam();
  const { dev } = world.team;
  await sealed(world, 'v1');
  const key = { 'idempotency-key': 'k-1' };
  const first = await world.send(dev, 'POST', '/v1/promotions', ask, key);
  const again = await world.send(dev, 'POST', '/v1/promotions', ask, key);
  assert.deepEqual([again.status, again.body], [200, first.body]);
  assert.equal(again.headers.get('idempotency-replayed'), 'true');
  assert.equal((await readEntries(world.pool, 'slot/demo/production/shop', 0)).length, 1);

  const other = await world.send(dev, 'POST', '/v1/promotions', { ...ask, note: 'other' }, key);
  assert.deepEqual([other.status, other.body['code']], [422, 'key-of-other-request']);
  const elsewhere = await world.send(dev, 'POST', '/v1/freezes', { scope: 'everything', reason: 'x' }, key);
  assert.equal(elsewhere.status, 422);
  const someoneElse = await world.send(world.team.root, 'POST', '/v1/promotions', ask, key);
  assert.equal(someoneElse.body['code'], 'already-requested', 'a key belongs to its subject');
  assert.equal(
    (await world.send(dev, 'POST', '/v1/promotions', ask, { 'idempotency-key': 'ä' })).status,
    400,
  );
});

test('the same command many times at once happens once', async () => {
  await using world = await createTeam();
  const { dev } = world.team;
  await sealed(world, 'v1');
  const sent = [1, 2, 3, 4].map(() =>
    world.send(dev, 'POST', '/v1/promotions', ask, { 'idempotency-key': 'k' }),
  );
  const told = await Promise.all(sent);
  const good = told.filter((t) => t.status === 200);
  assert.ok(good.length >= 1);
  assert.equal(new Set(good.map((t) => JSON.stringify(t.body))).size, 1);
  assert.ok(told.every((t) => t.status === 200 || t.body['code'] === 'key-in-hand'));
  assert.equal((await readEntries(world.pool, 'slot/demo/production/shop', 0)).length, 1);
});

test('a refused command keeps no answer: its key may be tried again once it can be carried out', async () => {
  await using world = await createTeam();
  const { dev } = world.team;
  const key = { 'idempotency-key': 'early' };
  assert.equal((await world.send(dev, 'POST', '/v1/promotions', ask, key)).status, 404);
  await sealed(world, 'v1');
  assert.equal((await world.send(dev, 'POST', '/v1/promotions', ask, key)).status, 200);
});

test('a key whose server died in hand is taken over, and the command is not done twice', async () => {
  await using world = await createTeam();
  const { dev } = world.team;
  await sealed(world, 'v1');
  const key = { 'idempotency-key': 'dead' };
  await world.send(dev, 'POST', '/v1/promotions', ask, key);
  await world.pool.query('delete from idempotency');
  const again = await world.send(dev, 'POST', '/v1/promotions', ask, key);
  assert.equal(again.body['code'], 'already-requested');
  assert.equal((await readEntries(world.pool, 'slot/demo/production/shop', 0)).length, 1);
});

test('the secret of a token is not kept for a key', async () => {
  await using world = await createTeam();
  const body = { subject: 'x1', kind: 'machine', grants: everywhere(['view']) };
  const made = await world.send(world.team.root, 'POST', '/v1/tokens', body, { 'idempotency-key': 't' });
  assert.equal(made.status, 200);
  const { rows } = await world.pool.query(
    'select coalesce(json_agg(i)::text, $1) as kept from idempotency as i',
    [''],
  );
  assert.ok(!String(rows[0]?.kept).includes(String(made.body['token'])));
});

test('a freeze holds, is shown where it holds, and is lifted', async () => {
  await using world = await createTeam();
  const { root, dev } = world.team;
  await sealed(world, 'v1');
  const set = async (body: object) => {
    const told = await world.send(root, 'POST', '/v1/freezes', { reason: 'fire', ...body });
    assert.equal(told.status, 200, JSON.stringify(told.body));
    return FreezeAnswer.parse(told.body);
  };
  const everything = await set({ scope: 'everything' });
  assert.deepEqual(everything.inFlight, []);
  await set({ scope: 'project', project: 'demo', until: Date.now() + 60_000 });
  const staging = await set({ scope: 'environment', project: 'demo', environment: 'staging' });
  const [slot] = SlotList.parse((await world.send(dev, 'GET', '/v1/slots')).body).slots;
  assert.deepEqual(
    slot?.frozen.map((f) => f.scope),
    ['everything', 'project', 'environment'],
  );
  const listed = FreezeList.parse((await world.send(dev, 'GET', '/v1/freezes')).body).freezes;
  assert.equal(listed.length, 3);
  assert.deepEqual(listed.find((f) => f.id === staging.id)?.by, { id: 'root', kind: 'person' });

  const lift = (id: string, query: string) => world.send(root, 'DELETE', `/v1/freezes/${id}?${query}`);
  assert.equal((await lift(everything.id, 'scope=project&project=demo')).status, 404);
  assert.equal((await lift(everything.id, 'scope=everything')).status, 200);
  assert.equal((await lift(everything.id, 'scope=everything')).status, 404);
  assert.equal((await lift(staging.id, 'scope=environment&project=demo')).status, 200);
  assert.equal(FreezeList.parse((await world.send(dev, 'GET', '/v1/freezes')).body).freezes.length, 1);

  const refused = async (body: object): Promise<unknown> => {
    const told = await world.send(root, 'POST', '/v1/freezes', { reason: 'x', ...body });
    return told.body['code'];
  };
  assert.equal(await refused({ scope: 'project' }), 'invalid-request');
  assert.equal(await refused({ scope: 'project', project: 'none' }), 'unknown-project');
  assert.equal(await refused({ scope: 'environment', project: 'demo' }), 'invalid-request');
  assert.equal(
    await refused({ scope: 'environment', project: 'demo', environment: 'moon' }),
    'unknown-environment',
  );
  assert.equal(await refused({ scope: 'everything', until: 5 }), 'freeze-over');
  assert.equal(await refused({ scope: 'everything', reason: '' }), 'invalid-request');
});

test('history is read newest first and page by page, a project’s own and what concerns everything', async () => {
  await using world = await createTeam();
  const { dev, root } = world.team;
  await sealed(world, 'v1');
  await world.send(root, 'POST', '/v1/freezes', { scope: 'everything', reason: 'x' });
  await world.send(root, 'POST', '/v1/apply', {
    documents: [{ apiVersion: 'belay.dev/v1alpha1', kind: 'Project', metadata: { name: 'other' }, spec: {} }],
  });
  await world.sequence();
  const read = async (as: string, query: string) =>
    HistoryAnswer.parse((await world.send(as, 'GET', `/v1/history?${query}`)).body);
  const all = await read(dev, 'limit=100');
  assert.ok(all.entries.some((e) => e.stream === 'everything' && e.type === 'frozen'));
  assert.ok(!all.entries.some((e) => e.stream === 'project/other'));
  assert.ok(all.entries.every((e) => e.sentence.length > 0));
  const indices = all.entries.map((e) => e.index);
  assert.deepEqual(
    indices,
    [...indices].sort((a, b) => b - a),
  );
  assert.equal((await read(root, 'limit=100')).entries.length, all.entries.length + 1);
  const first = await read(dev, 'limit=3');
  const second = await read(dev, `limit=3&before=${first.next}`);
  assert.deepEqual([...first.entries, ...second.entries], all.entries.slice(0, 6));
  assert.equal(all.next, null);
  const shop = await read(dev, 'service=shop&limit=100');
  assert.deepEqual(
    new Set(shop.entries.map((e) => e.stream)),
    new Set(['release/demo/shop/v1', 'slot/demo/staging/shop']),
  );
  const staging = await read(dev, 'environment=staging');
  assert.deepEqual(new Set(staging.entries.map((e) => e.stream)), new Set(['slot/demo/staging/shop']));
});

test('a server’s own numbers are exposed without the names that are in paths', async () => {
  await using world = await createTeam();
  await sealed(world, 'secret-name');
  const { body } = await world.send(world.team.root, 'GET', '/metrics');
  const text = String(body['text']);
  assert.match(
    text,
    /belay_http_request_seconds_count\{.*route="\/v1\/releases\/:project\/:service\/:name\/seal".*\} 1/,
  );
  assert.match(text, /belay_entries_recorded_total\{type="sealed"\} 1/);
  assert.ok(!text.includes('secret-name'));
});
