import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LedgerEvent } from './schemas-ledger.ts';
import { createTeam, sealed, type Team, type World } from './testing/world.ts';

/** Opens a stream of events and reads it one event after the other. */
async function open(world: World, as: string, query = '', headers: Record<string, string> = {}) {
  const response = await world.app.request(`/v1/events${query}`, {
    headers: { authorization: `Bearer ${as}`, ...headers },
  });
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('content-type'), 'text/event-stream');
  const reader = (response.body ?? new ReadableStream<Uint8Array>()).getReader();
  const decoder = new TextDecoder();
  let text = '';
  /** The next event, or null at the end of the stream. */
  const next = async (): Promise<LedgerEvent | null> => {
    for (;;) {
      const end = text.indexOf('\n\n');
      if (end >= 0) {
        const block = text.slice(0, end);
        text = text.slice(end + 2);
        const data = /^data: (.*)$/m.exec(block)?.[1];
        if (data === undefined) continue;
        const event = LedgerEvent.parse(JSON.parse(data));
        assert.equal(/^id: (\d+)$/m.exec(block)?.[1], String(event.index));
        return event;
      }
      const { done, value } = await reader.read();
      if (done) return null;
      text += decoder.decode(value, { stream: true });
    }
  };
  return { next, close: () => reader.cancel() };
}

async function take(stream: { next(): Promise<LedgerEvent | null> }, count: number): Promise<LedgerEvent[]> {
  const events: LedgerEvent[] = [];
  while (events.length < count) {
    const event = await stream.next();
    if (event === null) break;
    events.push(event);
  }
  return events;
}

async function lastIndexOf(world: Team): Promise<number> {
  return world.parts.feed.last();
}

test('events come in the log’s order, live, and are resumed without a gap or a double', async () => {
  await using world = await createTeam();
  const { dev } = world.team;
  await world.sequence();
  const live = await open(world, dev);
  await sealed(world, 'v1');
  await world.sequence();
  const first = await take(live, 2);
  assert.deepEqual(
    first.map((e) => e.type),
    ['opened', 'sealed'],
  );
  await live.close();

  await sealed(world, 'v2');
  await world.sequence();
  const last = await lastIndexOf(world);
  const seen = first.at(-1)?.index ?? -1;
  const resumed = await open(world, dev, '', { 'last-event-id': String(seen) });
  const rest = await take(resumed, last - seen);
  assert.deepEqual(
    rest.map((e) => e.index),
    Array.from({ length: last - seen }, (_, i) => seen + 1 + i),
  );
  await resumed.close();
  const all = await open(world, dev, '?after=-1');
  assert.equal((await take(all, last + 1)).length, last + 1);
  await all.close();
});

test('a reader gets what he may view, and a filter that matches little does not stop him', async () => {
  await using world = await createTeam();
  const { root } = world.team;
  const oz = await world.tokenFor({ id: 'oz', kind: 'person' }, [
    { project: 'other', stages: '*', verbs: ['view'] },
  ]);
  await sealed(world, 'v1');
  await world.sequence();
  const stream = await open(world, oz, '?after=-1');
  await world.send(root, 'POST', '/v1/apply', {
    documents: [{ apiVersion: 'belay.dev/v1alpha1', kind: 'Project', metadata: { name: 'other' }, spec: {} }],
  });
  await world.sequence();
  const [event] = await take(stream, 1);
  assert.equal(event?.stream, 'project/other');
  await stream.close();
  const shop = await open(world, root, '?after=-1&service=shop');
  assert.match((await take(shop, 1))[0]?.stream ?? '', /shop/);
  await shop.close();
  for (const query of ['?after=x', '?project=UPPER', '?after=-5'])
    assert.equal((await world.send(root, 'GET', `/v1/events${query}`)).status, 400, query);
  assert.equal(
    (await world.send(root, 'GET', '/v1/events', undefined, { 'last-event-id': 'x' })).status,
    400,
  );
});

test('streams end when the server closes, and are counted', async () => {
  await using world = await createTeam();
  const { dev } = world.team;
  const streams = await Promise.all([open(world, dev), open(world, dev)]);
  const { body } = await world.parts.metrics.expose();
  assert.match(body, /belay_event_streams 2/);
  world.closing.abort();
  assert.deepEqual(await Promise.all(streams.map((s) => s.next())), [null, null]);
  assert.match((await world.parts.metrics.expose()).body, /belay_event_streams 0/);
});

test('one token does not hold streams without end', async () => {
  await using world = await createTeam();
  const { dev, ann } = world.team;
  const streams = await Promise.all(Array.from({ length: 20 }, () => open(world, dev)));
  assert.equal((await world.send(dev, 'GET', '/v1/events')).status, 429);
  await (await open(world, ann)).close();
  await streams[0]?.close();
  await (await open(world, dev)).close();
});
