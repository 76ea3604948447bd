import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { stringify } from 'yaml';
import { Home, runBelay } from '../../../src/cli/testing/run-belay.ts';
import { ClusterStack, documents } from './cluster-stack.ts';
import { broken, weightsSeen } from './outside.ts';

test('without a server a person takes traffic back, and the server that comes back follows', async () => {
  const { stack, server } = await ClusterStack.withV1('control-plane-lost', {
    rollout: { stepAtLeast: '20s' },
  });
  await using _ = stack;
  await stack.release({ name: 'v2', failEvery: 0 });
  await stack.untilWeight('v2', 10);
  await server.stop('SIGKILL');
  using home = new Home();
  const file = join(home.path, 'belay.yaml');
  const text = documents(stack.place).map((one) => stringify(one));
  await writeFile(file, text.join('---\n'));
  const direct = (...more: readonly string[]) =>
    runBelay(home, ['rollback', 'tiny', '--direct', '-f', file, ...more], {
      env: { KUBECONFIG: stack.kubeconfig },
    });
  const unsaid = await direct();
  assert.equal(unsaid.code, 2);
  assert.match(unsaid.stderr, /say to which release: --to NAME[\s\S]*ready: v1, v2/);
  const unknown = await direct('--to', 'v9');
  assert.deepEqual([unknown.code, /nothing of v9 is ready/.test(unknown.stderr)], [2, true]);
  const back = await direct('--to', 'v1');
  assert.equal(back.code, 0, back.stderr);
  assert.match(back.stderr, /all traffic of tiny in live is on v1, read back/);
  assert.deepEqual((await stack.outside.look()).route, { v1: 100 });
  await stack.startServer();
  const end = await stack.end('v2');
  assert.deepEqual([end.state, end.reason.code], ['aborted', 'retreated'], end.sentence);
  await stack.lookNoMore();
  assert.deepEqual(weightsSeen(stack.outside.looks, 'v2'), [0, 10, 0]);
  assert.deepEqual(broken(stack.outside.looks), []);
  assert.deepEqual(stack.customers.problems, {});
});
