import assert from 'node:assert/strict';
import { test } from 'node:test';
import { person } from '../../../../simulation/operator.ts';
import { TurnBench } from '../../../../simulation/turn-bench.ts';
import { lintDecision } from '../../lint/lint.ts';
import type { Reason } from '../../model/reason.ts';
import { decide } from '../decide.ts';
import { applyMove } from '../fold/moves.ts';

const promotion = 'v2-production';
const minute = 60_000;

const atTen = (gate: object = {}): TurnBench => TurnBench.canaryAtTen(gate);

const seen = (bench: TurnBench, canary: number): void =>
  bench.observe({ v1: 4, v2: 4 }, { v1: 100 - canary, v2: canary });

interface Given {
  readonly said?: Reason;
  readonly forMs?: number;
  readonly step?: number;
}
function waive(bench: TurnBench, { said = { code: 'no-traffic' }, forMs = minute, step }: Given = {}): void {
  const at = bench.promotion(promotion).step;
  bench.entry({
    type: 'waived',
    at: bench.now,
    by: person('olga'),
    promotion,
    gate: 'canary',
    step: step ?? at,
    weight: [10, 50, 100][step ?? at] ?? 0,
    until: bench.now + forMs,
    note: 'night',
    said,
  });
}

const gateSays = (bench: TurnBench) => {
  bench.turn();
  return bench.promotion(promotion).gates['canary'];
};

test('a person lets it leave one weight without an answer, and at the next the gate asks for one again', () => {
  const bench = atTen();
  bench.counted(60, 0, 540, 0);
  assert.ok(bench.waits().includes('learning'));
  waive(bench);
  const { decision } = bench.turn();
  assert.equal(decision.actions[0]?.type, 'shift-traffic');
  const judged = decision.moves.find((move) => move.type === 'judged');
  assert.ok(judged?.type === 'judged' && judged.verdict === 'pass' && judged.reason.code === 'waived');
  assert.deepEqual(
    [judged.reason.by, judged.reason.note, judged.reason.weight, judged.reason.until],
    ['olga', 'night', 10, bench.now + minute],
  );
  assert.deepEqual(judged.reason.comparisons[0]?.canary, { requests: 60, bad: 0 });
  seen(bench, 50);
  assert.equal(gateSays(bench)?.verdict, 'insufficient');
  assert.ok(bench.waits().includes('not-scraped-yet'));
});

test('it is for a time, and what is over opens nothing', () => {
  const bench = atTen();
  waive(bench, { forMs: 0 });
  assert.equal(gateSays(bench)?.reason.code, 'no-traffic');
  const held = atTen({ bake: '0s' });
  held.entry({ type: 'paused', at: held.now, by: person('dana'), promotion, note: '' });
  waive(held);
  assert.equal(gateSays(held)?.reason.code, 'waived');
  held.now += minute;
  seen(held, 10);
  held.entry({ type: 'resumed', at: held.now, by: person('dana'), promotion, note: '' });
  assert.equal(gateSays(held)?.reason.code, 'no-traffic');
  assert.deepEqual(held.slot.weights.at(-1), { release: 'v2', weight: 10 });
});

test('a gate that says worse goes back whatever anybody has decided', () => {
  const bench = atTen();
  waive(bench);
  bench.counted(300, 90, 2_700, 3);
  assert.ok(bench.moves().includes('turned-back'));
});

test('the rollback side stays on at the next weight', () => {
  const bench = atTen();
  waive(bench, { forMs: 60 * minute });
  assert.ok(bench.moves().includes('shifting'));
  seen(bench, 50);
  bench.turn();
  bench.counted(300, 90, 300, 1);
  assert.ok(bench.moves().includes('turned-back'));
});

test('nobody goes across an absolute limit, even one that is not surely exceeded', () => {
  const bench = atTen();
  // One of 19 is above 5 %, and far from sure.
  bench.counted(19, 1, 171, 9);
  waive(bench);
  assert.notEqual(gateSays(bench)?.verdict, 'pass');
  bench.now += 15_000;
  seen(bench, 10);
  bench.counted(60, 0, 540, 5);
  assert.equal(gateSays(bench)?.reason.code, 'waived');
});

test('what the canary has failed while stable had no requests counts against its limit', () => {
  const bench = atTen();
  bench.counted(19, 1, 0, 0);
  waive(bench);
  assert.equal(gateSays(bench)?.reason.code, 'no-stable-traffic');
  bench.now += 15_000;
  seen(bench, 10);
  bench.counted(300, 60, 0, 0);
  assert.ok(bench.moves().includes('turned-back'));
});

test('a canary without requests beside a stable that has many may answer nothing: nobody lets that go on', () => {
  const hung = atTen();
  hung.counted(0, 0, 540, 0);
  waive(hung);
  assert.equal(gateSays(hung)?.reason.code, 'no-traffic');
  const later = atTen();
  later.counted(60, 0, 540, 0);
  later.now += 15_000;
  seen(later, 10);
  later.counted(0, 0, 540, 0);
  waive(later);
  assert.equal(gateSays(later)?.reason.code, 'no-traffic');
  const few = atTen();
  few.counted(0, 0, 20, 0);
  waive(few);
  assert.equal(gateSays(few)?.reason.code, 'waived');
});

test('what was suspected, or beyond a limit, before the weight grew is not forgotten where nothing was counted yet', () => {
  const grown = (gate: object, canary: number, errors: number): TurnBench => {
    const bench = atTen(gate);
    waive(bench);
    const { weights } = bench.slot;
    bench.turn();
    const asked = bench.slot.weights;
    // Scrapes of the weight before, that came after the decision.
    bench.slot = { ...bench.slot, weights };
    bench.counted(canary, errors, 9 * canary, 2);
    bench.slot = { ...bench.slot, weights: asked };
    bench.now += 15_000;
    seen(bench, 50);
    bench.turn();
    bench.counted(0, 0, 0, 0);
    waive(bench, { forMs: 60 * minute });
    return bench;
  };
  const suspected = grown({ errors: { marginPoints: 2 } }, 60, 9);
  assert.equal(gateSays(suspected)?.reason.code, 'suspicious');
  const limited = grown({}, 19, 1);
  assert.equal(gateSays(limited)?.reason.code, 'no-traffic');
});

test('what is suspicious, or will not settle, is no want of traffic', () => {
  const bench = atTen({ errors: { marginPoints: 2 } });
  waive(bench, { forMs: 60 * minute });
  bench.counted(60, 9, 540, 2);
  const said = gateSays(bench);
  assert.ok(
    said !== undefined && ['suspicious', 'will-not-settle'].includes(said.reason.code),
    said?.reason.code,
  );
});

test('a waiver for want of traffic does not open a gate whose metrics go away; one for the outage does', () => {
  const bench = atTen();
  const message = 'Prometheus: HTTP 503';
  bench.entry({ type: 'paused', at: bench.now, by: person('dana'), promotion, note: '' });
  waive(bench, { forMs: 60 * minute });
  bench.entry({ type: 'scrape-failed', at: bench.now, promotion, message });
  bench.entry({ type: 'resumed', at: bench.now, by: person('dana'), promotion, note: '' });
  assert.equal(gateSays(bench)?.reason.code, 'source-unreadable');
  bench.now += 15 * minute;
  seen(bench, 10);
  bench.turn();
  assert.equal(bench.promotion(promotion).asked?.reason.code, 'source-away');
  const wait = bench.turn().waits.find(({ reason }) => reason.code === 'source-away');
  assert.match(wait?.how ?? '', /belay waive v2-production --gate canary -m WHY/);
  waive(bench, { said: { code: 'source-unreadable', message, since: bench.now } });
  assert.equal(bench.promotion(promotion).asked, null, 'it is the answer to what was asked');
  assert.ok(bench.moves().includes('shifting'), 'though nothing was scraped at this weight');
});

test('where it was suspicious before its metrics went away, nobody lets it go on blindly', () => {
  const bench = atTen({ errors: { marginPoints: 2 } });
  bench.counted(60, 9, 540, 2);
  const before = gateSays(bench)?.reason.code;
  const message = 'Prometheus: HTTP 503';
  bench.entry({ type: 'scrape-failed', at: bench.now, promotion, message });
  waive(bench, { said: { code: 'source-unreadable', message, since: bench.now } });
  assert.equal(gateSays(bench)?.reason.code, 'source-unreadable', before);
});

test('a bake is waited for all the same', () => {
  const bench = atTen({ bake: '10m' });
  waive(bench);
  assert.ok(bench.moves().includes('shifting'), 'it is for the weight before full traffic');
  seen(bench, 50);
  bench.turn();
  waive(bench, { forMs: 60 * minute });
  assert.equal(gateSays(bench)?.reason.code, 'baking');
  bench.now += 10 * minute;
  seen(bench, 50);
  assert.ok(bench.moves().includes('shifting'));
});

test('a waiver is of its weight: it opens neither an earlier nor a later one', () => {
  for (const step of [1, 2]) {
    const bench = atTen();
    waive(bench, { step });
    assert.equal(gateSays(bench)?.reason.code, 'no-traffic', `of step ${step}`);
  }
});

test('a step down ends all waivers, and the record of who had waived what stays', () => {
  const bench = atTen();
  waive(bench, { forMs: 60 * minute });
  assert.ok(bench.moves().includes('shifting'));
  seen(bench, 50);
  bench.turn();
  bench.slot = applyMove(bench.slot, { type: 'shifting', promotion, step: 0, weight: 10 }, bench.now);
  const [waiver] = bench.promotion(promotion).waivers ?? [];
  assert.deepEqual([waiver?.by.id, waiver?.until], ['olga', bench.now]);
  seen(bench, 10);
  assert.equal(gateSays(bench)?.reason.code, 'no-traffic');
});

test('the lint finds a waiver that nobody gave, or that is over', () => {
  const bench = atTen();
  waive(bench);
  const input = bench.input();
  const { decision } = decide(input);
  bench.turn();
  assert.deepEqual(lintDecision(input, decision, bench.slot), []);
  const without = {
    ...bench.slot,
    promotions: bench.slot.promotions.map(({ waivers: _given, ...rest }) => rest),
  };
  assert.match(lintDecision(input, decision, without)[0]?.message ?? '', /a waiver that does not count/);
  const later = { ...decision, now: decision.now + minute };
  assert.match(lintDecision(input, later, bench.slot)[0]?.message ?? '', /a waiver that does not count/);
});
