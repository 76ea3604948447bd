import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Home, runBelay } from '../src/cli/testing/run-belay.ts';
import { slot } from './documents.ts';
import { longTest } from './extent.ts';
import type { FaultName } from './fault-points.ts';
import { assertLedgerHolds } from './ledger-checks.ts';
import { Stack } from './stack.ts';
import { goodVersion, type TinyVersion, worseVersion } from './tiny.ts';

/*
 * An effect that was decided and not carried out when somebody wrote the route without the server: its generation is
 * lower than theirs, so that the environment refuses it for ever. What was decided has to come to its end all the same.
 */

/** The server dies before an effect, and all traffic is taken to v1 without it; another server is started. */
async function overtake(stack: Stack, v2: TinyVersion, at: FaultName): Promise<void> {
  const dying = await stack.startServer({
    entry: './faulty-server.ts',
    environment: { FAULT_POINT: at },
  });
  await stack.openRelease(v2);
  dying.child.send('arm');
  await once(dying.child, 'message');
  await stack.seal(v2.name);
  assert.equal((await dying.ended).by, 'SIGKILL');
  using home = new Home();
  const ran = await runBelay(home, ['rollback', slot.service, '--direct', '--to', 'v1'], {
    env: { BELAY_AGENTS: stack.agentsFolder },
  });
  assert.equal(ran.code, 0, ran.stderr);
  await stack.startServer();
}

longTest(
  'a step that was overtaken by rollback --direct is not waited for: the promotion follows',
  async () => {
    const { stack, server } = await Stack.withV1();
    await using _ = stack;
    await server.stop('SIGTERM');
    await overtake(stack, goodVersion('v2'), 'shift-wanted');
    const end = await stack.end('v2', 20_000);
    assert.equal(end.state, 'aborted', end.sentence);
    assert.equal(end.reason.code, 'retreated');
    assert.deepEqual(await stack.weights(), { v1: 100 });
    assert.deepEqual((await stack.slot())?.quarantine, [], 'nothing was wrong with it');
    await assertLedgerHolds(stack, 'v2');
  },
);

longTest(
  'a removal that was overtaken by rollback --direct is asked for again: the rollback ends',
  async () => {
    const { stack, server } = await Stack.withV1({ stepAtLeast: '5s' });
    await using _ = stack;
    await server.stop('SIGTERM');
    await overtake(stack, worseVersion('v2'), 'removal-wanted');
    const end = await stack.end('v2', 20_000);
    assert.equal(end.state, 'rolled-back', end.sentence);
    assert.deepEqual(await stack.weights(), { v1: 100 });
    await assertLedgerHolds(stack, 'v2');
  },
);
