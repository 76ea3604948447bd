import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { Client } from '../src/app/demo/client.ts';
import { packArchive } from '../src/drivers/local/archive.ts';
import { ApplyAnswer, type EndedView, ReleaseView, SlotList, type SlotView } from '../src/server/schemas.ts';
import { Customers } from './customers.ts';
import { slot, tinyDocuments } from './documents.ts';
import { eventually } from './eventually.ts';
import { Launched } from './launched.ts';
import { Traces } from './remains.ts';
import { goodVersion, writeTiny } from './tiny.ts';

/** Seals a release, which asks for its promotion by itself. */
async function release(client: Client, folder: string, name: string): Promise<void> {
  await writeTiny(folder, goodVersion(name));
  const { bytes, digest } = await packArchive(folder);
  const { project, service } = slot;
  const commit = Buffer.from(name.padEnd(20, '.')).toString('hex');
  await client.post('/v1/releases', { project, service, name, commit }, ReleaseView);
  await client.putBytes(`/v1/artifacts/${digest}`, bytes);
  const artifact = { name: `${name}.tar.gz`, digest };
  await client.post(`/v1/releases/${project}/${service}/${name}/seal`, { artifact }, ReleaseView);
}

const slotOf = async (client: Client): Promise<SlotView | undefined> =>
  (await client.get(`/v1/slots?project=${slot.project}`, SlotList)).slots[0];

const end = (client: Client, name: string): Promise<EndedView> =>
  eventually(`${name} ends`, async () => (await slotOf(client))?.ended.find((one) => one.release === name));

test('belay up that is stopped in the middle of a rollout goes on with it: both versions come back', async () => {
  using traces = new Traces();
  const up = (): Launched =>
    new Launched(['up', '--data', join(traces.folder, 'data'), '--port', '0'], { env: traces.environment });
  const stop = async (running: Launched): Promise<void> => {
    running.interrupt();
    assert.equal(await running.closed, 0, running.output);
  };
  const first = up();
  let token = '';
  try {
    const said = await first.said(/export BELAY_URL=(\S+) BELAY_TOKEN=(\S+)/);
    token = said[2] ?? '';
    const client = new Client(said[1] ?? '', token);
    await client.post('/v1/apply', { documents: tinyDocuments('1s') }, ApplyAnswer);
    await release(client, join(traces.folder, 'v1'), 'v1');
    assert.equal((await end(client, 'v1')).state, 'promoted');
    await release(client, join(traces.folder, 'v2'), 'v2');
    // Nobody sends requests, so it holds at its first step.
    await eventually('v2 is at its first step', async () => {
      const promotion = (await slotOf(client))?.promotions.find((one) => one.release === 'v2');
      const waits = promotion?.waits.map(({ reason }) => reason.code) ?? [];
      return promotion?.weight === 10 && waits.length > 0 && !waits.includes('weight-unconfirmed');
    });
  } finally {
    await stop(first);
  }

  const second = up();
  try {
    const [, url = ''] = await second.said(/export BELAY_URL=(\S+)/);
    await second.said(/tiny in live serves v1 \(90 %\) and v2 \(10 %\) again/);
    const [, edge = ''] = await second.said(/tiny in live answers at (\S+)/);
    const customers = new Customers(edge);
    try {
      const ended = await end(new Client(url, token), 'v2');
      assert.equal(ended.state, 'promoted', ended.sentence);
    } finally {
      await customers.stop();
    }
    assert.deepEqual(customers.problems, {});
    assert.ok(customers.requests('v1') > 0, 'stable served');
    assert.ok(customers.requests('v2') > 0, 'the canary served');
  } finally {
    await stop(second);
  }
});
