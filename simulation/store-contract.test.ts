import { setTimeout as delay } from 'node:timers/promises';
import type { Entry, ProjectEntry, ReleaseEntry, SlotEntry } from '../src/core/model/entries.ts';
import { nodeCrypto } from '../src/engine/crypto.ts';
import { PostgresEngineStore } from '../src/store/engine-store.ts';
import { appendFact, databaseNow, readEntries } from '../src/store/streams.ts';
import { createTestDatabase } from '../src/store/testing/database.ts';
import { VirtualClock } from './clock.ts';
import { MemoryStore } from './memory-store.ts';
import { storeContract } from './store-contract.ts';
import { worldBegins } from './world.ts';

storeContract('PostgreSQL', async () => {
  const database = await createTestDatabase();
  const { pool } = database;
  return {
    store: new PostgresEngineStore(pool),
    now: () => databaseNow(pool),
    pass: async (ms) => delay(ms),
    append: async (stream, entry) => void (await appendFact(pool, stream, () => entry)),
    entries: async (stream) => (await readEntries<Entry>(pool, stream, 0)).map(({ entry }) => entry),
    close: () => database.drop(),
  };
});

storeContract('memory', async () => {
  const clock = new VirtualClock(worldBegins);
  const store = new MemoryStore(clock, nodeCrypto, {
    appended: () => undefined,
    conflicted: () => undefined,
  });
  return {
    store,
    now: async () => clock.wall,
    pass: async (ms) => clock.passTo(clock.elapsed + ms),
    append: async (stream, entry) => {
      const [kind, project = '', second = '', third = ''] = stream.split('/');
      if (kind === 'slot')
        store.appendSlot({ project, environment: second, service: third }, () => entry as SlotEntry);
      else if (kind === 'release')
        store.appendRelease({ project, service: second, name: third }, entry as ReleaseEntry);
      else store.appendProject(stream, entry as ProjectEntry);
    },
    entries: async (stream) => store.stream(stream).map((text) => JSON.parse(text) as Entry),
    close: async () => undefined,
  };
});
