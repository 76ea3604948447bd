import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Home, runBelay } from '../src/cli/testing/run-belay.ts';
import { slot } from './documents.ts';
import { longTest } from './extent.ts';
import { assertLedgerHolds } from './ledger-checks.ts';
import { Stack } from './stack.ts';
import { goodVersion } from './tiny.ts';

/** Long enough that the canary is still at its first step when everything else has happened. */
const stepAtLeast = '60s';

/** The server comes back, sees that the route was taken back, and follows. */
async function assertFollows(stack: Stack): Promise<void> {
  await stack.startServer();
  const end = await stack.end('v2');
  assert.equal(end.state, 'aborted', end.sentence);
  assert.equal(end.reason.code, 'retreated');
  assert.deepEqual(await stack.weights(), { v1: 100 });
  assert.equal((await stack.slot())?.stable?.release, 'v1');
  assert.deepEqual(stack.customers.problems, {});
  await assertLedgerHolds(stack, 'v2');
}

test('without a server, rollback --direct takes the canary’s traffic back at once, and the server follows', async () => {
  const { stack, server } = await Stack.withV1({ stepAtLeast });
  await using _ = stack;
  await stack.openRelease(goodVersion('v2'));
  await stack.seal('v2');
  await stack.untilStepReached('v2');
  await server.stop('SIGKILL');
  using home = new Home();
  const ran = await runBelay(home, ['rollback', slot.service, '--direct'], {
    env: { BELAY_AGENTS: stack.agentsFolder },
  });
  assert.equal(ran.code, 0, ran.stderr);
  assert.match(ran.stderr, /all traffic of tiny in live is on v1, read back/);
  assert.deepEqual(await stack.weights(), { v1: 100 });
  await assertFollows(stack);
});

longTest('an agent told to retreat takes traffic back by itself when the server is gone', async () => {
  const { stack, server } = await Stack.withV1({
    stepAtLeast,
    onControlPlaneLoss: { mode: 'retreat', afterMs: 3_000 },
  });
  await using _ = stack;
  await stack.openRelease(goodVersion('v2'));
  await stack.seal('v2');
  await stack.untilStepReached('v2');
  await server.stop('SIGKILL');
  // Looking asks the agent's control API, which is what a living server would do: the edge's answers tell instead.
  await stack.untilOnlyServedBy('v1', 1_000);
  await assertFollows(stack);
});

longTest('an agent told to hold goes on sharing traffic when the server is gone', async () => {
  const { stack, server } = await Stack.withV1({ onControlPlaneLoss: { mode: 'hold' } });
  await using _ = stack;
  await stack.openRelease(goodVersion('v2'));
  await stack.seal('v2');
  await stack.untilWeight('v2', 10);
  await server.stop('SIGKILL');
  const before = stack.customers.requests('v2');
  await stack.untilServed('v2', before + 50);
  await stack.startServer();
  const end = await stack.end('v2');
  assert.equal(end.state, 'promoted', end.sentence);
  assert.deepEqual(stack.customers.problems, {});
});
