import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Problem } from './schemas.ts';
import { parseStrictJson } from './strict-json.ts';
import { createTeam, documents, sealed } from './testing/world.ts';

const open = { project: 'demo', service: 'shop', name: 'v1', commit: 'abcdef1' };

test('strict JSON refuses what parsers disagree about, and nothing else', () => {
  const refused = [
    '{"a":1,"a":2}',
    '{"a":1,"\\u0061":2}',
    `{"a":1,"a"${' '.repeat(500)}:2}`,
    '[{"x":{"b":1,"b":1}}]',
    '{"__proto__":{}}',
    '{"a":{"constructor":1}}',
    '{"\\u005f_proto__":1}',
    '{"prototype":1}',
    `${'['.repeat(41)}${']'.repeat(41)}`,
    '['.repeat(100_000),
    '{"a":1e999}',
    '[-1e400]',
    'NaN',
    '{"a":NaN}',
    '{"a":Infinity}',
    '"\\ud800"',
    '"\\u0000"',
    '{"a":"\\udc00"}',
    '',
    '{"a":1} x',
    "{'a':1}",
    '{"a":01}',
    '{"a',
    '"',
  ];
  for (const text of refused) assert.equal(parseStrictJson(text).ok, false, text.slice(0, 40));
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 8 }), (value) => {
      const text = JSON.stringify(value);
      const parsed = parseStrictJson(text);
      const odd = /"(__proto__|constructor|prototype)"|\\u0000|\\ud[89a-f]/i.test(text);
      assert.ok(odd || (parsed.ok && JSON.stringify(parsed.value) === text), text);
    }),
  );
  const same = { a: { b: 1 }, c: [{ b: 1 }, { b: 2 }], d: 'b', e: '"b":"b"' };
  assert.deepEqual(parseStrictJson(JSON.stringify(same)), { ok: true, value: same });
});

test('malformed requests are 4xx, tell where, and are logged without content', async () => {
  await using world = await createTeam();
  const { ci } = world.team;
  const secret = 'hunter2';
  const post = (body: string, headers = {}) => world.send(ci, 'POST', '/v1/releases', body, headers);
  const told = async (body: string, headers = {}): Promise<unknown> => {
    const { status, body: problem, headers: answered } = await post(body, headers);
    assert.equal(answered.get('content-type'), 'application/problem+json');
    return [status, Problem.parse(problem).code];
  };
  assert.deepEqual(await told(`{"a":"${secret}",}`), [400, 'invalid-json']);
  assert.deepEqual(await told(`{"name":"${secret}","name":"x"}`), [400, 'invalid-json']);
  assert.deepEqual(await told('{"__proto__":{"project":"demo"}}'), [400, 'invalid-json']);
  assert.deepEqual(await told('['.repeat(1_000)), [400, 'invalid-json']);
  assert.deepEqual(await told(JSON.stringify({ ...open, summary: 'x'.repeat(1_000_001) })), [
    413,
    'too-large',
  ]);
  assert.deepEqual(await told('{}', { 'content-length': '9999999999' }), [413, 'too-large']);
  assert.deepEqual(await told('a=b', { 'content-type': 'application/x-www-form-urlencoded' }), [
    415,
    'unsupported-media-type',
  ]);
  assert.deepEqual(await told(JSON.stringify({ ...open, by: secret })), [422, 'invalid-request']);
  assert.deepEqual(await told(JSON.stringify({ ...open, at: 1 })), [422, 'invalid-request']);
  const where = await post(JSON.stringify({ ...open, commit: secret, contributors: [1] }));
  assert.deepEqual(
    Problem.parse(where.body).errors?.map((e) => e.path),
    ['commit', 'contributors.0'],
  );
  assert.equal((await post('{"a":1}', { authorization: `Bearer ${secret}` })).status, 401);
  assert.equal((await world.send(ci, 'GET', '/v1/nowhere')).status, 404);
  assert.equal((await world.send(ci, 'GET', '/v1/releases/demo/shop/%00')).status, 422);
  assert.equal((await world.send(ci, 'GET', '/v1/releases?limit=100000')).status, 422);
  const log = world.logged.join('\n');
  assert.ok(!log.includes(secret) && !log.includes(ci), 'neither content nor token');
});

test('documents that do not hold are refused whole', async () => {
  await using world = await createTeam();
  const { root, dev } = world.team;
  const apply = (list: unknown, query = '') =>
    world.send(root, 'POST', `/v1/apply${query}`, { documents: list });
  const [project, , , pipeline] = documents;
  const another = { ...project, metadata: { name: 'demo' }, spec: { trust: [] } };
  const broken = await apply([
    {
      apiVersion: 'belay.dev/v1alpha1',
      kind: 'Environment',
      metadata: { name: 'new', project: 'demo' },
      spec: { driver: 'local' },
    },
    { ...pipeline, spec: { service: 'shop', stages: [{ name: 'a', environment: 'nowhere' }] } },
  ]);
  assert.deepEqual([broken.status, broken.body['code']], [422, 'invalid-documents']);
  assert.match(
    JSON.stringify(broken.body['errors']),
    /\/documents\/1\/spec\/stages\/0\/environment.*nowhere/,
  );
  const environment = await world.send(dev, 'GET', '/v1/projects/demo/documents/Environment/new');
  assert.equal(environment.status, 404, 'nothing of it was applied');
  const odd = await apply([
    { kind: 'Pipelin' },
    { ...pipeline, spec: { service: 'shop', stages: [{ name: 'a' }] } },
  ]);
  assert.match(
    JSON.stringify(odd.body['errors']),
    /\/documents\/0.*\/documents\/1\/spec\/stages\/0\/environment/,
  );
  assert.equal((await apply([another, another])).status, 422);
  const long = { reason: 'x'.repeat(200), from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z' };
  const gates = Array.from({ length: 30 }, (_, i) => ({
    kind: 'window',
    name: `w${i}`,
    closed: Array.from({ length: 20 }, () => long),
  }));
  const huge = await apply([
    { ...pipeline, spec: { service: 'shop', stages: [{ name: 'a', environment: 'staging', gates }] } },
  ]);
  assert.deepEqual([huge.status, huge.body['code']], [422, 'invalid-documents']);

  const same = await apply(documents);
  assert.deepEqual(
    (same.body['results'] as { change: string }[]).map((r) => r.change),
    ['unchanged', 'unchanged', 'unchanged', 'unchanged'],
  );
  const changed = documents.map((d) => (d.kind === 'Project' ? d : { ...d }));
  const staging = { ...documents[1], spec: { driver: 'local', replicas: 3 } };
  const dry = await apply([...changed.slice(0, 1), staging], '?dryRun=true');
  assert.deepEqual(
    (dry.body['results'] as { change: string }[]).map((r) => r.change),
    ['unchanged', 'changed'],
  );
  const stored = await world.send(dev, 'GET', '/v1/projects/demo/documents/Environment/staging');
  assert.match(JSON.stringify(stored.body['document']), /"replicas":1/);
});

test('random JSON to every command is never our fault', async () => {
  await using world = await createTeam();
  await sealed(world, 'v1');
  const paths = [
    '/v1/apply',
    '/v1/apply?dryRun=true',
    '/v1/releases',
    '/v1/releases/demo/shop/v1/attachments',
    '/v1/releases/demo/shop/v1/seal',
    '/v1/promotions',
    '/v1/promotions/demo/staging/shop/v1-staging-auto/approve',
    '/v1/promotions/demo/staging/shop/v1-staging-auto/reject',
    '/v1/promotions/demo/staging/shop/v1-staging-auto/pause',
    '/v1/freezes',
    '/v1/tokens',
  ];
  const word = fc.oneof(
    fc.constantFrom(
      'demo',
      'shop',
      'v1',
      'staging',
      'production',
      'everything',
      'project',
      'tests',
      'statement',
      '*',
    ),
    fc.string({ unit: 'binary' }),
  );
  const keys =
    'project service name release stage commit scope reason documents kind spec metadata type artifact junit envelope plan note subject grants until __proto__'.split(
      ' ',
    );
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      word,
      fc.double(),
      fc.boolean(),
      fc.constant(null),
      tie('list'),
      tie('object'),
    ),
    list: fc.array(tie('value'), { maxLength: 4 }),
    object: fc.dictionary(fc.constantFrom(...keys), tie('value'), { maxKeys: 8 }),
  }));
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...paths), value, async (path, body) => {
      const { status } = await world.send(world.team.root, 'POST', path, JSON.stringify(body) ?? 'null');
      assert.ok(status < 500, `${status} for ${path}`);
    }),
    { numRuns: 400 },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...paths),
      fc.string({ unit: 'binary', maxLength: 60 }),
      async (path, body) => {
        const { status } = await world.send(world.team.root, 'POST', path, body);
        assert.ok(status >= 400 && status < 500, `${status} for ${path}`);
      },
    ),
    { numRuns: 200 },
  );
});

test('a valid command with one thing wrong in it is never our fault', async () => {
  await using world = await createTeam();
  const digest = await sealed(world, 'v1');
  const envelope = { payload: 'e30=', payloadType: 'x', signatures: [{ sig: 'AAAA' }] };
  const valid: readonly (readonly [string, object])[] = [
    ['/v1/apply', { documents }],
    ['/v1/releases', { ...open, name: 'v2', summary: 's', contributors: ['a'] }],
    ['/v1/releases/demo/shop/v1/attachments', { type: 'statement', name: 'p', envelope }],
    [
      '/v1/releases/demo/shop/v1/attachments',
      { type: 'tests', name: 'u', artifact: digest, junit: '<testsuite/>' },
    ],
    ['/v1/releases/demo/shop/v1/seal', { artifact: { name: 'x', digest }, bundle: digest, pipeline: 'shop' }],
    ['/v1/promotions', { project: 'demo', service: 'shop', release: 'v1', stage: 'production', note: 'n' }],
    ['/v1/promotions/demo/staging/shop/v1-staging-auto/reject', { note: 'n', changesRequested: true }],
    [
      '/v1/freezes',
      { scope: 'environment', project: 'demo', environment: 'staging', reason: 'r', until: 9e12 },
    ],
    [
      '/v1/tokens',
      { subject: 'a', kind: 'person', grants: [{ project: '*', stages: ['a'], verbs: ['view'] }] },
    ],
  ];
  const odd = fc.oneof(
    fc.constantFrom(
      'toString',
      'hasOwnProperty',
      '__proto__',
      'a'.repeat(300),
      '../..',
      '-',
      '',
      'a\u0000b',
      '\ud800',
    ),
    fc.constantFrom(-1, 0, 1e308, -0, 0.1, 2 ** 53, null, true, [], {}, [[]], [null]),
    fc.string({ unit: 'binary' }),
  );
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...valid), fc.nat(), odd, async ([path, body], at, value) => {
      const { status } = await world.send(
        world.team.root,
        'POST',
        path,
        JSON.stringify(replaceNth(body, at, value)),
      );
      assert.ok(status < 500, `${status} for ${path}`);
    }),
    { numRuns: 500 },
  );
});

/** A copy with the nth value, counted through the whole tree, replaced by another. */
function replaceNth(tree: unknown, nth: number, by: unknown): unknown {
  const count = (value: unknown): number =>
    typeof value === 'object' && value !== null
      ? 1 + Object.values(value).reduce((n, v) => n + count(v), 0)
      : 1;
  let left = nth % count(tree);
  const walk = (value: unknown): unknown => {
    left -= 1;
    if (left === -1) return by;
    if (Array.isArray(value)) return value.map(walk);
    return typeof value === 'object' && value !== null
      ? Object.fromEntries(Object.entries(value).map(([key, v]) => [key, walk(v)]))
      : value;
  };
  return walk(tree);
}
