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
    ['Authorization: Bearer abcdefghijkl', 'Authorization: [removed] [removed]'],
    ['sent Bearer abcdefghijkl to the gateway', 'sent Bearer [removed] to the gateway'],
    [`cookie set: ${jwt} for /`, 'cookie set: [removed] for /'],
    ['API_KEY: 0123456789', 'API_KEY: [removed]'],
    ['key AKIAABCDEFGHIJKLMNOP was refused', 'key [removed] was refused'],
    ['-----BEGIN RSA PRIVATE KEY----- MIIEow', '[removed]'],
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
  for (const line of ['a'.repeat(100_000), 'password='.repeat(10_000), 'x://'.repeat(20_000)])
    assert.ok(withoutSecrets(line).length <= 4_100 + 9 * 500);
  assert.ok(performance.now() - began < 1_000);
});
