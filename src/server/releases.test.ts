import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readEntries } from '../store/streams.ts';
import { nodeCrypto } from '../engine/crypto.ts';
import { ReleaseView } from './schemas.ts';
import { createTeam, sealed, upload } from './testing/world.ts';

const open = {
  project: 'demo',
  service: 'shop',
  name: 'v1',
  commit: 'abcdef1234',
  contributors: ['eve', 'dan'],
};
const junit =
  '<testsuite tests="2"><testcase name="a"/><testcase name="b"><failure>x</failure></testcase></testsuite>';

test('a release is opened, gets evidence, and is sealed with what was claimed when it was opened', async () => {
  await using world = await createTeam();
  const { ci } = world.team;
  const opened = await world.send(ci, 'POST', '/v1/releases', { ...open, summary: 'vouchers' });
  assert.equal(opened.status, 200, JSON.stringify(opened.body));
  const view = ReleaseView.parse(opened.body);
  assert.deepEqual(view.contributors, ['eve', 'dan']);
  assert.deepEqual(view.openedBy, { id: 'ci', kind: 'machine' });
  assert.equal(view.sealed, null);

  const digest = await upload(world, ci, 'artifact of v1');
  const tests = { type: 'tests', name: 'unit', artifact: digest, junit };
  const attached = await world.send(ci, 'POST', '/v1/releases/demo/shop/v1/attachments', tests);
  assert.deepEqual(ReleaseView.parse(attached.body).attachments[0]?.counts, {
    total: 2,
    failed: 1,
    skipped: 0,
  });
  const content = await world.pool.query('select bytes from content where digest = $1', [
    nodeCrypto.digest(junit),
  ]);
  assert.equal(content.rows[0]?.bytes, junit);

  const statement = {
    type: 'statement',
    name: 'provenance',
    envelope: { payload: 'e30=', payloadType: 'x', signatures: [{ sig: 'AAAA' }] },
  };
  const signed = await world.send(ci, 'POST', '/v1/releases/demo/shop/v1/attachments', statement);
  assert.equal(signed.status, 200, 'a statement of an unknown key is a fact; the gate judges it');

  const done = await world.send(ci, 'POST', '/v1/releases/demo/shop/v1/seal', {
    artifact: { name: 'shop.tar', digest },
    contributors: ['flo', 'eve'],
  });
  const after = ReleaseView.parse(done.body);
  assert.deepEqual(after.contributors, ['dan', 'eve', 'flo']);
  assert.deepEqual(after.sealed?.artifact, { name: 'shop.tar', digest, bytes: 14 });
  assert.equal(after.summary, 'vouchers');

  const again = await world.send(ci, 'POST', '/v1/releases/demo/shop/v1/seal', {
    artifact: { name: 'x', digest },
  });
  assert.deepEqual([again.status, again.body['code']], [409, 'already-sealed']);
  const other = await world.send(ci, 'POST', '/v1/releases/demo/shop/v1/attachments', {
    ...tests,
    artifact: nodeCrypto.digest('another'),
  });
  assert.deepEqual([other.status, other.body['code']], [422, 'digest-mismatch']);
});

test('sealing asks for the stages that take a release by themselves, in one transaction, and by nobody', async () => {
  await using world = await createTeam();
  await sealed(world, 'v1');
  const staging = await readEntries(world.pool, 'slot/demo/staging/shop', 0);
  const [asked] = staging;
  assert.ok(asked?.entry.type === 'requested');
  assert.equal(asked.entry.promotion, 'v1-staging-auto');
  assert.deepEqual(asked.entry.by, { id: 'belay', kind: 'machine' });
  assert.deepEqual(await readEntries(world.pool, 'slot/demo/production/shop', 0), []);
});

test('what cannot be opened, attached or sealed is refused with its reason', async () => {
  await using world = await createTeam();
  const { ci } = world.team;
  await world.send(ci, 'POST', '/v1/releases', open);
  const digest = await upload(world, ci, 'x');
  const refused = async (path: string, body: unknown): Promise<unknown> => {
    const { status, body: problem } = await world.send(ci, 'POST', path, body);
    return [status, problem['code']];
  };
  const seal = '/v1/releases/demo/shop/v1/seal';
  const attachments = '/v1/releases/demo/shop/v1/attachments';
  assert.deepEqual(await refused('/v1/releases', open), [409, 'release-exists']);
  assert.deepEqual(await refused('/v1/releases/demo/shop/v9/seal', { artifact: { name: 'x', digest } }), [
    404,
    'unknown-release',
  ]);
  const unknown = nodeCrypto.digest('never uploaded');
  assert.deepEqual(await refused(seal, { artifact: { name: 'x', digest: unknown } }), [
    409,
    'unknown-artifact',
  ]);
  assert.deepEqual(await refused(seal, { artifact: { name: 'x', digest: 'latest' } }), [
    422,
    'invalid-request',
  ]);
  assert.deepEqual(await refused(seal, { artifact: { name: 'x', digest }, pipeline: 'nope' }), [
    404,
    'unknown-document',
  ]);
  const tests = { type: 'tests', name: 'unit', artifact: digest };
  const bombs = [
    '<!DOCTYPE x [<!ENTITY a "b">]><testsuite/>',
    '<testsuite><testcase></testsuite>',
    `${'<testsuite>'.repeat(200)}${'</testsuite>'.repeat(200)}`,
    '<html/>',
    'nothing',
  ];
  for (const bomb of bombs) {
    assert.deepEqual(
      await refused(attachments, { ...tests, junit: bomb }),
      [422, 'invalid-report'],
      bomb.slice(0, 40),
    );
  }
  const large = { payload: 'A'.repeat(100_000), payloadType: 'x', signatures: [{ sig: 'AAAA' }] };
  assert.deepEqual(await refused(attachments, { type: 'statement', name: 'p', envelope: large }), [
    413,
    'too-large',
  ]);
});

test('an artifact is kept only under its own digest', async () => {
  await using world = await createTeam();
  const { ci, dev } = world.team;
  const digest = nodeCrypto.digest('right');
  const put = (as: string, body: string) =>
    world.app.request(`/v1/artifacts/${digest}`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${as}` },
      body,
    });
  assert.equal((await put(ci, 'wrong')).status, 422);
  assert.equal((await world.send(ci, 'HEAD', `/v1/artifacts/${digest}`)).status, 404);
  assert.equal((await put(dev, 'right')).status, 403);
  assert.equal((await put(ci, 'right')).status, 201);
  assert.equal((await put(ci, 'right')).status, 200);
  assert.equal((await world.send(ci, 'HEAD', `/v1/artifacts/${digest}`)).headers.get('content-length'), '5');
  const got = await world.send(world.team.root, 'GET', `/v1/artifacts/${digest}`);
  assert.equal(got.body['text'], 'right');
  assert.equal(
    (await world.send(dev, 'GET', `/v1/artifacts/${digest}`)).status,
    403,
    'no release of his projects has it',
  );
  assert.equal((await world.send(ci, 'PUT', '/v1/artifacts/..%2f..%2fetc')).status, 400);
});

test('releases are listed newest first and found by commit, digest and name', async () => {
  await using world = await createTeam();
  const { dev } = world.team;
  const digest = await sealed(world, 'v1');
  await sealed(world, 'v2');
  const listed = await world.send(dev, 'GET', '/v1/releases?project=demo&service=shop');
  const names = (body: Record<string, unknown>) =>
    (body['releases'] as { name: string }[]).map((r) => r.name);
  assert.deepEqual(names(listed.body), ['v2', 'v1']);
  assert.deepEqual(names((await world.send(dev, 'GET', '/v1/releases?limit=1')).body), ['v2']);
  assert.deepEqual(names((await world.send(dev, 'GET', `/v1/where?q=${digest}`)).body), ['v1']);
  assert.deepEqual(names((await world.send(dev, 'GET', '/v1/where?q=abcd')).body), ['v2', 'v1']);
  const where = await world.send(dev, 'GET', '/v1/where?q=v2');
  const [v2] = where.body['releases'] as { stages: { stage: string; state: string }[] }[];
  assert.deepEqual(
    v2?.stages.map((s) => [s.stage, s.state]),
    [['staging', 'waiting']],
  );
  assert.equal((await world.send(dev, 'GET', '/v1/where?q=%25')).status, 422);
});

test('opened and sealed several times at once, a release is opened and sealed once, and asked for once', async () => {
  await using world = await createTeam();
  const { ci } = world.team;
  const four = [1, 2, 3, 4];
  const opened = await Promise.all(
    four.map((i) => world.send(ci, 'POST', '/v1/releases', { ...open, contributors: [`person-${i}`] })),
  );
  assert.deepEqual(
    opened.map((t) => t.status).sort((a, b) => a - b),
    [200, 409, 409, 409],
  );
  const winner = opened.findIndex((t) => t.status === 200) + 1;
  const digest = await upload(world, ci, 'x');
  const sealing = await Promise.all(
    four.map(() =>
      world.send(ci, 'POST', '/v1/releases/demo/shop/v1/seal', { artifact: { name: 'x', digest } }),
    ),
  );
  assert.deepEqual(
    sealing.map((t) => t.status).sort((a, b) => a - b),
    [200, 409, 409, 409],
  );
  const view = ReleaseView.parse((await world.send(ci, 'GET', '/v1/releases/demo/shop/v1')).body);
  assert.deepEqual(view.contributors, [`person-${winner}`], 'whoever won is believed, and nobody else');
  assert.equal((await readEntries(world.pool, 'slot/demo/staging/shop', 0)).length, 1);
});

test('a name that every object has is refused wherever a name is given', async () => {
  await using world = await createTeam();
  const { root, dev, ci } = world.team;
  const environment = {
    apiVersion: 'belay.dev/v1alpha1',
    kind: 'Environment',
    metadata: { name: 'constructor', project: 'demo' },
    spec: { driver: 'local' },
  };
  assert.equal((await world.send(root, 'POST', '/v1/apply', { documents: [environment] })).status, 422);
  const release = { project: 'demo', service: 'shop', name: 'constructor', commit: 'abcdef1' };
  assert.equal((await world.send(ci, 'POST', '/v1/releases', release)).status, 422);
  for (const path of ['/v1/why?project=demo&service=constructor', '/v1/slots?service=constructor'])
    assert.equal((await world.send(dev, 'GET', path)).status, 422, path);
});
