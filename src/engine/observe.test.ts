import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TurnBench } from '../../simulation/turn-bench.ts';
import type { SourceNews } from '../core/decide/outage.ts';
import type { Sample } from '../core/model/observation.ts';
import { err, ok, type Result } from '../core/model/result.ts';
import { type MetricsHistory, noHistory, type Unreadable } from '../ports/environment.ts';
import type { EngineStore, HistoryRead } from '../ports/store.ts';
import { instantDriver } from '../ports/testing/instant-driver.ts';
import { observeSlot } from './observe.ts';

/** v1 is stable, v2 begins to roll out; nothing of it was counted yet. */
function begun(): TurnBench {
  const bench = new TurnBench();
  const pipeline = bench.production({
    rollout: { steps: [10, 100] },
    analysis: [{ kind: 'metric', name: 'canary' }],
  });
  bench.bootstrap('v1', pipeline, 1);
  bench.build('v2');
  bench.request('v2', pipeline);
  bench.turn();
  assert.equal(bench.promotion('v2-production').state, 'rolling-out');
  return bench;
}

/** One look; gives what was recorded, and for which release and moment a history was asked. */
async function look(
  bench: TurnBench,
  history: Result<MetricsHistory, Unreadable>,
  scraped: Result<readonly Sample[], Unreadable> = ok([]),
  unreadable?: string,
  signal = new AbortController().signal,
) {
  const seen: object[] = [];
  const failed: string[] = [];
  const reads: HistoryRead[] = [];
  const news: SourceNews[] = [];
  const asked: object[] = [];
  const store: Partial<EngineStore> = {
    load: async () => ({ ...bench.input(), pending: { seenUntil: null, samples: [] }, headHash: '' }),
    observed: async (_slot, one) => void seen.push(one),
    sampled: async () => undefined,
    release: async () => undefined,
    historyRead: async (_slot, read) => void reads.push(read),
    lookFailed: async (_slot, message) => void failed.push(message),
    sourceChanged: async (_slot, one) => void news.push(one),
  };
  const driver = instantDriver(() => 0);
  const metrics = {
    scrape: async () => scraped,
    history: async (_slot: unknown, what: object) => {
      asked.push(what);
      return history;
    },
  };
  await observeSlot(
    store as EngineStore,
    {
      ...driver,
      metrics,
      ...(unreadable === undefined
        ? {}
        : { observer: { observe: async () => err({ code: 'unreachable', message: unreadable } as const) } }),
    },
    { slot: bench.slot.key, lane: 'observe', token: 1 },
    { effect: 1, moving: 1, idle: 1 },
    { signal, historyLimit: signal },
    () => undefined,
  );
  return { reads, asked, news, failed, seen };
}

const sample = (t: number): Sample => ({
  t,
  arm: 'stable',
  pod: 'v1-0',
  weight: 0,
  requests: 100 * t,
  bad: { errors: t },
  latencyMs: {},
});

test('a rollout begins with what stable has counted before, once', async () => {
  const bench = begun();
  const digest = bench.artifactOf('v1');
  const slices = [{ from: 0, to: 900, samples: 60, bad: 900, digest }];
  const samples = Array.from({ length: 60 }, (_, i) => sample(15 * i));
  const { reads, asked } = await look(bench, ok({ samples, slices, ended: 'whole-span' }));
  assert.deepEqual(asked, [{ stable: 'v1', before: bench.now / 1000 }]);
  const [read] = reads;
  assert.ok(read !== undefined && read.promotion === 'v2-production');
  assert.deepEqual([read.slices, read.ended, read.message], [slices, 'whole-span', '']);
  const series = read.analysis.gates['canary']?.rollout.series['errors'];
  assert.ok((series?.blocks[0]?.weight ?? 0) > 0);
  bench.entry({ type: 'history-read', at: bench.now, ...read });
  assert.deepEqual((await look(bench, ok(noHistory))).asked, []);
});

test('a history that cannot be read is recorded with the reason, and not asked for again', async () => {
  const bench = begun();
  const message = 'Prometheus: requests: ECONNREFUSED';
  const { reads } = await look(bench, err({ code: 'unreachable', message }));
  const analysis = { promotion: 'v2-production', gates: {}, crowded: false };
  assert.deepEqual(reads, [{ promotion: 'v2-production', slices: [], ended: null, message, analysis }]);
  for (const read of reads) bench.entry({ type: 'history-read', at: bench.now, ...read });
  assert.deepEqual((await look(bench, ok(noHistory))).asked, []);
});

test('a source that remembers nothing has nothing to record, and neither has a slot at rest', async () => {
  const bench = begun();
  assert.deepEqual((await look(bench, ok(noHistory))).reads, []);
  const resting = new TurnBench();
  resting.bootstrap('v1', resting.production({}), 1);
  assert.deepEqual((await look(resting, ok(noHistory))).asked, []);
});

test('that the source of metrics went away, and is back, is recorded once each, with its words', async () => {
  const bench = begun();
  const promotion = 'v2-production';
  const message = 'Prometheus: requests: HTTP 503';
  const away = err({ code: 'unreachable', message } as const);
  assert.deepEqual((await look(bench, ok(noHistory))).news, []);
  const { news } = await look(bench, ok(noHistory), away);
  assert.deepEqual(news, [{ type: 'scrape-failed', promotion, message }]);
  for (const one of news) bench.entry({ at: bench.now, ...one });
  assert.deepEqual((await look(bench, ok(noHistory), away)).news, []);
  const back = await look(bench, ok(noHistory), ok([sample(1)]));
  assert.deepEqual(back.news, [{ type: 'scrape-resumed', promotion }]);
});

test('a history that could not be read says by itself that the source is away, until a scrape succeeds', async () => {
  const bench = begun();
  const message = 'Prometheus: requests: ECONNREFUSED';
  const away = err({ code: 'unreachable', message } as const);
  const { reads, news } = await look(bench, away, away);
  assert.deepEqual(news, []);
  for (const read of reads) bench.entry({ type: 'history-read', at: bench.now, ...read });
  assert.deepEqual(bench.promotion('v2-production').outages?.open, { message, since: bench.now });
  assert.deepEqual((await look(bench, away, away)).news, []);
  assert.equal((await look(bench, away, ok([]))).news[0]?.type, 'scrape-resumed');
});

test('that nobody can look at a slot is recorded once it lasts, with the words, and ends by what is seen', async () => {
  const bench = begun();
  bench.observe({ v1: 1 }, { v1: 100 });
  const blind = async (words: string) => (await look(bench, ok(noHistory), ok([]), words)).failed;
  assert.deepEqual(await blind('no route to host'), [], 'one call that is lost is no news');
  bench.now += 5_000;
  assert.deepEqual(await blind('no route to host'), ['no route to host']);
  bench.entry({ type: 'look-failed', at: bench.now, message: 'no route to host' });
  const since = bench.now;
  bench.now += 10_000;
  assert.deepEqual(await blind('no route to host'), []);
  assert.deepEqual(await blind('forbidden'), [], 'words that change are told at most twice a minute');
  bench.now += 20_000;
  assert.deepEqual(await blind('forbidden'), ['forbidden']);
  bench.entry({ type: 'look-failed', at: bench.now, message: 'forbidden' });
  const wait = bench.turn().waits.find(({ reason }) => reason.code === 'outside-unreadable');
  assert.deepEqual(wait?.reason, { code: 'outside-unreadable', message: 'forbidden', since });
  bench.observe({ v1: 1 }, { v1: 100 });
  assert.ok(!bench.waits().includes('outside-unreadable'));
});

test('a slot where nothing moves may miss one look, and words that come and go are told less and less often', async () => {
  const bench = new TurnBench();
  bench.bootstrap('v1', bench.production({}), 1);
  bench.observe({ v1: 1 }, { v1: 100 });
  let told = 0;
  const blind = async (words: string): Promise<void> => {
    bench.now += 10_000;
    for (const message of (await look(bench, ok(noHistory), ok([]), words)).failed) {
      bench.entry({ type: 'look-failed', at: bench.now, message });
      told += 1;
    }
  };
  await blind('pods: no answer');
  assert.equal(told, 0);
  for (let i = 0; i < 360; i++) await blind(i % 2 === 0 ? 'pods: no answer' : 'routes: no answer');
  assert.ok(told > 1 && told <= 12, `${told} entries in an hour`);
});

test('a look whose time was over when it was done is not recorded: another may have looked since', async () => {
  const nothing = err({ code: 'unreachable', message: 'no answer' } as const);
  assert.equal((await look(begun(), nothing)).seen.length, 1);
  assert.equal((await look(begun(), nothing, ok([]), undefined, AbortSignal.abort())).seen.length, 0);
});
