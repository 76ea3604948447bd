import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeCrypto } from '../engine/crypto.ts';
import { principalOf } from './tokens.ts';
import type { Verb } from './schemas.ts';
import { all, createTeam, createWorld, everywhere } from './testing/world.ts';
import { ensureBootstrapToken } from './tokens.ts';

const digest = nodeCrypto.digest('x');
const promotion = '/v1/promotions/demo/production/shop/p-1';
const promote = { project: 'demo', service: 'shop', release: 'v1', stage: 'production' };
const attachment = { type: 'tests', name: 'unit', artifact: digest, junit: '<testsuite/>' };
const token = {
  subject: 'someone',
  kind: 'person',
  grants: [{ project: 'demo', stages: '*', verbs: ['view'] }],
};

/** Every route with the verbs of which any one opens it; none where any token does. */
const routes: readonly (readonly [string, string, readonly Verb[], unknown?])[] = [
  ['GET', '/v1/whoami', []],
  ['POST', '/v1/apply', ['admin'], { documents: [{}] }],
  ['GET', '/v1/documents', ['view']],
  ['GET', '/v1/documents?project=demo', ['view']],
  ['GET', '/v1/projects/demo/documents/Pipeline/shop', ['view']],
  ['PUT', `/v1/artifacts/${digest}`, ['create-release']],
  ['GET', `/v1/artifacts/${digest}`, ['view']],
  [
    'POST',
    '/v1/releases',
    ['create-release'],
    { project: 'demo', service: 'shop', name: 'v1', commit: 'abcdef1' },
  ],
  ['POST', '/v1/releases/demo/shop/v1/attachments', ['create-release'], attachment],
  ['POST', '/v1/releases/demo/shop/v1/seal', ['create-release'], { artifact: { name: 'x', digest } }],
  ['GET', '/v1/releases', ['view']],
  ['GET', '/v1/releases/demo/shop/v1', ['view']],
  ['GET', '/v1/where?q=abcdef1', ['view']],
  ['POST', '/v1/promotions', ['promote'], promote],
  ['POST', '/v1/promotions', ['rollback'], { ...promote, mode: 'rollback' }],
  ['POST', `${promotion}/approve`, ['approve'], { plan: digest }],
  ['POST', `${promotion}/reject`, ['approve'], {}],
  ['POST', `${promotion}/waive`, ['waive'], { gate: 'canary', note: 'night' }],
  ['POST', `${promotion}/pause`, ['promote'], {}],
  ['POST', `${promotion}/resume`, ['promote'], {}],
  ['POST', `${promotion}/abort`, ['promote', 'rollback'], {}],
  ['GET', '/v1/slots', ['view']],
  ['GET', '/v1/slots?project=demo', ['view']],
  ['GET', '/v1/why?project=demo&service=shop', ['view']],
  ['GET', '/v1/diagnostics?project=demo&service=shop', ['view']],
  ['POST', '/v1/freezes', ['freeze'], { scope: 'everything', reason: 'x' }],
  ['POST', '/v1/freezes', ['freeze'], { scope: 'project', project: 'demo', reason: 'x' }],
  ['DELETE', '/v1/freezes/f-1?scope=project&project=demo', ['freeze']],
  ['GET', '/v1/freezes', ['view']],
  ['GET', '/v1/history', ['view']],
  ['GET', '/v1/events', ['view']],
  ['GET', '/v1/evidence/demo/shop/v1', ['view']],
  ['GET', '/v1/ledger/checkpoint', ['view']],
  ['GET', '/v1/ledger/proof?stream=project/demo&seq=1', ['view']],
  ['POST', '/v1/tokens', ['admin'], token],
  ['GET', '/v1/tokens', ['admin']],
  ['DELETE', '/v1/tokens/abcdefabcdef', ['admin']],
  ['GET', '/metrics', ['view']],
  ['GET', '/v1/openapi.json', []],
];

test('every route wants a token, and each of its verbs alone opens it', async () => {
  await using world = await createTeam();
  const allBut = (verbs: readonly Verb[]) => all.filter((verb) => !verbs.includes(verb));
  const tokens = new Map<string, string>();
  const withVerbs = async (verbs: readonly Verb[]): Promise<string> => {
    const known =
      tokens.get(verbs.join()) ??
      (await world.tokenFor({ id: 'mat', kind: 'person' }, everywhere([...verbs])));
    tokens.set(verbs.join(), known);
    return known;
  };
  for (const [method, path, verbs, body] of routes) {
    const where = `${method} ${path} (${verbs.join()})`;
    assert.equal((await world.send(null, method, path, body)).status, 401, where);
    assert.equal((await world.send(`belay_${'A'.repeat(43)}`, method, path, body)).status, 401, where);
    if (verbs.length > 0) {
      const refused = await world.send(await withVerbs(allBut(verbs)), method, path, body);
      assert.deepEqual([refused.status, refused.body['code']], [403, 'not-allowed'], where);
    }
    // A stream has no end to wait for; its own test opens it.
    if (path === '/v1/events') continue;
    for (const verb of verbs.length === 0 ? (['view'] as const) : verbs) {
      const { status } = await world.send(await withVerbs([verb]), method, path, body);
      assert.ok(status !== 401 && status !== 403 && (status < 500 || status === 501), `${where}: ${status}`);
    }
  }
});

test('the matrix above leaves no published route out', async () => {
  await using world = await createTeam();
  const { body } = await world.send(world.team.ann, 'GET', '/v1/openapi.json');
  const published = Object.entries(body['paths'] as Record<string, object>).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => [method.toUpperCase(), path] as const),
  );
  assert.ok(published.length >= 30);
  for (const [method, path] of published) {
    const shape = new RegExp(`^${path.replaceAll(/\{[^}]+\}/g, '[^/]+')}(\\?.*)?$`);
    assert.ok(
      routes.some(([m, p]) => m === method && shape.test(p)),
      `${method} ${path}`,
    );
  }
  assert.equal(body['openapi'], '3.1.0');
});

test('a project is closed to those of another', async () => {
  await using world = await createTeam();
  const other = await world.tokenFor({ id: 'oz', kind: 'person' }, [
    { project: 'other', stages: '*', verbs: all },
  ]);
  for (const [method, path, verbs, body] of routes.filter(([, p]) => p.includes('demo'))) {
    const { status } = await world.send(other, method, path, body);
    assert.equal(status, 403, `${method} ${path} (${verbs.join()})`);
  }
  const lists = ['/v1/slots', '/v1/releases', '/v1/freezes', '/v1/history'];
  for (const path of lists) {
    const { body } = await world.send(other, 'GET', path);
    assert.deepEqual(Object.values(body).find(Array.isArray), [], path);
  }
  assert.equal(
    (await world.send(other, 'POST', '/v1/freezes', { scope: 'everything', reason: 'x' })).status,
    403,
  );
  assert.equal((await world.send(other, 'GET', '/metrics')).status, 403);
});

test('healthz and readyz are open; readyz tells when the server closes', async () => {
  await using world = await createWorld();
  assert.equal((await world.send(null, 'GET', '/healthz')).status, 200);
  assert.equal((await world.send(null, 'GET', '/readyz')).status, 200);
  world.closing.abort();
  assert.equal((await world.send(null, 'GET', '/readyz')).status, 503);
  assert.equal((await world.send(null, 'GET', '/healthz')).status, 200);
});

test('the first token is made once, works, and its secret is nowhere', async () => {
  await using world = await createWorld();
  const both = await Promise.all([ensureBootstrapToken(world.pool), ensureBootstrapToken(world.pool)]);
  const secrets = both.filter((secret) => secret !== null);
  assert.equal(secrets.length, 1);
  const [secret = ''] = secrets;
  assert.match(secret, /^belay_[A-Za-z0-9_-]{43}$/);
  assert.deepEqual((await principalOf(world.pool, secret))?.subject, { id: 'admin', kind: 'person' });
  assert.equal(await ensureBootstrapToken(world.pool), null);
  const kept = await world.pool.query('select row_to_json(token)::text as row from token');
  assert.ok(!String(kept.rows[0]?.row).includes(secret));
  await world.send(secret, 'GET', '/v1/whoami');
  assert.ok(!world.logged.join().includes(secret));
});

test('tokens are given out within one’s own projects, expire, and are revoked at once', async () => {
  await using world = await createTeam();
  const { root } = world.team;
  const lead = await world.tokenFor({ id: 'lea', kind: 'person' }, [
    { project: 'demo', stages: '*', verbs: ['admin'] },
  ]);
  const made = await world.send(lead, 'POST', '/v1/tokens', token);
  const secret = String(made.body['token']);
  const who = await world.send(secret, 'GET', '/v1/whoami');
  assert.deepEqual(who.body, { subject: { id: 'someone', kind: 'person' }, grants: token.grants });
  const wider = { ...token, grants: [{ project: '*', stages: '*', verbs: ['view'] }] };
  assert.equal((await world.send(lead, 'POST', '/v1/tokens', wider)).status, 403);
  const other = { ...token, grants: [...token.grants, { project: 'other', stages: '*', verbs: ['view'] }] };
  assert.equal((await world.send(lead, 'POST', '/v1/tokens', other)).status, 403);

  const listed = (await world.send(lead, 'GET', '/v1/tokens')).body['tokens'] as { id: string }[];
  assert.ok(listed.some((t) => t.id === made.body['id']));
  const everyone = (await world.send(root, 'GET', '/v1/tokens')).body['tokens'] as { id: string }[];
  assert.ok(everyone.length > listed.length);
  const rootId = everyone.find((t) => !listed.some((l) => l.id === t.id))?.id ?? '';
  assert.equal((await world.send(lead, 'DELETE', `/v1/tokens/${rootId}`)).status, 404, 'not his to end');

  assert.equal((await world.send(lead, 'DELETE', `/v1/tokens/${String(made.body['id'])}`)).status, 200);
  assert.equal((await world.send(secret, 'GET', '/v1/whoami')).status, 401);
  const past = await world.tokenFor({ id: 'old', kind: 'person' }, everywhere(), 1);
  assert.equal((await world.send(past, 'GET', '/v1/whoami')).status, 401);
});

test('a token’s quota is its own', async () => {
  await using world = await createTeam({ quota: { perSecond: 0.001, burst: 3 } });
  const { ann, bob } = world.team;
  const statuses: number[] = [];
  for (let i = 0; i < 4; i++) statuses.push((await world.send(ann, 'GET', '/v1/whoami')).status);
  assert.deepEqual(statuses, [200, 200, 200, 429]);
  const refused = await world.send(ann, 'GET', '/v1/whoami');
  assert.ok(Number(refused.headers.get('retry-after')) > 0);
  assert.equal((await world.send(bob, 'GET', '/v1/whoami')).status, 200);
});
