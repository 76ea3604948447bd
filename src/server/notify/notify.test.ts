import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { checkPredicateType } from '../../core/model/release.ts';
import { err, ok } from '../../core/model/result.ts';
import { databaseNow } from '../../store/streams.ts';
import { createTeam, documents, sealed, type Team } from '../testing/world.ts';
import { deliverDue, pauseAfterAttempt } from './deliver.ts';
import type { Notice } from './notices.ts';
import { startNotifying } from './loop.ts';
import { projectNotifications } from './project.ts';
import { createWebhookSender } from './webhook.ts';

const checker = {
  name: 'qa',
  publicKey: `${'A'.repeat(43)}=`,
  predicateTypes: [checkPredicateType],
  checks: ['e2e'],
};

/** Takes in what is new and returns what would be sent now. */
async function told(world: Team): Promise<Notice[]> {
  await world.decide();
  await world.sequence();
  await projectNotifications(world.pool, world.parts.folds, { fromStart: true });
  const sent: Notice[] = [];
  await deliverDue(
    world.pool,
    async ({ body }) => {
      sent.push(JSON.parse(body) as Notice);
      return ok(null);
    },
    await databaseNow(world.pool),
  );
  return sent.sort((a, b) => a.index - b.index);
}

async function ask(world: Team): Promise<string> {
  await sealed(world, 'v1');
  const body = { project: 'demo', service: 'shop', release: 'v1', stage: 'production' };
  return String((await world.send(world.team.dev, 'POST', '/v1/promotions', body)).body['promotion']);
}

test('a release that needs approval is told once, again with a new plan, and how it ended, under one event', async () => {
  await using world = await createTeam();
  const { ann, root } = world.team;
  const id = await ask(world);
  const first = await told(world);
  assert.deepEqual(
    first.map((n) => [n.event, n.status, n.promotion]),
    [['release/demo/shop/v1/production', 'needs-approval', id]],
  );
  assert.deepEqual(await told(world), [], 'nothing new, nothing told');

  const changed = documents.map((d) =>
    d.metadata.name === 'production' ? { ...d, spec: { driver: 'local', parameters: { SIZE: '2' } } } : d,
  );
  await world.send(root, 'POST', '/v1/apply', { documents: changed });
  const again = await told(world);
  assert.deepEqual(
    again.map((n) => n.status),
    ['needs-approval'],
  );
  assert.notEqual(again[0]?.plan, first[0]?.plan);

  const reject = `/v1/promotions/demo/production/shop/${id}/reject`;
  await world.send(ann, 'POST', reject, { note: 'not today' });
  const end = await told(world);
  assert.deepEqual(
    end.map((n) => [n.event, n.status]),
    [['release/demo/shop/v1/production', 'refused']],
  );
  assert.match(end[0]?.sentence ?? '', /not today/);
  const { rows } = await world.pool.query("select event from notification where event <> '.position'");
  assert.equal(rows.length, 1);
});

test('a check that is missing is asked for, with the artifact that it is about', async () => {
  await using world = await createTeam();
  const checked = documents.map((d) =>
    d.kind === 'Pipeline'
      ? {
          ...d,
          spec: {
            ...d.spec,
            stages: d.spec.stages.map((stage) => ({
              ...stage,
              gates: [{ kind: 'check', name: 'e2e', check: 'e2e' }],
            })),
          },
        }
      : d.kind === 'Project'
        ? { ...d, spec: { trust: [checker] } }
        : d,
  );
  const applied = await world.send(world.team.root, 'POST', '/v1/apply', { documents: checked });
  assert.equal(applied.status, 200, JSON.stringify(applied.body));
  const id = await ask(world);
  const asked = (await told(world)).filter((notice) => notice.status === 'needs-check');
  assert.deepEqual(
    asked.map((n) => [n.event, n.promotion, n.check?.name]),
    [
      ['release/demo/shop/v1/staging/check/e2e', 'v1-staging-auto', 'e2e'],
      ['release/demo/shop/v1/production/check/e2e', id, 'e2e'],
    ],
  );
  assert.match(asked[0]?.check?.artifact ?? '', /^sha256:/);
});

test('a freeze is told, and that it was lifted', async () => {
  await using world = await createTeam();
  const { root } = world.team;
  const made = await world.send(root, 'POST', '/v1/freezes', { scope: 'everything', reason: 'fire' });
  assert.deepEqual(
    (await told(world)).map((n) => [n.status, n.project]),
    [['frozen', null]],
  );
  await world.send(root, 'DELETE', `/v1/freezes/${String(made.body['id'])}?scope=everything`);
  assert.deepEqual(
    (await told(world)).map((n) => n.status),
    ['unfrozen'],
  );
});

test('where nobody was told anything before, the past is not told', async () => {
  await using world = await createTeam();
  await ask(world);
  await world.decide();
  await world.sequence();
  assert.equal(await projectNotifications(world.pool, world.parts.folds), 0);
  assert.deepEqual(await told(world), []);
});

test('what is not taken is tried again later, and a newer state replaces it', async () => {
  await using world = await createTeam();
  await ask(world);
  await world.decide();
  await world.sequence();
  await projectNotifications(world.pool, world.parts.folds, { fromStart: true });
  const now = await databaseNow(world.pool);
  const failing = async () => err('answered 500');
  const first = await deliverDue(world.pool, failing, now);
  assert.deepEqual(
    first.failed.map((f) => [f.attempts, f.message]),
    [[1, 'answered 500']],
  );
  assert.equal((await deliverDue(world.pool, failing, now + 999)).failed.length, 0);
  assert.equal((await deliverDue(world.pool, failing, now + 1_000)).failed[0]?.attempts, 2);
  assert.equal((await deliverDue(world.pool, failing, now + 2_999)).failed.length, 0);
  assert.equal((await deliverDue(world.pool, async () => ok(null), now + 3_000)).delivered, 1);
  assert.equal((await deliverDue(world.pool, failing, now + 9_000_000)).failed.length, 0);
  assert.deepEqual([1, 2, 5, 40].map(pauseAfterAttempt), [1_000, 2_000, 16_000, 3_600_000]);
});

test('a webhook is signed over its time and bytes; redirects are no delivery', async () => {
  const secret = 'a secret of enough length';
  const got: { signature: string; body: string }[] = [];
  const statuses = [200, 302, 500];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      got.push({
        signature: String(request.headers['belay-signature']),
        body: Buffer.concat(chunks).toString(),
      });
      response.writeHead(statuses.shift() ?? 200, { location: 'http://127.0.0.1:1/' }).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const { port } = server.address() as AddressInfo;
    const made = createWebhookSender(
      { url: `http://127.0.0.1:${port}/hook`, secret },
      () => 1_700_000_000_500,
    );
    assert.ok(made.ok);
    const notification = { id: 1, event: 'e', body: '{"status":"frozen"}', attempts: 0 };
    assert.deepEqual(await made.value(notification), ok(null));
    const expected = createHmac('sha256', secret).update('1700000000.{"status":"frozen"}').digest('hex');
    assert.deepEqual(got[0], { signature: `t=1700000000,v1=${expected}`, body: notification.body });
    assert.deepEqual(await made.value(notification), err('answered 302'));
    assert.deepEqual(await made.value(notification), err('answered 500'));
    assert.equal(got.length, 3);
  } finally {
    server.closeAllConnections();
    server.close();
  }
  for (const url of ['http://example.com/', 'file:///etc/passwd', 'nothing', 'ftp://127.0.0.1/'])
    assert.equal(createWebhookSender({ url, secret }, () => 0).ok, false, url);
  assert.equal(createWebhookSender({ url: 'https://example.com/', secret: 'short' }, () => 0).ok, false);
});

test('the loop begins where the log ends, tells what comes, goes on after a fault, and stops', async () => {
  await using world = await createTeam();
  await world.sequence();
  const { pool, parts } = world;
  let tries = 0;
  const tried = Promise.withResolvers<null>();
  const sent = Promise.withResolvers<Notice>();
  const send = async ({ body }: { body: string }) => {
    tries += 1;
    tried.resolve(null);
    if (tries === 1) throw new TypeError('broken');
    sent.resolve(JSON.parse(body) as Notice);
    return ok(null);
  };
  const loop = startNotifying({ pool, folds: parts.folds, send, log: parts.log, everyMs: 5 });
  const started = async (): Promise<boolean> =>
    (await pool.query("select 1 from notification where event = '.position' and body <> 'null'")).rowCount ===
    1;
  while (!(await started()));
  await world.send(world.team.root, 'POST', '/v1/freezes', { scope: 'everything', reason: 'fire' });
  await world.sequence();
  await tried.promise;
  // A sender that threw has left its lease: the notification comes due again by itself, later.
  await pool.query('update notification set due_at = 0 where due_at is not null');
  assert.equal((await sent.promise).status, 'frozen');
  await loop.stop();
  assert.match(world.logged.join(), /notifications could not be looked after/);
});
