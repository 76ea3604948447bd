import { Pool } from 'pg';
import { nodeCrypto } from '../src/engine/crypto.ts';
import { startWorkers } from '../src/app/workers.ts';
import { PostgresEngineStore } from '../src/store/engine-store.ts';
import { Folds } from '../src/store/folds.ts';
import { Hints, listenForHints } from '../src/store/hints.ts';
import type { TurnCommit } from '../src/ports/store.ts';

/** One replica of the engine as a process of its own; tells its parent when a decision is committed. */

class TellingStore extends PostgresEngineStore {
  override async commit(turn: TurnCommit): Promise<'committed' | 'conflict'> {
    const result = await super.commit(turn);
    const decided = turn.entries.some((entry) => entry.type === 'decided');
    if (result === 'committed' && decided) {
      process.send?.({ slot: turn.claim.slot.service, at: performance.timeOrigin + performance.now() });
    }
    return result;
  }
}

const config = { connectionString: process.env['DATABASE_URL'] };
const pool = new Pool({ ...config, max: 12 });
let hint = (): void => undefined;
const hints = new Hints(pool, () => hint());
const store = new TellingStore(pool, new Folds(pool), hints.send);
const workers = startWorkers(
  {
    store,
    crypto: nodeCrypto,
    driverFor: () => undefined,
    pace: { effect: 200, moving: 1_000, idle: 600_000 },
    report: (event) => console.error(event),
    concurrency: { turn: 16, observe: 4, effect: 4 },
  },
  (lane, error) => console.error(lane, error),
);
hint = workers.hint;
const listening = listenForHints(config, workers.hint);
process.send?.({ ready: true });
process.on('message', (message) => {
  if (message === 'memory') process.send?.({ rss: process.memoryUsage().rss });
});
process.on('disconnect', () => {
  void Promise.all([workers.stop(), listening.stop()]).then(() => pool.end());
});
