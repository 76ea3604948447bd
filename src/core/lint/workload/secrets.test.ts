import assert from 'node:assert/strict';
import { test } from 'node:test';
import { namesSecret, secretIn, secretLine, secretSetting } from './secret-patterns.ts';
import { findings, findingsAfter, report } from './testing/good.ts';

const first = 'Deployment shop/web /spec/template/spec/containers/0';

test('a name counts where it ends in a word for a secret', () => {
  for (const name of [
    'DB_PASSWORD',
    'PGPASSWORD',
    'db.password',
    'dbPassword',
    'GITHUB_TOKEN',
    'API_KEY',
    'apiKey',
    'apikey',
    'SECRET_KEY_BASE',
    'AWS_SECRET_ACCESS_KEY',
    'CLIENT_SECRET',
    'PASSWORD_2',
    'DB_PASS',
  ])
    assert.ok(namesSecret(name), name);
  for (const name of [
    'PASSWORD_FILE',
    'TOKEN_TTL',
    'API_KEY_ID',
    'SECRET_NAME',
    'MAX_TOKENS',
    'PASSWORD_MIN_LENGTH',
    'KEY',
    'CACHE_KEY',
    'BYPASS',
    'SECRETARY',
    'TOKENIZER',
    'PUBLIC_KEY',
    '',
  ])
    assert.ok(!namesSecret(name), name);
});

test('a value that is a switch, a place or filled in later is no secret', () => {
  for (const [name, value] of [
    ['REQUIRE_PASSWORD', 'true'],
    ['ALLOW_EMPTY_PASSWORD', '1'],
    ['DB_PASSWORD', ''],
    ['DB_PASSWORD', '$(OTHER)'],
    ['DB_PASSWORD', '/run/secrets/db'],
    ['DB_PASSWORD', 'vault:secret/data/db#password'],
    ['OAUTH_TOKEN', 'https://login.example/token'],
    ['CONTEXT_TOKEN', '4096'],
    ['TLS_SECRET', 'shop-tls'],
    ['API_KEY', '<your key here>'],
    ['DATABASE_URL', 'postgresql://shop:$(DB_PASSWORD)@db/shop'],
    ['DATABASE_URL', 'postgresql://shop@db:5432/shop'],
    ['IMAGE_DIGEST', `sha256:${'ab'.repeat(32)}`],
    ['PUBLIC_KEY', '-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----'],
  ] as const)
    assert.equal(secretSetting(name, value), null, `${name}=${value}`);
  for (const [name, value, what] of [
    ['DB_PASSWORD', 'hunter2', 'a secret by its name'],
    ['DB_PASSWORD', '12345', 'a secret by its name'],
    ['DATABASE_URL', 'postgresql://shop:hunter2@db/shop', 'a URL with a password'],
  ] as const)
    assert.equal(secretSetting(name, value), what, `${name}=${value}`);
});

test('texts that only one issuer makes are secrets under any name', () => {
  // Repeated here, so that no scanner takes this file for a leak.
  const begin = '-'.repeat(5).concat('BEGIN');
  const cases: readonly (readonly [string, string])[] = [
    [`${begin} RSA PRIVATE KEY-----`, 'a private key'],
    [`${begin} PRIVATE KEY-----`, 'a private key'],
    [`ghp_${'aB3'.repeat(12)}`, 'a GitHub token'],
    [`glpat-${'x1'.repeat(10)}`, 'a GitLab token'],
    [`xoxb-${'1234567890'.repeat(3)}`, 'a Slack token'],
    [`AKIA${'ABCDEFGH'.repeat(2)}`, 'an AWS access key'],
    [`AIza${'a'.repeat(35)}`, 'a Google API key'],
    [`sk_live_${'a1'.repeat(12)}`, 'a Stripe key'],
    [`npm_${'a'.repeat(36)}`, 'an npm token'],
    [`eyJ${'a'.repeat(20)}.eyJ${'b'.repeat(20)}.${'c'.repeat(43)}`, 'a signed token (JWT)'],
  ];
  for (const [text, what] of cases) assert.equal(secretIn(`x ${text}`), what);
});

test('a line of a file sets a secret; prose, code and comments do not', () => {
  assert.deepEqual(secretLine('log=info\ndb.password = hunter2\n'), {
    line: 2,
    name: 'db.password',
    what: 'a secret by its name',
  });
  assert.equal(secretLine('{\n  "user": "shop",\n  "password": "hunter2",\n}')?.line, 3);
  for (const text of [
    '# password: hunter2',
    'password: the one that you were given',
    'password = os.environ["PASSWORD"]',
    'token: string',
    'password=${DB_PASSWORD}',
    'password: {{ .Values.password }}',
    'token_ttl: 3600',
    'passwordSecret: shop-database',
  ])
    assert.equal(secretLine(text), null, text);
});

test('secrets are found where manifests hold them, and never told', () => {
  const value = 'correct-Horse-battery9';
  const url = `https://user:${value}@example.com`;
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' } };
  const cases: readonly (readonly [Parameters<typeof findingsAfter>[0], readonly string[]])[] = [
    [(_, web) => web.env.push({ name: 'API_TOKEN', value }), [`error secret-literal ${first}/env/1/value`]],
    [
      (_, web) => (web.args = ['--verbose', `--db-password=${value}`]),
      [`error secret-literal ${first}/args/1`],
    ],
    [(_, web) => (web.args = ['--password', value]), [`error secret-literal ${first}/args/0`]],
    [(_, web) => (web.args = ['--password', '--verbose', '--token=$(TOKEN)']), []],
    [(_, web) => (web.command = ['run', url]), [`error secret-literal ${first}/command/1`]],
    [
      ({ config }) => (config.data['db/password'] = value),
      ['error secret-literal ConfigMap shop/web /data/db~1password'],
    ],
    [
      ({ config }) => (config.data['app.ini'] = `[db]\npassword=${value}\n`),
      ['error secret-literal ConfigMap shop/web /data/app.ini'],
    ],
    [
      ({ config }) => (config.data['app.ini'] = `[db]\nurl=${url}\n`),
      ['error secret-literal ConfigMap shop/web /data/app.ini'],
    ],
    [({ config }) => (config.data['reset-password'] = 'Dear customer,\nhere is how.\n'), []],
    [
      () => [{ ...secret, data: { password: 'aHVudGVyMg==' } }],
      ['error secret-object Secret s /data/password'],
    ],
    [
      () => [{ ...secret, stringData: { 'tls.crt': 'x', 'tls.key': 'y' } }],
      ['error secret-object Secret s /stringData/tls.key'],
    ],
    [() => [{ ...secret, data: { 'ca.crt': 'eA==' } }], []],
    [() => [secret], []],
  ];
  for (const [change, expected] of cases)
    assert.deepEqual(findingsAfter(change), expected, change.toString());
  const told = JSON.stringify(report([{ ...secret, stringData: { password: value } }]));
  assert.ok(!told.includes(value));
  assert.deepEqual(
    findings([{ apiVersion: 'external-secrets.io/v1', kind: 'ExternalSecret', metadata: { name: 'e' } }]),
    [],
  );
});
