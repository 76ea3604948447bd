import assert from 'node:assert/strict';
import { test } from 'node:test';
import { person } from '../../../simulation/operator.ts';
import { TurnBench } from '../../../simulation/turn-bench.ts';
import { sourceNews } from './outage.ts';

const promotion = 'v2-production';
const refused = 'Prometheus: requests: ECONNREFUSED';
const minute = 60_000;

/** v1 is stable, v2 was just read back at 10 %, and its gate holds for an hour, or a quarter of one without metrics. */
function atTen(gate: object = {}): TurnBench {
  const bench = TurnBench.canaryAtTen(gate);
  assert.equal(bench.promotion(promotion).stepReachedAt, bench.now);
  return bench;
}

const fails = (bench: TurnBench, message = refused): void =>
  bench.entry({ type: 'scrape-failed', at: bench.now, promotion, message });
const resumes = (bench: TurnBench): void => bench.entry({ type: 'scrape-resumed', at: bench.now, promotion });
const pass = (bench: TurnBench, ms: number): void => {
  bench.now += ms;
  bench.observe({ v1: 4, v2: 4 }, { v1: 90, v2: 10 });
};
const asked = (bench: TurnBench) => {
  bench.turn();
  return bench.promotion(promotion).asked?.reason;
};

test('a source that fails after its history was read is why the gate holds: no pass, and no reason to go back', () => {
  const bench = atTen();
  bench.counted(2_000, 0, 18_000, 0);
  fails(bench);
  const { waits, decision } = bench.turn();
  assert.deepEqual(
    waits.map(({ reason }) => reason),
    [{ code: 'source-unreadable', message: refused, since: bench.now }],
  );
  assert.deepEqual(decision.actions, [], 'what had been shown before it went away opens nothing');
  assert.equal(bench.promotion(promotion).turnedBack, null);
  pass(bench, 5_000);
  resumes(bench);
  bench.counted(200, 0, 1_800, 0);
  assert.ok(bench.moves().includes('shifting'));
});

test('what was worse before the source went away is worse still', () => {
  const bench = atTen();
  bench.counted(300, 90, 2_700, 3);
  fails(bench);
  assert.ok(bench.moves().includes('turned-back'));
});

test('the time that the source is away counts towards its own budget, and not towards the hold', () => {
  const bench = atTen();
  pass(bench, 50 * minute);
  assert.equal(asked(bench), undefined);
  fails(bench);
  pass(bench, 14 * minute);
  assert.equal(asked(bench), undefined);
  resumes(bench);
  const { nextCheck } = bench.turn();
  assert.equal(nextCheck, bench.now + 10 * minute, 'of the hour of its hold ten minutes are left');
  pass(bench, 10 * minute);
  assert.deepEqual(asked(bench), { code: 'hold-expired', gate: 'canary', afterMs: 60 * minute });
});

test('a source that comes and goes has its outages added up, and a person is told for how long and what it says', () => {
  const bench = atTen({ maxOutage: '10m' });
  fails(bench);
  pass(bench, 6 * minute);
  resumes(bench);
  pass(bench, 20 * minute);
  fails(bench, 'Prometheus: HTTP 503');
  assert.equal(bench.turn().nextCheck, bench.now + 4 * minute);
  pass(bench, 4 * minute);
  const message = 'Prometheus: HTTP 503';
  assert.deepEqual(asked(bench), { code: 'source-away', gate: 'canary', afterMs: 10 * minute, message });
  assert.ok(
    bench.turn().waits.some(({ reason, how }) => reason.code === 'source-away' && /resume/.test(how)),
  );
});

test('whoever says go on waiting gives the outage its time again, and so does the next weight', () => {
  const bench = atTen({ maxOutage: '10m' });
  fails(bench);
  pass(bench, 10 * minute);
  assert.equal(asked(bench)?.code, 'source-away');
  bench.entry({ type: 'resumed', at: bench.now, by: person('dana'), promotion, note: '' });
  pass(bench, 9 * minute);
  assert.equal(asked(bench), undefined);
  resumes(bench);
  bench.counted(2_000, 0, 18_000, 0);
  assert.ok(bench.moves().includes('shifting'));
  bench.observe({ v1: 4, v2: 4 }, { v1: 50, v2: 50 });
  assert.ok(bench.moves().includes('reached'));
  assert.equal(bench.promotion(promotion).outages?.overMs, 0);
});

test('only what changes is recorded, and what flaps no oftener than each half minute', () => {
  const bench = atTen();
  const news = (said: string | null) => sourceNews(bench.promotion(promotion), said, bench.now)?.type;
  assert.equal(news(null), undefined);
  assert.equal(news(refused), 'scrape-failed');
  fails(bench);
  assert.equal(news(refused), undefined);
  assert.equal(news('other words'), undefined, 'too soon');
  assert.equal(news(null), 'scrape-resumed', 'that it is back is never too soon');
  bench.now += 30_000;
  assert.equal(news('other words'), 'scrape-failed');
  const since = bench.promotion(promotion).outages?.open?.since;
  fails(bench, 'other words');
  assert.deepEqual(bench.promotion(promotion).outages?.open, { message: 'other words', since });
  resumes(bench);
  assert.equal(news(refused), undefined);
  bench.now += 30_000;
  assert.equal(news(refused), 'scrape-failed');
});

test('an outage that is told of an ended promotion, or that ends without having begun, changes nothing', () => {
  const bench = atTen();
  const before = bench.slot;
  resumes(bench);
  bench.entry({ type: 'scrape-failed', at: bench.now, promotion: 'another', message: refused });
  assert.deepEqual(bench.slot.promotions, before.promotions);
});
