import assert from 'node:assert/strict';
import { test } from 'node:test';
import { person } from '../../simulation/operator.ts';
import { TurnBench } from '../../simulation/turn-bench.ts';
import type { Digest } from '../core/model/digest.ts';
import type { EnvironmentDriver, Outcome } from '../ports/environment.ts';
import type { EngineStore } from '../ports/store.ts';
import { nodeCrypto } from './crypto.ts';
import { carryOut } from './effects.ts';

const window = {
  kind: 'window',
  name: 'hours',
  closed: [{ from: 2_000_000, to: 3_000_000, reason: 'night' }],
};
const approval = { kind: 'approval', name: 'people', expires: '10m' };

/** v1 is stable, v2 may have its first 10 %: it was decided and not carried out yet. */
function decided(gates: readonly object[]): TurnBench {
  const bench = new TurnBench();
  const pipeline = (entry: readonly object[]): Digest =>
    bench.production({
      gates: entry as never,
      rollout: { steps: [10, 100], progressDeadline: '1m' },
    });
  bench.bootstrap('v1', pipeline([]), 1);
  bench.build('v2');
  bench.request('v2', pipeline(gates));
  bench.turn();
  if (bench.promotion('v2-production').state === 'waiting') bench.approve('v2-production', 'erin');
  bench.turn();
  bench.observe({ v1: 1, v2: 1 }, { v1: 100 });
  bench.turn();
  assert.deepEqual(
    bench.slot.effects.map((e) => e.action.type),
    ['shift-traffic'],
  );
  return bench;
}

interface Carried {
  readonly outcomes: readonly string[];
  /** The shifts that the outside was asked for. */
  readonly shifts: number;
  /** When it is tried again, in milliseconds from now. */
  readonly again: number | null;
}

/** Carries out what is open, where every shift comes to `outcome`. */
async function carried(
  bench: TurnBench,
  outcome: Outcome = { outcome: 'done' },
  recorded: string[] = [],
): Promise<Carried> {
  let shifts = 0;
  let again: number | null = null;
  const record = { ...bench.input(), pending: { seenUntil: null, samples: [] }, headHash: '' };
  const store: Partial<EngineStore> = {
    load: () => Promise.resolve(record),
    release: async (_, dueAt) => {
      again = dueAt === null ? null : dueAt - bench.now;
    },
    effectFailed: async (_slot, _open, _outcome, message) => void recorded.push(message),
  };
  const driver: Pick<EnvironmentDriver, 'traffic'> = {
    traffic: {
      shift: () => {
        shifts += 1;
        return Promise.resolve(outcome);
      },
    },
  };
  const claim = { slot: bench.slot.key, lane: 'effect', token: 1 } as const;
  const results = await carryOut(store as EngineStore, driver as EnvironmentDriver, nodeCrypto, claim, {
    signal: new AbortController().signal,
    diagnosticsLimit: () => new AbortController().signal,
  });
  return { outcomes: results.map((r) => r.outcome), shifts, again };
}

/** The open effect has failed so often already. */
function failedBefore(bench: TurnBench, attempts: number): void {
  const [open] = bench.slot.effects;
  assert.ok(open !== undefined);
  const { type: effect, generation } = open.action;
  const message = 'away';
  bench.entry({
    type: 'effect-failed',
    at: bench.now,
    generation,
    effect,
    attempts,
    outcome: 'failed',
    message,
  });
}

test('what was decided is carried out', async () => {
  assert.deepEqual(await carried(decided([window, approval])), {
    outcomes: ['done'],
    shifts: 1,
    again: 3_000,
  });
});

test('a window that has closed since the decision keeps traffic away', async () => {
  const bench = decided([window]);
  bench.now = 2_000_000;
  assert.deepEqual(await carried(bench), { outcomes: ['frozen'], shifts: 0, again: 1_000 });
});

test('an approval that has run out since the decision keeps traffic away', async () => {
  const bench = decided([approval]);
  bench.now += 600_000;
  assert.deepEqual(await carried(bench), { outcomes: ['frozen'], shifts: 0, again: 1_000 });
});

test('a pause that came after the decision keeps traffic away', async () => {
  const bench = decided([]);
  bench.entry({ type: 'paused', at: bench.now, by: person('dana'), promotion: 'v2-production', note: '' });
  assert.deepEqual(await carried(bench), { outcomes: ['frozen'], shifts: 0, again: 1_000 });
});

test('a step that a closed window kept back is not counted as late, and goes on when it opens', () => {
  const bench = decided([window]);
  bench.now = 2_500_000;
  assert.deepEqual(bench.waits(), ['window-closed', 'weight-unconfirmed']);
  assert.equal(bench.promotion('v2-production').state, 'rolling-out');
  bench.now = 3_000_000;
  assert.deepEqual(bench.moves(), ['shifting']);
});

test('what fails is tried again with growing pauses; traffic on its way back never waits for long', async () => {
  const away = { outcome: 'failed', message: 'away' } as const;
  const bench = decided([]);
  assert.equal((await carried(bench, away)).again, 250);
  failedBefore(bench, 9);
  assert.equal((await carried(bench, away)).again, 30_000);
  // The answer was lost, and it has happened: it is seen, and a person takes it back.
  bench.observe({ v1: 1, v2: 1 }, { v1: 90, v2: 10 });
  bench.turn();
  bench.entry({
    type: 'abort-asked',
    at: bench.now,
    by: person('dana'),
    promotion: 'v2-production',
    note: '',
  });
  bench.turn();
  failedBefore(bench, 9);
  const recorded: string[] = [];
  assert.equal((await carried(bench, away, recorded)).again, 2_000);
  assert.deepEqual(recorded, [], 'it goes on in the same words');
  await carried(bench, { outcome: 'failed', message: 'forbidden' }, recorded);
  bench.now += 30_000;
  await carried(bench, away, recorded);
  assert.deepEqual(recorded, ['forbidden', 'away']);
});
