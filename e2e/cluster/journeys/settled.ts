import assert from 'node:assert/strict';
import { eventually } from '../../eventually.ts';
import type { ClusterStack } from './cluster-stack.ts';
import { broken, unroutedRequests } from './outside.ts';

/**
 * What is true after every end: the invariants held at every look and by the gateway's own counters, and customers go
 * on being served by `stable`.
 */
export async function settled(stack: ClusterStack, stable: string, gone: string): Promise<void> {
  await eventually(
    `nothing of ${gone} is left`,
    async () => (await stack.outside.look()).ready[gone] === undefined,
  );
  await stack.lookNoMore();
  const { looks, counts, missed } = stack.outside;
  assert.deepEqual(missed, []);
  assert.deepEqual(broken(looks), []);
  assert.deepEqual(unroutedRequests(looks, counts), []);
  const last = await stack.outside.look();
  assert.deepEqual(last.route, { [stable]: 100 });
  assert.equal(last.ready[stable], 2);
}
