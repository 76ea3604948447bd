import assert from 'node:assert/strict';
import { MortalDatabase } from './database.ts';
import { eventually } from './eventually.ts';
import { longTest } from './extent.ts';
import { assertLedgerHolds } from './ledger-checks.ts';
import { Stack } from './stack.ts';
import { goodVersion } from './tiny.ts';

async function statusOf(stack: Stack, path: string): Promise<number> {
  const response = await fetch(stack.url + path, { headers: { authorization: `Bearer ${stack.token}` } });
  await response.arrayBuffer();
  return response.status;
}

longTest(
  'PostgreSQL is killed in the middle of a rollout and started again: the server goes on by itself',
  async (t) => {
    await using database = await MortalDatabase.start();
    const { stack, server } = await Stack.withV1({ database: database.connection });
    await using _ = stack;
    await stack.openRelease(goodVersion('v2'));
    await stack.seal('v2');
    await stack.untilWeight('v2', 10);
    await database.kill();
    await eventually(
      'readyz says that it cannot serve',
      async () => (await statusOf(stack, '/readyz')) === 503,
    );
    assert.equal(await statusOf(stack, '/healthz'), 200, 'the process lives and need not be restarted');
    assert.equal(await statusOf(stack, '/v1/slots'), 503);
    // Customers are served all the while, also by the canary.
    await stack.untilServed('v2', stack.customers.requests('v2') + 30);
    await database.restart();
    const since = performance.now();
    await eventually('readyz says that it serves', async () => (await statusOf(stack, '/readyz')) === 200);
    t.diagnostic(`ready again ${Math.round(performance.now() - since)} ms after the database`);
    const end = await stack.end('v2');
    assert.equal(end.state, 'promoted', end.sentence);
    assert.deepEqual(await stack.weights(), { v2: 100 });
    assert.deepEqual(stack.customers.problems, {});
    assert.equal(server.child.exitCode, null, 'it is still the same process');
    await assertLedgerHolds(stack, 'v2');
  },
);
