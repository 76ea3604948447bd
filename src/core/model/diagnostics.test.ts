import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { canonicalJson } from './canonical.ts';
import { boundDiagnostics, Diagnostics, withoutSecrets } from './diagnostics.ts';

test('what looks like a secret is taken out of a log line, and the rest of the line stays', () => {
  const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P';
  for (const [line, left] of [
    ['connect ECONNREFUSED 10.0.0.7:5432', 'connect ECONNREFUSED 10.0.0.7:5432'],
    ['password=hunter2 user=shop', 'password=[removed] user=shop'],
    ['{"dbPassword":"hun ter2","user":"shop"}', '{"dbPassword":[removed],"user":"shop"}'],
    ['postgres://shop:hunter2@db:5432/shop timed out', 'postgres://shop:[removed]@db:5432/shop timed out'],
    ['Authorization: Bearer abcdefghijkl', 'Authorization: [removed]'],
    ['sent Bearer abcdefghijkl to the gateway', 'sent Bearer [removed] to the gateway'],
    [`cookie set: ${jwt} for /`, 'cookie set: [removed] for /'],
    ['API_KEY: 0123456789', 'API_KEY: [removed]'],
    ['key AKIAABCDEFGHIJKLMNOP was refused', 'key [removed] was refused'],
    ['-----BEGIN RSA PRIVATE KEY----- MIIEow', '[removed]'],
    ['{"msg":"{\\"password\\":\\"hunter2\\",\\"a\\":1}"}', '{"msg":"{\\"password\\":[removed],\\"a\\":1}"}'],
    ['{"password":"a\\"hunter2","a":1}', '{"password":[removed],"a":1}'],
    ['SECRET_KEY_BASE=hunter2 PORT=80', 'SECRET_KEY_BASE=[removed] PORT=80'],
    ['DB_PASS=hunter2', 'DB_PASS=[removed]'],
    ['Server=db;User Id=sa;Pwd=hunter2;Timeout=3', 'Server=db;User Id=sa;Pwd=[removed];Timeout=3'],
    ['"privateKey": "hunter2", "a": 1', '"privateKey": [removed], "a": 1'],
    ['Cookie: a=1; sessionid=hunter2', 'Cookie: [removed]'],
    ['{"cookie":"a=1; sid=hunter2","host":"x"}', '{"cookie":[removed],"host":"x"}'],
    ['Authorization: Digest username="bob", response="hunter2"', 'Authorization: [removed]'],
    ['GET /x?code=hunter2&sig=hunter2&n=1 HTTP/1.1', 'GET /x?code=[removed]&sig=[removed]&n=1 HTTP/1.1'],
    ['X-Amz-Signature=hunter2&n=1', 'X-Amz-Signature=[removed]&n=1'],
    ['amqp://shop:p@hunter2@mq/v', 'amqp://shop:[removed]@mq/v'],
    ['https://0123456789abcdefghij@git.example/x', 'https://[removed]@git.example/x'],
    ['started with --password hunter2 --port 80', 'started with --password [removed] --port 80'],
    ['npm_abcdefghijklmnopqrstuvwxyz0123456789', '[removed]'],
    ['http://api:8080/users/bob@example.com', 'http://api:8080/users/bob@example.com'],
    ['exit code=1, bypass: true', 'exit code=1, bypass: true'],
    ['the token bucket is empty', 'the token bucket is empty'],
  ] as const)
    assert.equal(withoutSecrets(line), left);
});

test('diagnostics of any size come out within their bounds, the troubled processes first', () => {
  const text = fc.string({ maxLength: 900 });
  fc.assert(
    fc.property(
      fc.array(
        fc.record({ name: text, state: text, restarts: fc.nat(99), log: fc.array(text, { maxLength: 40 }) }),
        { maxLength: 9 },
      ),
      fc.array(fc.record({ at: fc.nat(), about: text, text }), { maxLength: 30 }),
      (processes, events) => {
        Diagnostics.parse(boundDiagnostics({ processes, events }));
      },
    ),
  );
  const one = (name: string, state: string, restarts: number) => ({ name, state, restarts, log: [] });
  const { processes } = boundDiagnostics({
    processes: [one('a', 'ready', 0), one('b', 'ready', 2), one('c', 'waiting: CrashLoopBackOff', 4)],
    events: [],
  });
  assert.deepEqual(
    processes.map(({ name }) => name),
    ['c', 'b', 'a'],
  );
});

test('the lines of a private key are taken out, also of one whose beginning was not read', () => {
  const key = ['-----BEGIN RSA PRIVATE KEY-----', 'MIIEow', 'q83v', '-----END RSA PRIVATE KEY-----', 'on'];
  const logOf = (log: readonly string[]): readonly string[] | undefined =>
    boundDiagnostics({ processes: [{ name: 'a', state: '', restarts: 0, log: [...log] }], events: [] })
      .processes[0]?.log;
  const gone = '[removed]';
  assert.deepEqual(logOf(key), [gone, gone, gone, gone, 'on']);
  assert.deepEqual(logOf(key.slice(1)), [gone, gone, gone, 'on']);
  assert.deepEqual(logOf([...key, ...key.slice(0, 2)]), [gone, gone, gone, gone, 'on', gone, gone]);
});

test('a line that is cut through a character, or has half of one, can be recorded', () => {
  const line = `${'a'.repeat(499)}😀`;
  const bound = boundDiagnostics({
    processes: [{ name: 'a', state: line, restarts: 0, log: [line, '\uD83D', '\u0000\u001b[31m'] }],
    events: [{ at: 0, about: `${'a'.repeat(252)}😀`, text: line }],
  });
  assert.deepEqual(Diagnostics.parse(JSON.parse(canonicalJson(bound))), bound);
});

test('a long line costs no more than a moment', () => {
  const began = performance.now();
  for (const line of [
    'a'.repeat(100_000),
    'password='.repeat(10_000),
    'x://'.repeat(20_000),
    '\\'.repeat(4_000),
  ])
    assert.ok(withoutSecrets(line).length <= 4_100 + 9 * 500);
  assert.ok(performance.now() - began < 500);
});
