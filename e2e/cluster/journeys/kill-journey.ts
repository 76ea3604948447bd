import assert from 'node:assert/strict';
import { once } from 'node:events';
import { ApiError } from '../../../src/app/demo/client.ts';
import type { FaultPoint } from '../../fault-points.ts';
import { ClusterStack } from './cluster-stack.ts';
import { weightsSeen } from './outside.ts';
import { settled } from './settled.ts';

/** A server is killed at a point of its work on a good release, another goes on, and nobody outside notices. */
export async function killedAt(
  journey: string,
  { at, occurrence }: Pick<FaultPoint, 'at' | 'occurrence'>,
): Promise<void> {
  const { stack, server } = await ClusterStack.withV1(journey);
  await using _ = stack;
  await server.stop('SIGTERM');
  const faulty = await stack.startServer({
    entry: './faulty-server.ts',
    environment: { FAULT_POINT: at, FAULT_OCCURRENCE: String(occurrence) },
  });
  const seal = await stack.open({ name: 'v2', failEvery: 0 });
  faulty.child.send('arm');
  await once(faulty.child, 'message');
  // It may die over some other turn before this is answered, and then nobody knows whether it was sealed.
  const answered = await seal().then(
    () => true,
    () => false,
  );
  assert.equal((await faulty.ended).by, 'SIGKILL');
  await stack.startServer();
  if (!answered)
    await seal().catch((error: unknown) => assert.equal(error instanceof ApiError && error.status, 409));
  const end = await stack.end('v2');
  assert.equal(end.state, 'promoted', end.sentence);
  await settled(stack, 'v2', 'v1');
  assert.deepEqual(weightsSeen(stack.outside.looks, 'v2'), [0, 10, 50, 100]);
  assert.deepEqual(stack.customers.problems, {});
}
