import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type SlotView, SlotList } from './schemas.ts';
import { createTeam, documents, everywhere, sealed, type Team, upload } from './testing/world.ts';

const slot = '/v1/promotions/demo/production/shop';
const ask = { project: 'demo', service: 'shop', release: 'v1', stage: 'production' };

async function production(world: Team): Promise<SlotView> {
  const answer = await world.send(world.team.root, 'GET', '/v1/slots?environment=production');
  const [view] = SlotList.parse(answer.body).slots;
  assert.ok(view !== undefined, JSON.stringify(answer.body));
  return view;
}

/** Asks for v1 in production as the developer and lets it be planned; gives its id and plan. */
async function asked(world: Team): Promise<{ readonly id: string; readonly plan: string }> {
  const told = await world.send(world.team.dev, 'POST', '/v1/promotions', ask);
  assert.equal(told.status, 200, JSON.stringify(told.body));
  await world.decide();
  const [promotion] = (await production(world)).promotions;
  assert.ok(promotion?.plan, 'it has a plan');
  return { id: promotion.id, plan: promotion.plan.digest };
}

/** The shop's pipeline whose production asks for this many approvals. */
const pipelineOf = (quorum: number, more: object = {}) => {
  const pipeline = structuredClone(documents[3]) as {
    spec: { stages: { gates: object[] }[] };
  };
  const production = pipeline.spec.stages[1];
  assert.ok(production);
  production.gates = [{ kind: 'approval', name: 'two-eyes', quorum, ...more }];
  return { documents: [pipeline] };
};

test('who brings an old version of the gates back is their last editor, and cannot approve by them', async () => {
  await using world = await createTeam();
  const mal = await world.tokenFor({ id: 'mal', kind: 'person' }, everywhere());
  await sealed(world, 'v1');
  await world.send(world.team.root, 'POST', '/v1/apply', pipelineOf(1));
  await world.send(world.team.root, 'POST', '/v1/apply', pipelineOf(2));
  assert.equal((await world.send(mal, 'POST', '/v1/apply', pipelineOf(1))).status, 200);
  const { id, plan } = await asked(world);
  const told = await world.send(mal, 'POST', `${slot}/${id}/approve`, { plan });
  assert.deepEqual([told.status, told.body['code']], [403, 'barred-approver']);
});

test('who sealed a release chose what it is, and cannot approve it', async () => {
  await using world = await createTeam();
  const mal = await world.tokenFor({ id: 'mal', kind: 'person' }, everywhere(['create-release', 'approve']));
  await world.send(world.team.ci, 'POST', '/v1/releases', {
    project: 'demo',
    service: 'shop',
    name: 'v1',
    commit: 'abcdef1',
  });
  const digest = await upload(world, mal, 'mine');
  const done = await world.send(mal, 'POST', '/v1/releases/demo/shop/v1/seal', {
    artifact: { name: 'a', digest },
  });
  assert.equal(done.status, 200);
  const { id, plan } = await asked(world);
  const told = await world.send(mal, 'POST', `${slot}/${id}/approve`, { plan });
  assert.deepEqual([told.status, told.body['code']], [403, 'barred-approver']);
});

test('hundreds of contributors with the longest ids stop no slot', async () => {
  await using world = await createTeam();
  const crowd = (letter: string) => Array.from({ length: 200 }, (_, i) => `${letter}${i}`.padEnd(128, 'x'));
  for (const name of ['v1', 'v2', 'v3', 'v4']) {
    await sealed(world, name, crowd(name.slice(1)));
    const told = await world.send(world.team.dev, 'POST', '/v1/promotions', { ...ask, release: name });
    assert.equal(told.status, 200);
  }
  await world.decide();
  const view = await production(world);
  assert.deepEqual(
    view.promotions.map((p) => [p.release, p.gates[0]?.reason?.code]),
    ['v1', 'v2', 'v3', 'v4'].map((name) => [name, 'approvals-missing']),
  );
});

test('an approval that has run out can be given again', async () => {
  await using world = await createTeam();
  await sealed(world, 'v1');
  await world.send(world.team.root, 'POST', '/v1/apply', pipelineOf(2, { expires: '1ms' }));
  const { id, plan } = await asked(world);
  const approve = () => world.send(world.team.ann, 'POST', `${slot}/${id}/approve`, { plan });
  assert.equal((await approve()).status, 200);
  const again = await approve();
  assert.equal(again.status, 200, JSON.stringify(again.body));
});

test('HEAD of the event stream holds no place', async () => {
  await using world = await createTeam();
  for (let i = 0; i < 25; i++) await world.send(world.team.ann, 'HEAD', '/v1/events');
  const controller = new AbortController();
  const response = await world.app.request('/v1/events', {
    headers: { authorization: `Bearer ${world.team.ann}` },
    signal: controller.signal,
  });
  assert.equal(response.status, 200);
  await response.body?.cancel();
});

test('a token’s secret is never kept as an answer, however its path is written', async () => {
  await using world = await createTeam();
  const made = await world.send(
    world.team.root,
    'POST',
    '/v1/%74okens',
    { subject: 'zoe', kind: 'person', grants: [{ project: 'demo', stages: '*', verbs: ['view'] }] },
    { 'idempotency-key': 'once' },
  );
  const { rows } = await world.pool.query<{ answer: string }>('select answer from idempotency');
  assert.ok(!JSON.stringify(rows).includes('belay_'), `kept (${made.status})`);
});

test('nobody is given the name under which the pipeline itself asks', async () => {
  await using world = await createTeam();
  const told = await world.send(world.team.root, 'POST', '/v1/tokens', {
    subject: 'belay',
    kind: 'person',
    grants: [{ project: 'demo', stages: '*', verbs: ['approve'] }],
  });
  assert.equal(told.status, 422, JSON.stringify(told.body));
});

test('artifacts are for the server’s own account', async () => {
  await using world = await createTeam();
  const digest = await upload(world, world.team.ci, 'secret sauce');
  const folder = join(world.uploads, 'sha256');
  assert.equal((await stat(folder)).mode & 0o077, 0);
  assert.equal((await stat(join(folder, digest.slice(7)))).mode & 0o077, 0);
});

test('an idempotency key of somebody with more rights answers nobody with fewer', async () => {
  await using world = await createTeam();
  const subject = { id: 'ann', kind: 'person' } as const;
  const strong = await world.tokenFor(subject, everywhere());
  const weak = await world.tokenFor(subject, [{ project: 'other', stages: '*', verbs: ['view'] }]);
  await sealed(world, 'v1');
  const key = { 'idempotency-key': 'k-9' };
  assert.equal((await world.send(strong, 'POST', '/v1/promotions', ask, key)).status, 200);
  assert.ok((await world.send(weak, 'POST', '/v1/promotions', ask, key)).status >= 400);
});

test('notes with NUL in a query are refused or kept, never a fault', async () => {
  await using world = await createTeam();
  const frozen = await world.send(world.team.root, 'POST', '/v1/freezes', {
    scope: 'everything',
    reason: 'x',
  });
  const told = await world.send(
    world.team.root,
    'DELETE',
    `/v1/freezes/${String(frozen.body['id'])}?scope=everything&note=%00%ED%A0%80`,
  );
  assert.notEqual(told.status, 500, JSON.stringify(told.body));
});

test('names that every object has are refused where something is made, and find nothing elsewhere', async () => {
  await using world = await createTeam();
  const told = await world.send(world.team.ci, 'POST', '/v1/releases', {
    project: 'demo',
    service: 'shop',
    name: 'constructor',
    commit: 'abcdef1',
  });
  assert.equal(told.status, 422);
  for (const path of [
    '/v1/why?project=constructor&service=shop',
    '/v1/projects/demo/documents/Pipeline/constructor',
  ])
    assert.ok((await world.send(world.team.root, 'GET', path)).status < 500);
});

test('a rollback lifts no quarantine without a waiver', async () => {
  await using world = await createTeam();
  await sealed(world, 'v1');
  const lift = { ...ask, mode: 'rollback', liftQuarantine: true, note: 'please' };
  const told = await world.send(world.team.dev, 'POST', '/v1/promotions', lift);
  assert.deepEqual([told.status, told.body['code']], [403, 'not-allowed']);
  const waived = await world.send(world.team.root, 'POST', '/v1/promotions', lift);
  assert.equal(waived.body['code'], 'rollback-impossible', 'the waiver opens no other door');
});

test('a report of no release, or one too many, leaves nothing behind', async () => {
  await using world = await createTeam();
  await sealed(world, 'v1');
  const report = (release: string, artifact: string) =>
    world.send(world.team.ci, 'POST', `/v1/releases/demo/shop/${release}/attachments`, {
      type: 'tests',
      name: 'unit',
      artifact,
      junit: '<testsuite><testcase/></testsuite>',
    });
  assert.equal((await report('v9', `sha256:${'0'.repeat(64)}`)).status, 404);
  assert.equal((await report('v1', `sha256:${'0'.repeat(64)}`)).status, 422);
  const { rows } = await world.pool.query('select digest from content');
  assert.deepEqual(rows, []);
});

test('a slot holds a hundred waiting promotions; the oldest are overtaken by the newest', async () => {
  await using world = await createTeam();
  for (let i = 0; i < 130; i++) {
    const name = `v${i}`;
    await sealed(world, name);
    await world.send(world.team.dev, 'POST', '/v1/promotions', { ...ask, release: name });
  }
  await world.decide();
  const view = await production(world);
  assert.equal(view.promotions.length, 100);
  assert.equal(view.promotions.at(-1)?.release, 'v129');
});

test('evidence packs are made one at a time, and a line of twenty is long enough', async () => {
  let open: () => void = () => undefined;
  const door = new Promise<void>((resolve) => (open = resolve));
  let running = 0;
  let most = 0;
  await using world = await createTeam({
    evidence: async () => {
      running += 1;
      most = Math.max(most, running);
      await door;
      running -= 1;
      return { ok: true, value: new Uint8Array([1]) };
    },
  });
  const asked = Array.from({ length: 25 }, () =>
    world.send(world.team.ann, 'GET', '/v1/evidence/demo/shop/v1'),
  );
  // While the door is shut nobody is answered but who is refused.
  const refused: number[] = [];
  await new Promise<void>((resolve) => {
    for (const one of asked) void one.then((told) => refused.push(told.status) === 5 && resolve());
  });
  assert.deepEqual(refused, [429, 429, 429, 429, 429]);
  open();
  const statuses = (await Promise.all(asked)).map((told) => told.status);
  assert.deepEqual([statuses.filter((s) => s === 200).length, most], [20, 1]);
});
