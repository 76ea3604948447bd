import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { everything } from './extent.ts';
import { type FaultPoint, faultPoints } from './fault-points.ts';
import { assertLedgerHolds } from './ledger-checks.ts';
import type { ServerProcess } from './server-process.ts';
import { Stack } from './stack.ts';
import { goodVersion, type TinyVersion, worseVersion } from './tiny.ts';

/*
 * A server dies by SIGKILL in the middle of a rollout under load, another is started, and the rollout ends as if
 * nothing had been. E2E=all (or E2E_FAULTS=all) plays every point, else the quick ones.
 */
const all = everything || process.env['E2E_FAULTS'] === 'all';

/** Plays v2's rollout with a server that dies at the point; resolves once the server in its place is ready. */
async function rollOutAndDie(stack: Stack, server: ServerProcess, point: FaultPoint, v2: TinyVersion) {
  await server.stop('SIGTERM');
  const faulty = await stack.startServer({
    entry: './faulty-server.ts',
    environment: { FAULT_POINT: point.at, FAULT_OCCURRENCE: String(point.occurrence) },
  });
  await stack.openRelease(v2);
  faulty.child.send('arm');
  await once(faulty.child, 'message');
  // The answer to the last command may be lost with the server; that it was recorded is seen by what comes of it.
  await stack.seal(v2.name).catch(() => undefined);
  const { by } = await faulty.ended;
  assert.equal(by, 'SIGKILL', 'it died by its own fault');
  await stack.startServer();
}

const title = ({ at, occurrence }: FaultPoint): string => `${at}, time ${occurrence}`;

for (const point of faultPoints.filter(({ quick }) => all || quick)) {
  test(`killed at ${title(point)}: a good release is promoted and no customer notices`, async () => {
    const { stack, server } = await Stack.withV1();
    await using _ = stack;
    await rollOutAndDie(stack, server, point, goodVersion('v2'));
    const end = await stack.end('v2');
    assert.equal(end.state, 'promoted', end.sentence);
    assert.deepEqual(await stack.weights(), { v2: 100 });
    assert.equal((await stack.slot())?.stable?.release, 'v2');
    assert.ok(stack.customers.requests('v1') > 0);
    assert.ok(stack.customers.requests('v2') > 0);
    assert.deepEqual(stack.customers.problems, {});
    await assertLedgerHolds(stack, 'v2');
  });
}

if (all) {
  const point: FaultPoint = { at: 'shift-done', occurrence: 1, quick: false };
  test(`killed at ${title(point)}: a worse release goes back`, async () => {
    const { stack, server } = await Stack.withV1({ stepAtLeast: '5s' });
    await using _ = stack;
    await rollOutAndDie(stack, server, point, worseVersion('v2'));
    const end = await stack.end('v2');
    assert.equal(end.state, 'rolled-back', end.sentence);
    assert.equal(end.reason.code, 'worse');
    assert.deepEqual(await stack.weights(), { v1: 100 });
    assert.deepEqual(Object.keys(stack.customers.problems), ['v2: 500']);
    await assertLedgerHolds(stack, 'v2');
  });
} else {
  process.stdout.write(`# only with E2E=all: ${faultPoints.length - 2 + 1} more fault points\n`);
}
