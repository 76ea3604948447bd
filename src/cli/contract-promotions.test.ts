import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { z } from 'zod';
import { DocumentList, PromotionRequested, Recorded, ReleaseList, SlotList } from '../server/schemas.ts';
import { DiagnosticsList } from '../server/schemas-diagnostics.ts';
import { WhyAnswer } from '../server/schemas-why.ts';
import { at, digest, promotion, release, slot, whyAnswer } from './testing/recorded.ts';
import { Home, runBelay } from './testing/run-belay.ts';
import { answering, problem, StubServer } from './testing/stub-server.ts';

const promotionPath = '/v1/promotions/shop/production/shop/shop-v2-production';
const slotKey = { project: 'shop', environment: 'production', service: 'shop' };
const connected = (stub: StubServer): Readonly<Record<string, string>> => ({
  BELAY_URL: stub.url,
  BELAY_TOKEN: 'secret-token',
  BELAY_PROJECT: 'shop',
});

const otherPipeline = {
  kind: 'Pipeline',
  name: 'delivery',
  project: 'pricing',
  digest: digest('d'),
  by: { id: 'u-dana', kind: 'person' },
  at,
  document: {
    apiVersion: 'belay.dev/v1alpha1',
    kind: 'Pipeline',
    metadata: { name: 'delivery', project: 'pricing' },
    spec: { service: 'quotes', stages: [{ name: 'canary', environment: 'production' }] },
  },
} as const;

test('a service is found by the applied pipelines, whatever they and their project are called', async () => {
  using home = new Home();
  await using stub = await StubServer.start({
    'GET /v1/documents': answering(DocumentList, { documents: [otherPipeline] }),
    'GET /v1/why': answering(WhyAnswer, whyAnswer()),
    'GET /v1/slots': answering(SlotList, { slots: [] }),
    'GET /v1/releases': answering(ReleaseList, {
      releases: [release({ project: 'pricing', service: 'quotes', name: 'quotes-1' })],
    }),
    'POST /v1/promotions': answering(PromotionRequested, { promotion: 'p-1', slot: slotKey }),
  });
  const env = { BELAY_URL: stub.url, BELAY_TOKEN: 'secret-token' };
  assert.equal((await runBelay(home, ['why', 'quotes'], { env })).code, 0);
  assert.deepEqual(stub.asked.at(-1)?.query, { project: 'pricing', service: 'quotes' });
  for (const command of ['why', 'status']) {
    const misspelt = await runBelay(home, [command, 'qoutes'], { env });
    assert.equal(misspelt.code, 2, command);
    assert.match(misspelt.stderr, /no pipeline is for a service qoutes; did you mean quotes\?/);
  }
  assert.equal(
    (await runBelay(home, ['status', 'quotes'], { env })).stdout,
    'Nothing has been promoted yet.\n',
  );
  const promoted = await runBelay(home, ['promote', 'quotes-1'], { env });
  assert.match(promoted.stderr, /next stage of pipeline delivery: canary/);
});

test('where nothing waits, why says what could go on, and to where', async () => {
  using home = new Home();
  const stages = [
    { name: 'staging', environment: 'staging' },
    { name: 'canary', environment: 'production', after: ['staging'] },
  ];
  const document = {
    ...otherPipeline,
    document: { ...otherPipeline.document, spec: { service: 'shop', stages } },
  };
  const idle = {
    ...whyAnswer(),
    sentence: 'nothing of shop waits',
    waits: [],
    next: null,
    slots: [
      {
        environment: 'staging',
        stable: { release: 'shop-v2', since: at },
        sentence: 'shop-v2 is stable in staging',
        promotions: [],
        lastEnd: {
          id: 'shop-v2-staging',
          release: 'shop-v2',
          stage: 'staging',
          state: 'promoted',
          at,
          sentence: 'shop-v2 was promoted in staging',
          diagnostics: false,
        },
      },
      {
        environment: 'production',
        stable: { release: 'shop-v1', since: at },
        sentence: 'shop-v1 is stable in production',
        promotions: [],
        lastEnd: null,
      },
    ],
  } as const;
  await using stub = await StubServer.start({
    'GET /v1/documents': answering(DocumentList, { documents: [document] }),
    'GET /v1/why': answering(WhyAnswer, structuredClone(idle) as z.input<typeof WhyAnswer>),
  });
  const ran = await runBelay(home, ['why', 'shop'], { env: connected(stub) });
  assert.equal(
    ran.stdout,
    [
      'nothing of shop waits.',
      '',
      'Environments:',
      '  staging: shop-v2 is stable in staging',
      '  production: shop-v1 is stable in production',
      '',
    ].join('\n'),
  );
  assert.equal(ran.stderr, 'next: belay promote shop-v2 --stage canary\n');
});

test('promote --wait of what is under way already waits for that; without --wait it says how', async () => {
  using home = new Home();
  await using stub = await StubServer.start({
    'GET /v1/releases': answering(ReleaseList, { releases: [release()] }),
    'GET /v1/slots': answering(SlotList, { slots: [slot()] }),
    'POST /v1/promotions': () => ({
      status: 409,
      body: problem(409, 'already-requested', 'shop-v2 is on its way in stage production already'),
    }),
  });
  const env = connected(stub);
  const asked = ['promote', 'shop-v2', '--stage', 'production'];
  const again = await runBelay(home, asked, { env });
  assert.deepEqual([again.code, again.stdout], [1, '']);
  assert.match(again.stderr, /next: belay promote shop-v2 --stage production --wait/);
  const waited = await runBelay(home, [...asked, '--wait'], { env });
  assert.deepEqual([waited.code, waited.stdout], [5, 'promotion/shop-v2-production is under way already\n']);
  assert.match(waited.stderr, /^waits: 0 of 1 approval given.*\nnext: belay approve shop-v2-production$/m);
});

test('what people do to a promotion is one object with -o json, and nothing else is on stdout', async () => {
  using home = new Home();
  const moving = promotion({ state: 'rolling-out', waits: [] });
  await using stub = await StubServer.start({
    'GET /v1/slots': answering(SlotList, { slots: [slot({ promotions: [moving] })] }),
    [`POST ${promotionPath}/pause`]: answering(Recorded, { recorded: 7 }),
    [`POST ${promotionPath}/approve`]: answering(Recorded, { recorded: 7 }),
  });
  const env = connected(stub);
  const paused = await runBelay(home, ['pause', 'shop', '-o', 'json'], { env });
  assert.deepEqual(JSON.parse(paused.stdout), {
    promotion: 'shop-v2-production',
    slot: slotKey,
    done: 'paused',
  });
  const approved = await runBelay(home, ['approve', 'shop-v2-production', '-o', 'json', '--wait'], { env });
  assert.equal(approved.code, 0);
  assert.deepEqual(JSON.parse(approved.stdout), {
    promotion: 'shop-v2-production',
    slot: slotKey,
    done: 'approved',
  });
});

test('waive shows what the gate has before it asks for a reason, and then waives just that gate for that time', async () => {
  using home = new Home();
  const gate = {
    name: 'canary',
    kind: 'metric',
    mode: 'enforce',
    part: 'analysis',
    verdict: 'insufficient',
    reason: { code: 'no-traffic' },
    sentence: 'not enough traffic to tell yet',
    at,
  } as const;
  const moving = promotion({ state: 'rolling-out', weight: 10, waits: [], gates: [gate] });
  const answer = whyAnswer();
  const [first] = answer.slots[0]?.promotions ?? [];
  assert.ok(first !== undefined);
  const metric = {
    series: 'errors',
    canary: { requests: 30, bad: 0 },
    stable: { requests: 270, bad: 0 },
    lower: -0.01,
    upper: 0.12,
    margin: 0.02,
    standing: null,
    gate: 'canary',
    sentence: 'errors 0 % (0 of 30) against 0 % (0 of 270)',
  };
  const measured = {
    ...answer,
    slots: [{ ...answer.slots[0], promotions: [{ ...first, metrics: [metric] }] }],
  };
  await using stub = await StubServer.start({
    'GET /v1/slots': answering(SlotList, { slots: [slot({ promotions: [moving] })] }),
    'GET /v1/why': answering(WhyAnswer, measured as z.input<typeof WhyAnswer>),
    [`POST ${promotionPath}/waive`]: answering(Recorded, { recorded: 7 }),
  });
  const env = connected(stub);
  const shown = await runBelay(home, ['waive', 'shop'], { env });
  assert.deepEqual([shown.code, shown.stdout], [2, '']);
  assert.match(shown.stderr, /gate canary at 10 %: not enough traffic to tell yet/);
  assert.match(shown.stderr, /errors 0 % \(0 of 30\) against 0 % \(0 of 270\)/);
  assert.match(
    shown.stderr,
    /nothing was waived: say why.*\nnext: belay waive shop-v2-production --gate canary -m WHY/s,
  );
  const waived = await runBelay(home, ['waive', 'shop', '-m', 'night', '--for', '30m'], { env });
  assert.deepEqual(
    [waived.code, waived.stdout],
    [0, 'promotion/shop-v2-production leaves its weight without gate canary\n'],
  );
  assert.deepEqual(JSON.parse(stub.asked.at(-1)?.body ?? ''), {
    gate: 'canary',
    note: 'night',
    forMs: 1_800_000,
  });
});

test('who is barred from approving is not sent to look at the token', async () => {
  using home = new Home();
  await using stub = await StubServer.start({
    'GET /v1/slots': answering(SlotList, { slots: [slot()] }),
    [`POST ${promotionPath}/approve`]: () => ({
      status: 403,
      body: problem(403, 'barred-approver', 'u-dana cannot approve it'),
    }),
  });
  const ran = await runBelay(home, ['approve', 'shop'], { env: connected(stub) });
  assert.equal(ran.code, 7);
  assert.match(ran.stderr, /next: ask somebody else to approve it/);
});

test('status does not call idle what has lost its traffic', async () => {
  using home = new Home();
  const lost = slot({ promotions: [], weights: [], observedAt: at });
  await using stub = await StubServer.start({ 'GET /v1/slots': answering(SlotList, { slots: [lost] }) });
  const ran = await runBelay(home, ['status'], { env: connected(stub) });
  assert.match(ran.stdout, /shop-v1 +- +- +no-traffic/);
});

test('diagnostics shows what the release that was turned back said last', async () => {
  using home = new Home();
  const kept = {
    environment: 'production',
    promotion: 'shop-v3-production',
    release: 'shop-v3',
    state: 'refused',
    reason: 'shop-v3 was not ready in time',
    at,
    diagnostics: {
      processes: [
        {
          name: 'shop-v3-0',
          state: 'waiting: CrashLoopBackOff',
          restarts: 3,
          log: ['no database \u001b[31mat all', 'giving up'],
        },
      ],
      events: [{ at, about: 'shop-v3-0', text: 'BackOff: restarting failed container' }],
    },
  } as const;
  await using stub = await StubServer.start({
    'GET /v1/why': answering(WhyAnswer, {
      ...whyAnswer(),
      waits: [],
      slots: [
        {
          environment: 'production',
          stable: null,
          sentence: 'nothing waits',
          promotions: [],
          lastEnd: {
            id: 'shop-v3-production',
            release: 'shop-v3',
            stage: 'production',
            state: 'refused',
            at,
            sentence: 'shop-v3 was refused',
            diagnostics: true,
          },
        },
      ],
    }),
    'GET /v1/documents': answering(DocumentList, { documents: [otherPipeline] }),
    'GET /v1/diagnostics': answering(DiagnosticsList, { diagnostics: [kept] }),
  });
  const env = connected(stub);
  const asked = await runBelay(home, ['why', 'shop'], { env });
  assert.match(asked.stderr, /^next: belay diagnostics shop$/m);
  const ran = await runBelay(home, ['diagnostics', 'shop'], { env });
  assert.equal(ran.code, 0, ran.stderr);
  assert.match(ran.stdout, /^shop-v3 in production, refused at .*: shop-v3 was not ready in time\n/);
  assert.match(
    ran.stdout,
    /shop-v3-0: waiting: CrashLoopBackOff, restarted 3 times\n {2}no database .*\n {2}giving up\n/,
  );
  assert.match(ran.stdout, /Events:\n.*shop-v3-0 {2}BackOff: restarting failed container\n/);
  assert.ok(!ran.stdout.includes('\u001b'));
  const json = await runBelay(home, ['diagnostics', 'shop', '-o', 'json'], { env });
  assert.deepEqual(JSON.parse(json.stdout), { diagnostics: [kept] });
});
