import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { narrate } from '../src/app/demo/narrator.ts';
import { startLocalStack } from '../src/app/demo/local-stack.ts';
import { Undo } from '../src/app/demo/stack.ts';
import { eventually } from './eventually.ts';
import { longTest } from './extent.ts';
import { Launched } from './launched.ts';
import { Traces } from './remains.ts';

/** Ctrl-C comes somewhere between half of this and half as much again; where, is printed. */
const aroundMs = [200, 800, 1_600, 3_500, 9_000];
const endsWithinMs = 20_000;

for (const around of aroundMs) {
  longTest(
    `Ctrl-C of the demo after about ${around} ms leaves nothing running and nothing behind`,
    async (t) => {
      using traces = new Traces();
      const demo = new Launched(['demo'], { env: traces.environment });
      const after = Math.round(around * (0.5 + Math.random()));
      t.diagnostic(`Ctrl-C after ${after} ms`);
      await delay(after);
      demo.interrupt();
      await eventually(
        'the demo ends',
        () => demo.child.exitCode !== null || demo.child.signalCode !== null,
        endsWithinMs,
      );
      // 130: it had started and says that it was interrupted; SIGINT: it had not come so far.
      assert.ok(demo.child.exitCode === 130 || demo.child.signalCode === 'SIGINT', demo.output);
      await eventually(
        `nothing runs: ${traces.processes().join('; ')}`,
        () => traces.processes().length === 0,
        5_000,
      );
      assert.deepEqual(traces.files(), []);
    },
  );
}

longTest('kill -9 of the demo leaves nothing running', async () => {
  using traces = new Traces();
  const demo = new Launched(['demo', '--only', 'v2'], { env: traces.environment });
  await demo.said(/shop-v1 PROMOTED/);
  const running = traces.processes();
  assert.ok(running.length > 6, `they are found while they run: ${running.join('\n')}`);
  demo.kill();
  await eventually('nothing runs', () => traces.processes().length === 0, 15_000).catch((error: unknown) => {
    throw new Error(`still running: ${traces.processes().join('; ')}`, { cause: error });
  });
});

test('two demos start at once, each with everything of its own', async () => {
  const silent = narrate(true, () => undefined);
  const [one, other] = [new Undo(), new Undo()];
  try {
    const { signal } = new AbortController();
    const [first, second] = await Promise.all([
      startLocalStack(one, silent, false, signal),
      startLocalStack(other, silent, false, signal),
    ]);
    for (const { url } of [first, second]) assert.equal((await fetch(`${url}/readyz`)).status, 200);
    assert.notEqual(first.url, second.url);
    assert.notEqual(first.folder, second.folder);
    assert.notEqual(first.verifierKey, second.verifierKey);
  } finally {
    const problems = [...(await one.run()), ...(await other.run())];
    assert.deepEqual(problems, []);
  }
});
