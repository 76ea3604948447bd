import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readEntries } from '../store/streams.ts';
import type { SlotEntry } from '../core/model/entries.ts';
import { SlotList, type SlotView } from './schemas.ts';
import { WhyAnswer } from './schemas-why.ts';
import { createTeam, documents, sealed, type Team } from './testing/world.ts';

const slot = '/v1/promotions/demo/production/shop';

async function production(world: Team): Promise<SlotView> {
  const answer = await world.send(world.team.dev, 'GET', '/v1/slots?environment=production');
  const [view] = SlotList.parse(answer.body).slots;
  assert.ok(view !== undefined, JSON.stringify(answer.body));
  return view;
}

/** A promotion of v1 to production that waits for approvals of its plan. */
async function waiting(world: Team): Promise<{ id: string; plan: string }> {
  await sealed(world, 'v1', ['eve']);
  const asked = await world.send(world.team.dev, 'POST', '/v1/promotions', {
    project: 'demo',
    service: 'shop',
    release: 'v1',
    stage: 'production',
  });
  assert.equal(asked.status, 200, JSON.stringify(asked.body));
  await world.decide();
  const [promotion] = (await production(world)).promotions;
  return { id: String(asked.body['promotion']), plan: promotion?.plan?.digest ?? '' };
}

test('a promotion is asked for, planned and approved; the facts carry the token’s subject and the database’s time', async () => {
  await using world = await createTeam();
  const { ann, bob, dev } = world.team;
  const { id, plan } = await waiting(world);
  const view = await production(world);
  assert.deepEqual(
    view.promotions.map((p) => [p.id, p.state, p.requestedBy.id, p.gates[0]?.verdict]),
    [[id, 'waiting', 'dev', 'pending']],
  );
  assert.equal(view.promotions[0]?.waits[0]?.reason.code, 'approvals-missing');
  assert.equal(view.rollback.readiness, 'impossible');
  const before = Date.now() - 1_000;
  const first = await world.send(ann, 'POST', `${slot}/${id}/approve`, { plan, note: 'looks right' });
  assert.equal(first.status, 200, JSON.stringify(first.body));
  const entries = await readEntries<SlotEntry>(world.pool, 'slot/demo/production/shop', 0);
  const approved = entries.find((e) => e.seq === first.body['recorded'])?.entry;
  assert.ok(approved?.type === 'approved' && approved.at > before);
  assert.deepEqual(approved.by, { id: 'ann', kind: 'person' });
  await world.send(bob, 'POST', `${slot}/${id}/approve`, { plan });
  await world.decide();
  const after = await production(world);
  assert.equal(after.promotions[0]?.state, 'rolling-out');
  assert.equal(after.promotions[0]?.gates[0]?.sentence?.includes('ann'), true);
  const why = WhyAnswer.parse((await world.send(dev, 'GET', '/v1/why?project=demo&service=shop')).body);
  assert.match(why.sentence, /v1/);
  assert.equal(why.slots.length, 2);
});

test('two approvals at once are both recorded', async () => {
  await using world = await createTeam();
  const { ann, bob } = world.team;
  const { id, plan } = await waiting(world);
  const told = await Promise.all(
    [ann, bob].map((who) => world.send(who, 'POST', `${slot}/${id}/approve`, { plan })),
  );
  assert.deepEqual(
    told.map((t) => t.status),
    [200, 200],
  );
  assert.notEqual(told[0]?.body['recorded'], told[1]?.body['recorded']);
  const [promotion] = (await production(world)).promotions;
  assert.deepEqual(promotion?.approvals.map((a) => a.by.id).sort(), ['ann', 'bob']);
});

test('the same approval twice at once is recorded once', async () => {
  await using world = await createTeam();
  const { id, plan } = await waiting(world);
  const twice = [1, 2, 3].map(() => world.send(world.team.ann, 'POST', `${slot}/${id}/approve`, { plan }));
  const statuses = (await Promise.all(twice)).map((t) => t.status).sort((a, b) => a - b);
  assert.deepEqual(statuses, [200, 409, 409]);
});

test('an approval that could not count is refused with its reason', async () => {
  await using world = await createTeam();
  const { ann, robot, dev, root, ci } = world.team;
  const { id, plan } = await waiting(world);
  const eve = await world.tokenFor({ id: 'eve', kind: 'person' }, [
    { project: '*', stages: '*', verbs: ['approve'] },
  ]);
  const devToo = await world.tokenFor({ id: 'dev', kind: 'person' }, [
    { project: 'demo', stages: ['production'], verbs: ['approve'] },
  ]);
  const elsewhere = await world.tokenFor({ id: 'cat', kind: 'person' }, [
    { project: 'demo', stages: ['staging'], verbs: ['approve'] },
  ]);
  const approve = async (as: string, digest: string, promotion = id): Promise<unknown> => {
    const { status, body } = await world.send(as, 'POST', `${slot}/${promotion}/approve`, { plan: digest });
    return [status, body['code']];
  };
  assert.deepEqual(await approve(robot, plan), [403, 'person-needed']);
  assert.deepEqual(await approve(eve, plan), [403, 'barred-approver'], 'a contributor');
  assert.deepEqual(await approve(devToo, plan), [403, 'barred-approver'], 'who requested it');
  assert.deepEqual(await approve(root, plan), [403, 'barred-approver'], 'who edited the gate last');
  assert.deepEqual(await approve(dev, plan), [403, 'not-allowed']);
  assert.deepEqual(await approve(ci, plan), [403, 'not-allowed']);
  assert.deepEqual(await approve(elsewhere, plan), [403, 'not-allowed']);
  assert.deepEqual(await approve(ann, plan, 'v9-production-x'), [404, 'unknown-promotion']);
  const other = `sha256:${'0'.repeat(64)}`;
  const stale = await world.send(ann, 'POST', `${slot}/${id}/approve`, { plan: other });
  assert.deepEqual([stale.status, stale.body['code']], [409, 'plan-changed']);
  assert.ok(String(stale.body['detail']).includes(plan) && String(stale.body['detail']).includes(other));

  assert.deepEqual(await approve(ann, plan), [200, undefined]);
  const changed = documents.map((d) =>
    d.metadata.name === 'production' ? { ...d, spec: { driver: 'local', parameters: { SIZE: '2' } } } : d,
  );
  await world.send(root, 'POST', '/v1/apply', { documents: changed });
  await world.decide();
  assert.deepEqual(
    await approve(ann, plan),
    [409, 'plan-changed'],
    'the plan that was approved is not the plan now',
  );
});

test('a promotion is paused, resumed, rejected and aborted; what means nothing is refused', async () => {
  await using world = await createTeam();
  const { dev, ann } = world.team;
  const { id, plan } = await waiting(world);
  const say = async (as: string, action: string, body: object = {}): Promise<unknown> => {
    const told = await world.send(as, 'POST', `${slot}/${id}/${action}`, body);
    return told.status === 200 ? 'recorded' : told.body['code'];
  };
  assert.equal(await say(dev, 'resume'), 'not-paused');
  assert.equal(await say(dev, 'pause', { note: 'lunch' }), 'recorded');
  assert.equal(await say(dev, 'pause'), 'already-paused');
  assert.equal(await say(dev, 'resume'), 'recorded');
  assert.equal(await say(ann, 'pause'), 'not-allowed');
  assert.equal(await say(dev, 'reject'), 'not-allowed');
  assert.equal(await say(ann, 'reject', { changesRequested: true, note: 'no' }), 'recorded');
  assert.equal(await say(ann, 'reject'), 'already-rejected');
  assert.equal(await say(dev, 'abort'), 'recorded');
  await world.decide();
  assert.equal(await say(dev, 'abort'), 'promotion-ended');
  assert.equal(await say(ann, 'approve', { plan }), 'promotion-ended');
  const view = await production(world);
  assert.equal(view.ended[0]?.id, id);
  assert.ok((view.ended[0]?.sentence.length ?? 0) > 5);
});

test('a request that can mean nothing is refused', async () => {
  await using world = await createTeam();
  const { dev } = world.team;
  await waiting(world);
  const ask = async (body: object): Promise<unknown> => {
    const request = { project: 'demo', service: 'shop', release: 'v1', stage: 'production', ...body };
    const told = await world.send(dev, 'POST', '/v1/promotions', request);
    return [told.status, told.body['code']];
  };
  assert.deepEqual(await ask({}), [409, 'already-requested']);
  assert.deepEqual(await ask({ release: 'v9' }), [404, 'unknown-release']);
  assert.deepEqual(await ask({ stage: 'moon' }), [404, 'unknown-stage']);
  assert.deepEqual(await ask({ service: 'mail' }), [404, 'unknown-stage']);
  assert.deepEqual(await ask({ pipeline: 'mail' }), [404, 'unknown-stage']);
  assert.deepEqual(await ask({ mode: 'rollback' }), [409, 'rollback-impossible']);
  assert.deepEqual(await ask({ liftQuarantine: true }), [422, 'reason-needed']);
  assert.deepEqual(await ask({ project: 'other' }), [403, 'not-allowed']);
  assert.deepEqual(
    await ask({ by: { id: 'ann', kind: 'person' } }),
    [422, 'invalid-request'],
    'nobody says who he is',
  );
});

test('rights are given stage by stage', async () => {
  await using world = await createTeam();
  const stagingOnly = await world.tokenFor({ id: 'sam', kind: 'person' }, [
    { project: 'demo', stages: ['staging'], verbs: ['promote'] },
  ]);
  await sealed(world, 'v1');
  const body = { project: 'demo', service: 'shop', release: 'v1' };
  const refused = await world.send(stagingOnly, 'POST', '/v1/promotions', { ...body, stage: 'production' });
  assert.equal(refused.status, 403);
  const rollback = await world.send(stagingOnly, 'POST', '/v1/promotions', {
    ...body,
    stage: 'staging',
    mode: 'rollback',
  });
  assert.equal(rollback.status, 403);
});
