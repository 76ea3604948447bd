import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { z } from 'zod';
import {
  ApplyAnswer,
  ApplyRequest,
  ApproveRequest,
  CreatedToken,
  CreateTokenRequest,
  PromotionRequest,
  PromotionRequested,
  Recorded,
  ReleaseList,
  SealReleaseRequest,
  SlotList,
  WhereAnswer,
} from '../server/schemas.ts';
import { WhyAnswer } from '../server/schemas-why.ts';
import { FreezeAnswer, FreezeList, FreezeRequest } from '../server/schemas-freezes.ts';
import { HistoryAnswer } from '../server/schemas-ledger.ts';
import { at, digest, promotion, release, slot, whyAnswer } from './testing/recorded.ts';
import { Home, runBelay } from './testing/run-belay.ts';
import { answering, problem, StubServer } from './testing/stub-server.ts';
import { version } from './version.ts';

const promotionPath = '/v1/promotions/shop/production/shop/shop-v2-production';
const slotKey = { project: 'shop', environment: 'production', service: 'shop' };
const connected = (stub: StubServer): Readonly<Record<string, string>> => ({
  BELAY_URL: stub.url,
  BELAY_TOKEN: 'secret-token',
  BELAY_PROJECT: 'shop',
});

test('the version is that of the package, on stdout alone', async () => {
  using home = new Home();
  const packed = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  assert.equal(version, packed.version);
  assert.deepEqual(await runBelay(home, ['--version']), { code: 0, stdout: `${version}\n`, stderr: '' });
});

test('an unknown command is a usage error with the nearest one', async () => {
  using home = new Home();
  const ran = await runBelay(home, ['aprove', 'shop']);
  assert.equal(ran.code, 2);
  assert.equal(ran.stdout, '');
  assert.match(ran.stderr, /unknown command 'aprove'/);
  assert.match(ran.stderr, /Did you mean approve\?/);
});

test('an unknown flag and a missing argument are usage errors', async () => {
  using home = new Home();
  assert.equal((await runBelay(home, ['why', 'shop', '--outputt', 'json'])).code, 2);
  const missing = await runBelay(home, ['release', 'show']);
  assert.deepEqual(
    [missing.code, missing.stderr],
    [2, "error: missing required argument 'release'\nnext: belay release show --help\n"],
  );
  assert.equal((await runBelay(home, ['why', 'shop', '-o', 'xml'])).code, 2);
});

test('help goes to stdout, examples first', async () => {
  using home = new Home();
  const ran = await runBelay(home, ['promote', '--help']);
  assert.equal(ran.code, 0);
  assert.equal(ran.stderr, '');
  assert.ok(ran.stdout.startsWith('Examples:\n  belay promote shop-v2'));
});

test('without a server the way to one is told', async () => {
  using home = new Home();
  const ran = await runBelay(home, ['why', 'shop']);
  assert.equal(ran.code, 2);
  assert.match(ran.stderr, /no server is known/);
  assert.match(ran.stderr, /next: belay up/);
});

test('a server that is not there is an error that says so', async () => {
  using home = new Home();
  const ran = await runBelay(home, ['why', 'shop'], {
    env: { BELAY_URL: 'http://127.0.0.1:1', BELAY_TOKEN: 'x', BELAY_PROJECT: 'shop' },
  });
  assert.equal(ran.code, 1);
  assert.match(ran.stderr, /cannot reach the server at http:\/\/127\.0\.0\.1:1/);
});

test('why prints the sentence, and the same object with -o json', async () => {
  using home = new Home();
  await using stub = await StubServer.start({ 'GET /v1/why': answering(WhyAnswer, whyAnswer()) });
  const words = await runBelay(home, ['why', 'shop'], { env: connected(stub) });
  assert.equal(words.code, 0);
  assert.equal(words.stderr, '');
  assert.equal(words.stdout, `${whyAnswer().sentence}.\n`);
  const json = await runBelay(home, ['why', 'shop/shop', '-o', 'json'], { env: connected(stub) });
  assert.deepEqual(JSON.parse(json.stdout), whyAnswer());
  assert.deepEqual(stub.asked[0]?.query, { project: 'shop', service: 'shop' });
  assert.equal(stub.asked[0]?.headers['authorization'], 'Bearer secret-token');
});

test('colours only where they are wanted: NO_COLOR wins over CLICOLOR_FORCE', async () => {
  using home = new Home();
  await using stub = await StubServer.start({ 'GET /v1/why': answering(WhyAnswer, whyAnswer()) });
  const env = connected(stub);
  const forced = await runBelay(home, ['why', 'shop'], { env: { ...env, CLICOLOR_FORCE: '1' } });
  assert.ok(forced.stdout.includes('\u001b['));
  const none = await runBelay(home, ['why', 'shop'], { env: { ...env, CLICOLOR_FORCE: '1', NO_COLOR: '1' } });
  assert.ok(!none.stdout.includes('\u001b['));
});

test('control characters of others do not reach the terminal', async () => {
  using home = new Home();
  const answer = { ...whyAnswer(), sentence: 'paused (“\u001b]0;owned\u0007”)' };
  await using stub = await StubServer.start({ 'GET /v1/why': answering(WhyAnswer, answer) });
  const ran = await runBelay(home, ['why', 'shop'], { env: connected(stub) });
  assert.ok(!ran.stdout.includes('\u001b'));
  assert.ok(!ran.stdout.includes('\u0007'));
});

test('approve picks the one promotion that needs it, and sends exactly its plan', async () => {
  using home = new Home();
  await using stub = await StubServer.start({
    'GET /v1/slots': answering(SlotList, { slots: [slot()] }),
    [`POST ${promotionPath}/approve`]: answering(Recorded, { recorded: 7 }),
  });
  const ran = await runBelay(home, ['approve', 'shop', '-m', 'looks right'], { env: connected(stub) });
  assert.equal(ran.code, 0);
  assert.equal(ran.stdout, 'promotion/shop-v2-production approved\n');
  assert.match(ran.stderr, /^server: http:\/\/127\S+ \(BELAY_URL\), project shop\n/);
  assert.match(ran.stderr, /approving plan cccccccccccc: shop-v2 \(artifact bbbbbbbbbbbb\) into production/);
  const sent = stub.asked.at(-1);
  assert.deepEqual(ApproveRequest.parse(JSON.parse(sent?.body ?? '')), {
    plan: digest('c'),
    note: 'looks right',
  });
  assert.match(String(sent?.headers['idempotency-key']), /^[0-9a-f-]{36}$/);
});

test('approve of another plan than the one that was looked at changes nothing', async () => {
  using home = new Home();
  await using stub = await StubServer.start({ 'GET /v1/slots': answering(SlotList, { slots: [slot()] }) });
  const ran = await runBelay(home, ['approve', 'shop', '--plan', 'dddd'], { env: connected(stub) });
  assert.equal(ran.code, 1);
  assert.match(ran.stderr, /the plan is cccccccccccc now, not dddd: nothing was approved/);
  assert.ok(stub.asked.every((asked) => asked.method === 'GET'));
});

test('approve with several promotions lists them and does nothing', async () => {
  using home = new Home();
  const other = promotion({ id: 'shop-v3-production', release: 'shop-v3' });
  await using stub = await StubServer.start({
    'GET /v1/slots': answering(SlotList, { slots: [slot({ promotions: [promotion(), other] })] }),
  });
  const ran = await runBelay(home, ['approve', 'shop'], { env: connected(stub) });
  assert.equal(ran.code, 2);
  assert.match(ran.stderr, /next: belay approve shop-v2-production {3}shop-v2 in production, waiting/);
  assert.match(ran.stderr, /next: belay approve shop-v3-production/);
});

test('a misspelt target gets the nearest one', async () => {
  using home = new Home();
  await using stub = await StubServer.start({ 'GET /v1/slots': answering(SlotList, { slots: [slot()] }) });
  const ran = await runBelay(home, ['pause', 'shpo-v2-production'], { env: connected(stub) });
  assert.equal(ran.code, 2);
  assert.match(ran.stderr, /did you mean shop-v2-production\?/);
});

test('refusals come with their words and their exit code', async () => {
  using home = new Home();
  for (const [status, code, exit] of [
    [401, 'unauthenticated', 4],
    [403, 'not-allowed', 4],
    [409, 'frozen', 7],
    [422, 'invalid', 1],
  ] as const) {
    await using stub = await StubServer.start({
      'GET /v1/slots': answering(SlotList, { slots: [slot()] }),
      [`POST ${promotionPath}/pause`]: () => ({ status, body: problem(status, code, `no: ${code}`) }),
    });
    const ran = await runBelay(home, ['pause', 'shop'], { env: connected(stub) });
    assert.equal(ran.code, exit, code);
    assert.match(ran.stderr, new RegExp(`error: no: ${code}`));
    assert.equal(ran.stdout, '');
  }
});

test('promote --wait=decision ends with "waits for a person"', async () => {
  using home = new Home();
  await using stub = await StubServer.start({
    'GET /v1/releases': answering(ReleaseList, { releases: [release()] }),
    'GET /v1/slots': answering(SlotList, { slots: [slot()] }),
    'POST /v1/promotions': answering(PromotionRequested, { promotion: 'shop-v2-production', slot: slotKey }),
  });
  const ran = await runBelay(home, ['promote', 'shop-v2', '--stage', 'production', '--wait=decision'], {
    env: connected(stub),
  });
  assert.equal(ran.code, 5);
  assert.equal(ran.stdout, 'promotion/shop-v2-production requested\n');
  assert.match(ran.stderr, /0 of 1 approval given/);
  const sent = stub.asked.find((asked) => asked.method === 'POST');
  assert.equal(PromotionRequest.parse(JSON.parse(sent?.body ?? '')).mode, 'promote');
});

test('promote --wait=promoted follows the events to the end: 3 when it was rolled back', async () => {
  using home = new Home();
  let ended = false;
  const reason = { code: 'canary-gone', release: 'shop-v2' } as const;
  const end = {
    ...slot().ended[0],
    id: 'shop-v2-production',
    release: 'shop-v2',
    stage: 'production',
    state: 'rolled-back',
    reason,
    sentence: 'shop-v2 had traffic and none of its processes was ready any more',
    at,
  } as const;
  await using stub = await StubServer.start({
    'GET /v1/releases': answering(ReleaseList, { releases: [release()] }),
    'GET /v1/slots': answering(SlotList, () => {
      const answer = { slots: [ended ? slot({ promotions: [], ended: [end] }) : slot()] };
      ended = true;
      return answer;
    }),
    'POST /v1/promotions': answering(PromotionRequested, { promotion: 'shop-v2-production', slot: slotKey }),
  });
  const pushing = setInterval(
    () => stub.push({ index: 1, stream: 's', seq: 1, type: 'decided', sentence: '', entry: {} }, '1'),
    50,
  );
  const ran = await runBelay(
    home,
    ['promote', 'shop-v2', '--stage', 'production', '--wait=promoted', '--timeout', '30s'],
    { env: connected(stub) },
  );
  clearInterval(pushing);
  assert.equal(ran.code, 3);
  assert.match(ran.stderr, /waiting: 0 of 1 approval given/);
  assert.match(ran.stderr, /shop-v2 ended rolled-back in production: shop-v2 had traffic/);
});

test('--timeout ends the wait with 8', async () => {
  using home = new Home();
  await using stub = await StubServer.start({
    'GET /v1/releases': answering(ReleaseList, { releases: [release()] }),
    'GET /v1/slots': answering(SlotList, { slots: [slot()] }),
    'POST /v1/promotions': answering(PromotionRequested, { promotion: 'shop-v2-production', slot: slotKey }),
  });
  const ran = await runBelay(
    home,
    ['promote', 'shop-v2', '--stage', 'production', '--wait=promoted', '--timeout', '300ms'],
    { env: connected(stub) },
  );
  assert.equal(ran.code, 8);
  assert.match(ran.stderr, /the time is over; it still waits: 0 of 1 approval/);
});

test('rollback goes to the version before and asks by the stage that promoted', async () => {
  using home = new Home();
  await using stub = await StubServer.start({
    'GET /v1/slots': answering(SlotList, { slots: [slot({ promotions: [] })] }),
    'POST /v1/promotions': answering(PromotionRequested, { promotion: 'shop-v0-back', slot: slotKey }),
  });
  const ran = await runBelay(home, ['rollback', 'shop'], { env: connected(stub) });
  assert.equal(ran.stdout, 'promotion/shop-v0-back requested: back to shop-v0\n');
  const sent = PromotionRequest.parse(JSON.parse(stub.asked.at(-1)?.body ?? ''));
  assert.deepEqual([sent.mode, sent.release, sent.stage], ['rollback', 'shop-v0', 'production']);
});

test('status is a table, names, or one JSON object', async () => {
  using home = new Home();
  await using stub = await StubServer.start({ 'GET /v1/slots': answering(SlotList, { slots: [slot()] }) });
  const env = connected(stub);
  const table = (await runBelay(home, ['status'], { env })).stdout.split('\n');
  assert.match(
    table[0] ?? '',
    /^SERVICE {2}ENVIRONMENT {2}STABLE {3}MOVING {3}WEIGHT {2}STATE {4}WAITS-FOR {10}AGE$/,
  );
  assert.match(
    table[1] ?? '',
    /^shop {5}production {3}shop-v1 {2}shop-v2 {2}0% {6}waiting {2}approvals-missing/,
  );
  assert.equal(
    (await runBelay(home, ['status', '-o', 'name'], { env })).stdout,
    'slot/shop/production/shop\n',
  );
  assert.deepEqual(JSON.parse((await runBelay(home, ['status', '-o', 'json'], { env })).stdout), {
    slots: [slot()],
  });
});

test('status -w -o json writes one object a line, when something changed', async () => {
  using home = new Home();
  let generation = 1;
  await using stub = await StubServer.start({
    'GET /v1/slots': answering(SlotList, () => ({ slots: [slot({ generation: generation++ })] })),
  });
  const pushing = setInterval(
    () => stub.push({ index: 1, stream: 's', seq: 1, type: 'decided', sentence: '', entry: {} }, '1'),
    50,
  );
  const ran = await runBelay(home, ['status', '-w', '-o', 'json'], {
    env: connected(stub),
    until: (stdout) => stdout.split('\n').length > 2,
  });
  clearInterval(pushing);
  const lines = ran.stdout.trimEnd().split('\n').slice(0, 2);
  assert.deepEqual(
    lines.map((line) => SlotList.parse(JSON.parse(line)).slots[0]?.generation),
    [1, 2],
  );
});

test('history, where and release list print what the server answers', async () => {
  using home = new Home();
  const entry = {
    index: 4,
    at,
    stream: 'slot/shop/production/shop',
    seq: 2,
    type: 'paused',
    sentence: 'u-dana paused it',
    entry: {},
  };
  const { stages: _s, attachments: _a, ...rest } = release();
  await using stub = await StubServer.start({
    'GET /v1/history': answering(HistoryAnswer, { entries: [entry], next: 4 }),
    'GET /v1/where': answering(WhereAnswer, {
      releases: [{ ...rest, stages: [], running: [{ environment: 'production', weight: 10 }] }],
    }),
    'GET /v1/releases': answering(ReleaseList, { releases: [release()] }),
  });
  const env = connected(stub);
  const history = await runBelay(home, ['history', 'shop'], { env });
  assert.match(history.stdout, /2026-11-21T09:30:00Z {2}slot\/shop\/production\/shop {2}u-dana paused it/);
  assert.match(history.stderr, /next: belay history shop --before 4/);
  assert.match(
    (await runBelay(home, ['where', '9f8d111'], { env })).stdout,
    /shop-v2 {2}shop {5}9f8d111d8 {2}production {3}sealed {2}10%/,
  );
  assert.equal(
    (await runBelay(home, ['release', 'list', '-o', 'name'], { env })).stdout,
    'release/shop/shop/shop-v2\n',
  );
});

test('seal uploads a file and names it by its digest', async () => {
  using home = new Home();
  writeFileSync(join(home.path, 'shop.tar'), 'artifact');
  const named = 'sha256:c7c5c1d70c5dec4416ab6158afd0b223ef40c29b1dc1f97ed9428b94d4cadb1c';
  await using stub = await StubServer.start({
    'GET /v1/releases': answering(ReleaseList, { releases: [release({ sealed: null })] }),
    [`PUT /v1/artifacts/${encodeURIComponent(named)}`]: () => ({
      status: 201,
      body: { digest: named, bytes: 8 },
    }),
    'POST /v1/releases/shop/shop/shop-v2/seal': () => ({ body: release() }),
  });
  const ran = await runBelay(home, ['release', 'seal', 'shop-v2', '--artifact', 'shop.tar'], {
    env: connected(stub),
  });
  assert.equal(ran.stdout, 'release/shop/shop/shop-v2 sealed\n');
  const sealed = SealReleaseRequest.parse(JSON.parse(stub.asked.at(-1)?.body ?? ''));
  assert.deepEqual(sealed.artifact, { name: 'shop.tar', digest: named, kind: 'file' });
  assert.equal(stub.asked.find((asked) => asked.method === 'PUT')?.body, 'artifact');
});

test('init writes documents that lint finds nothing in and apply takes', async () => {
  using home = new Home();
  const written = await runBelay(home, ['init', '--service', 'shop']);
  assert.equal(written.stdout, 'belay.yaml\n');
  assert.match(readFileSync(join(home.path, 'belay.yaml'), 'utf8'), /^# yaml-language-server: \$schema=/);
  assert.equal((await runBelay(home, ['init', '--service', 'shop'])).code, 2);
  const linted = await runBelay(home, ['lint', '--strict']);
  assert.deepEqual([linted.code, linted.stdout, linted.stderr], [0, '', '3 documents, nothing to mend\n']);
  await using stub = await StubServer.start({
    'POST /v1/apply': answering(ApplyAnswer, {
      results: [{ kind: 'Pipeline', name: 'shop', project: 'shop', digest: digest('a'), change: 'created' }],
      warnings: [{ path: '/documents/1/metadata/name', message: 'an example', fix: 'look' }],
    }),
  });
  const applied = await runBelay(home, ['apply', '--dry-run'], { env: connected(stub) });
  assert.equal(applied.stdout, 'pipeline/shop created (dry run)\n');
  assert.match(applied.stderr, /^belay\.yaml:\d+:\d+: warning: an example; look$/m);
  const asked = stub.asked[0];
  assert.equal(asked?.query['dryRun'], 'true');
  assert.equal(ApplyRequest.parse(JSON.parse(asked?.body ?? '')).documents.length, 3);
});

test('a wrong document is refused with file, line and column, and nothing is sent', async () => {
  using home = new Home();
  writeFileSync(
    join(home.path, 'belay.yaml'),
    'apiVersion: belay.dev/v1alpha1\nkind: Project\nmetadata:\n  name: shop\n  nmae: x\nspec: {}\n',
  );
  await using stub = await StubServer.start({});
  const ran = await runBelay(home, ['apply'], { env: connected(stub) });
  assert.equal(ran.code, 1);
  assert.match(ran.stderr, /belay\.yaml:5:3: error: nmae is unknown here; did you mean name\? \[schema\]/);
  assert.match(ran.stderr, /nothing was applied/);
  assert.equal(stub.asked.length, 0);
});

test('freeze says what was in flight; unfreeze lifts the only one', async () => {
  using home = new Home();
  const frozen = {
    id: 'sale-1',
    scope: 'environment',
    project: 'shop',
    environment: 'production',
    reason: 'sale',
    until: null,
    by: { id: 'u-dana', kind: 'person' },
    at,
  } as const;
  await using stub = await StubServer.start({
    'POST /v1/freezes': answering(FreezeAnswer, {
      id: 'sale-1',
      inFlight: [{ slot: slotKey, promotion: 'shop-v2-production', effect: 'shift-traffic' }],
    }),
    'GET /v1/freezes': answering(FreezeList, { freezes: [frozen] }),
    'DELETE /v1/freezes/sale-1': answering(z.object({ recorded: z.int() }), { recorded: 3 }),
  });
  const env = connected(stub);
  assert.equal((await runBelay(home, ['freeze', 'everything'], { env })).code, 2);
  const ran = await runBelay(home, ['freeze', 'environment', 'production', '--reason', 'sale'], { env });
  assert.equal(ran.stdout, 'freeze/sale-1 frozen\n');
  assert.match(ran.stderr, /in flight: shift-traffic in production\/shop for shop-v2-production/);
  assert.deepEqual(FreezeRequest.parse(JSON.parse(stub.asked.at(-1)?.body ?? '')), {
    scope: 'environment',
    reason: 'sale',
    project: 'shop',
    environment: 'production',
  });
  assert.equal((await runBelay(home, ['unfreeze'], { env })).stdout, 'freeze/sale-1 lifted\n');
  assert.deepEqual(stub.asked.at(-1)?.query, { scope: 'environment', project: 'shop', note: '' });
});

test('a new token goes to stdout alone', async () => {
  using home = new Home();
  await using stub = await StubServer.start({
    'POST /v1/tokens': answering(CreatedToken, { id: '7f3a9c21', token: 'belay_abc' }),
  });
  const ran = await runBelay(
    home,
    ['token', 'create', 'ci-shop', '--kind', 'machine', '--grant', 'shop:*:view'],
    {
      env: connected(stub),
    },
  );
  assert.equal(ran.stdout, 'belay_abc\n');
  assert.deepEqual(CreateTokenRequest.parse(JSON.parse(stub.asked[0]?.body ?? '')).grants, [
    { project: 'shop', stages: '*', verbs: ['view'] },
  ]);
});

test('a context keeps its token from others, and sends it to its own server only', async () => {
  using home = new Home();
  await using stub = await StubServer.start({ 'GET /v1/why': answering(WhyAnswer, whyAnswer()) });
  const set = await runBelay(
    home,
    ['context', 'set', 'work', '--server', stub.url, '-n', 'shop', '--token-stdin'],
    {
      stdin: 'kept-token\n',
    },
  );
  assert.equal(set.stdout, 'context/work set\n');
  const file = join(home.path, 'config', 'belay', 'config.yaml');
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal((await runBelay(home, ['why', 'shop'])).code, 0);
  assert.equal(stub.asked.at(-1)?.headers['authorization'], 'Bearer kept-token');
  const listed = await runBelay(home, ['context', 'list', '-o', 'json']);
  assert.ok(!listed.stdout.includes('kept-token'));
  await using other = await StubServer.start({ 'GET /v1/why': answering(WhyAnswer, whyAnswer()) });
  await runBelay(home, ['why', 'shop', '--server', other.url, '-n', 'shop']);
  assert.equal(other.asked.at(-1)?.headers['authorization'], undefined);
});

test('doctor names what is wrong and what mends it', async () => {
  using home = new Home();
  await using stub = await StubServer.start({
    'GET /healthz': () => ({ body: { ok: true } }),
    'GET /readyz': () => ({ body: { ok: true } }),
    'GET /v1/whoami': () => ({ status: 401, body: problem(401, 'unauthenticated', 'this token is unknown') }),
    'GET /v1/openapi.json': () => ({ body: { info: { version: '1' } } }),
  });
  const ran = await runBelay(home, ['doctor', '-o', 'json'], { env: connected(stub) });
  assert.equal(ran.code, 1);
  const report = JSON.parse(ran.stdout) as {
    examined: { name: string; status: string; fix: string | null }[];
  };
  assert.deepEqual(
    report.examined.map((one) => `${one.name} ${one.status}`),
    ['node passed', 'config skipped', 'server passed', 'ready passed', 'token failed', 'api passed'],
  );
  assert.match(report.examined[4]?.fix ?? '', /belay token create/);
});

test('completion is a script that bash can read', async () => {
  using home = new Home();
  const ran = await runBelay(home, ['completion', 'bash']);
  assert.equal(ran.code, 0);
  assert.match(ran.stdout, /complete -o default -F _belay belay/);
  assert.match(ran.stdout, /'release'\) words='open attach seal show list'/);
  assert.equal((await runBelay(home, ['completion', 'tcsh'])).code, 2);
});
