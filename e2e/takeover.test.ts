import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { eventually } from './eventually.ts';
import { longTest } from './extent.ts';
import { assertLedgerHolds } from './ledger-checks.ts';
import { Stack } from './stack.ts';
import { goodVersion } from './tiny.ts';

/*
 * Two servers on one database, one killed. The worst that can happen is that it dies with leases in its hands: they
 * have to run out before the other may work.
 */
const longestTakeoverMs = 5_000;

/** How often each lane of work was claimed so far. */
async function claims(stack: Stack): Promise<Readonly<Record<string, number>>> {
  const { rows } = await stack.pool.query<{ lane: string; token: string }>('select lane, token from work');
  return Object.fromEntries(rows.map((row) => [row.lane, Number(row.token)]));
}

/** Milliseconds from `since` (performance.now()) until somebody has taken up looking and deciding. */
async function takenUp(
  stack: Stack,
  before: Readonly<Record<string, number>>,
  since: number,
): Promise<number> {
  await eventually('the other server takes over', async () => {
    const now = await claims(stack);
    return ['observe', 'turn'].every((lane) => (now[lane] ?? 0) > (before[lane] ?? 0));
  });
  return performance.now() - since;
}

test('one of two servers is killed with a lease in its hands: the other takes over in time', async (t) => {
  const { stack, server } = await Stack.withV1();
  await using _ = stack;
  await server.stop('SIGTERM');
  // What it has read of the outside it never records, and it keeps the lane: nothing else can read it meanwhile.
  const dying = await stack.startServer({
    entry: './faulty-server.ts',
    environment: { FAULT_POINT: 'observed', FAULT_OCCURRENCE: '3' },
  });
  // Work goes to whoever looks first, and that can be the other every time: it waits for its turn.
  const other = await stack.startServer({
    entry: './faulty-server.ts',
    environment: { FAULT_POINT: 'idle' },
  });
  await stack.openRelease(goodVersion('v2'));
  dying.child.send('arm');
  await once(dying.child, 'message');
  await stack.seal('v2');
  const { by, at } = await dying.ended;
  assert.equal(by, 'SIGKILL');
  const before = await claims(stack);
  other.child.send('arm');
  const ms = await takenUp(stack, before, at);
  t.diagnostic(`taken over after ${Math.round(ms)} ms`);
  assert.ok(ms < longestTakeoverMs, `taken over after ${Math.round(ms)} ms`);
  const end = await stack.end('v2');
  assert.equal(end.state, 'promoted', end.sentence);
  assert.deepEqual(await stack.weights(), { v2: 100 });
  assert.deepEqual(stack.customers.problems, {});
  await assertLedgerHolds(stack, 'v2');
});

longTest(
  'one of two servers is killed from outside at the first step: the other carries the release on',
  async (t) => {
    const { stack, server } = await Stack.withV1();
    await using _ = stack;
    await stack.startServer();
    await stack.openRelease(goodVersion('v2'));
    await stack.seal('v2');
    await stack.untilWeight('v2', 10);
    const since = performance.now();
    const before = await claims(stack);
    await server.stop('SIGKILL');
    const ms = await takenUp(stack, before, since);
    t.diagnostic(`taken over after ${Math.round(ms)} ms`);
    assert.ok(ms < longestTakeoverMs, `taken over after ${Math.round(ms)} ms`);
    const end = await stack.end('v2');
    assert.equal(end.state, 'promoted', end.sentence);
    assert.deepEqual(stack.customers.problems, {});
    await assertLedgerHolds(stack, 'v2');
  },
);
