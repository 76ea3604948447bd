import assert from 'node:assert/strict';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { agentFolder } from '../src/app/drivers.ts';
import { ApplyAnswer, Recorded } from '../src/server/schemas.ts';
import { slot, tinyDocuments } from './documents.ts';
import { eventually } from './eventually.ts';
import { assertLedgerHolds } from './ledger-checks.ts';
import { Stack } from './stack.ts';
import { goodVersion } from './tiny.ts';

/** Nobody listens on it, and nobody may. */
const nowhere = 'http://127.0.0.1:1';

test('a rollout whose Prometheus is away says what it said, holds, and is derived again by the verifier', async () => {
  const { stack } = await Stack.withV1();
  await using _ = stack;
  const documents = tinyDocuments('600ms').map((document) =>
    document.kind === 'Environment'
      ? { ...document, spec: { ...document.spec, metrics: { source: 'prometheus', url: nowhere } as const } }
      : document,
  );
  await stack.client.post('/v1/apply', { documents }, ApplyAnswer);
  await stack.openRelease(goodVersion('v2'));
  await stack.seal('v2');
  const [id, wait] = await eventually('the gate says why it holds', async () => {
    const promotion = (await stack.slot())?.promotions.find((one) => one.release === 'v2');
    const found = promotion?.waits.find(({ reason }) => reason.code === 'source-unreadable');
    return found === undefined ? null : ([promotion?.id ?? '', found] as const);
  });
  assert.match(
    wait.sentence,
    /^since .* the source of metrics cannot be read \(Prometheus: requests: \w+.*harm would not be seen/,
  );
  assert.deepEqual([wait.gate, wait.owner], ['errors', 'environment']);
  assert.ok((wait.nextCheck ?? 0) > Date.now(), 'a person is asked when the hold is over');
  assert.deepEqual(await stack.weights(), { v1: 90, v2: 10 });
  const path = `/v1/promotions/${slot.project}/${slot.environment}/${slot.service}/${id}/abort`;
  await stack.client.post(path, { note: '' }, Recorded);
  assert.equal((await stack.end('v2')).state, 'aborted');
  assert.deepEqual(stack.customers.problems, {});
  await assertLedgerHolds(stack, 'v2');
});

test('a rollout whose edge cannot be scraped any more holds while the canary serves on, and goes on when it can be', async () => {
  const { stack } = await Stack.withV1({ stepAtLeast: '3s' });
  await using _ = stack;
  await stack.openRelease(goodVersion('v2'));
  await stack.seal('v2');
  await stack.untilStepReached('v2');
  // Where the agent is found; it and its edge run on, and serve both versions.
  const endpoint = join(agentFolder(stack.agentsFolder, slot), 'endpoint.json');
  await rename(endpoint, `${endpoint}.hidden`);
  const waits = async () => (await stack.slot())?.promotions.find((one) => one.release === 'v2')?.waits ?? [];
  const wait = await eventually('the gate says why it holds', async () =>
    (await waits()).find(({ reason }) => reason.code === 'source-unreadable'),
  );
  assert.match(wait.sentence, /cannot be read \(no agent serves this environment yet\)/);
  const served = stack.customers.requests('v2');
  await stack.untilServed('v2', served + 20);
  await rename(`${endpoint}.hidden`, endpoint);
  assert.deepEqual(await stack.weights(), { v1: 90, v2: 10 });
  assert.equal((await stack.end('v2')).state, 'promoted');
  const { rows } = await stack.pool.query<{ type: string }>(
    `select substring(bytes from '"type":"(scrape-[a-z]+)"') as type
       from entry where bytes like '%"type":"scrape-%' order by seq`,
  );
  assert.deepEqual(
    rows.map(({ type }) => type),
    ['scrape-failed', 'scrape-resumed'],
  );
  assert.deepEqual(stack.customers.problems, {});
  await assertLedgerHolds(stack, 'v2');
});
