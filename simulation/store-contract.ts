import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptySlot, foldSlot } from '../src/core/decide/fold/slot.ts';
import { canonicalJson } from '../src/core/model/canonical.ts';
import type { SlotEntry } from '../src/core/model/entries.ts';
import type { Observation, Sample } from '../src/core/model/observation.ts';
import { nodeCrypto } from '../src/engine/crypto.ts';
import { slot, slotId, type StoreSubject, Trial } from './store-trial.ts';

/** A lease that a test waits out. */
const shortMs = 40;

const looks = (open: number, ready: number): Omit<Observation, 'at'> => ({
  generation: 0,
  level: 'confirmed',
  weights: [],
  workloads: [{ release: 'v0', artifact: nodeCrypto.digest('v0'), desired: 1, ready, open }],
});

const sample = (t: number): Sample => ({
  t,
  arm: 'canary',
  pod: 'v1-0',
  weight: 0.1,
  requests: 10,
  bad: { errors: 0 },
  latencyMs: { '+Inf': 10 },
});

type Case = (trial: Trial) => Promise<void>;

const leasesOne: Case = async (trial) => {
  const claim = await trial.claimed('turn');
  assert.deepEqual(claim.slot, slot);
  await trial.notDue('turn');
  await trial.store.release(claim, await trial.subject.now());
  assert.ok((await trial.claimed('turn')).token > claim.token);
};

const handsOver: Case = async (trial) => {
  const first = await trial.claimed('turn', shortMs);
  const turn = await trial.prepare();
  const second = await trial.claimed('turn');
  assert.ok(second.token > first.token);
  const before = await trial.types();
  assert.equal(await trial.store.commit({ ...turn, claim: first }), 'conflict');
  assert.deepEqual(await trial.types(), before);
  await trial.store.release(first, 0);
  await trial.notDue('turn');
  assert.equal(await trial.store.commit({ ...turn, claim: second }), 'committed');
  assert.deepEqual(await trial.types(), [...before, ...turn.entries.map((entry) => entry.type)]);
};

const allOrNothing: Case = async (trial) => {
  await trial.seal();
  const claim = await trial.claimed('turn');
  const turn = await trial.prepare();
  assert.ok(turn.entries.length > 0);
  const before = [await trial.types(), canonicalJson((await trial.store.load(slot)).slot)];
  await trial.freeze('stop');
  assert.equal(await trial.store.commit({ ...turn, claim }), 'conflict');
  assert.deepEqual([await trial.types(), canonicalJson((await trial.store.load(slot)).slot)], before);
  const again = await trial.claimed('turn');
  assert.equal(await trial.store.commit({ ...(await trial.prepare()), claim: again }), 'committed');
};

const factsMakeDue: Case = async (trial) => {
  const facts = [
    () => trial.freeze('one', 'everything'),
    () => trial.freeze('two', 'project/demo'),
    () => trial.seal(),
  ];
  for (const fact of facts) {
    await trial.settle();
    await trial.notDue('turn');
    await fact();
    await trial.store.release(await trial.claimed('turn'), 0);
  }
  await trial.settle();
  await trial.freeze('three', 'project/other');
  await trial.notDue('turn');
};

const factsDuringWork: Case = async (trial) => {
  await trial.settle();
  await trial.freeze('first');
  const claim = await trial.claimed('turn');
  await trial.freeze('second');
  await trial.notDue('turn');
  await trial.store.release(claim, null);
  await trial.claimed('turn');
};

const looksOnce: Case = async (trial) => {
  await trial.store.observed(slot, looks(0, 1));
  assert.deepEqual(await trial.types(), ['requested', 'observed']);
  const first = await trial.store.load(slot);
  await trial.subject.pass(20);
  await trial.store.observed(slot, looks(7, 1));
  assert.deepEqual(await trial.types(), ['requested', 'observed']);
  const { pending } = await trial.store.load(slot);
  assert.ok((pending.seenUntil ?? 0) > (first.slot.seenUntil ?? 0));
  await trial.store.observed(slot, looks(7, 0));
  assert.deepEqual(await trial.types(), ['requested', 'observed', 'seen', 'observed']);
  const [, , seen] = await trial.subject.entries(slotId);
  assert.equal(seen?.type === 'seen' && seen.until, pending.seenUntil);
};

const samplesOfTheMoving: Case = async (trial) => {
  await trial.seal();
  await trial.settle();
  const { slot: state, now } = await trial.store.load(slot);
  assert.equal(state.moving, 'v1-production');
  // So old that a turn takes them in without a decision.
  const t = now / 1_000 - 600;
  await trial.store.sampled(slot, 'another', [sample(t)]);
  await trial.store.sampled(slot, 'v1-production', [sample(t), sample(t + 1)]);
  assert.deepEqual((await trial.store.load(slot)).pending.samples, [sample(t), sample(t + 1)]);
  const claim = await trial.claimed('turn');
  const turn = await trial.prepare();
  await trial.store.sampled(slot, 'v1-production', [sample(t + 2)]);
  assert.equal(await trial.store.commit({ ...turn, claim }), 'committed');
  assert.ok((await trial.types()).includes('sampled'));
  assert.deepEqual((await trial.store.load(slot)).pending.samples, [sample(t + 2)]);
};

const historiesAreFacts: Case = async (trial) => {
  await trial.seal();
  await trial.settle();
  const promotion = 'v1-production';
  const analysis = { promotion, gates: {}, crowded: false };
  await trial.store.historyRead(slot, { promotion, slices: [], ended: null, message: 'no answer', analysis });
  assert.equal((await trial.types()).at(-1), 'history-read');
  assert.deepEqual((await trial.store.load(slot)).slot.analysis, analysis);
};

const diagnosticsAreFacts: Case = async (trial) => {
  await trial.seal();
  await trial.settle();
  const promotion = 'v1-production';
  const bytes = '{"events":[],"processes":[]}';
  const content = nodeCrypto.digest(bytes);
  await trial.store.diagnosticsRead(
    slot,
    { promotion, content, processes: 0, events: 0, message: '' },
    bytes,
  );
  assert.equal((await trial.types()).at(-1), 'diagnostics-read');
  assert.equal((await trial.store.load(slot)).slot.promotions[0]?.diagnostics, content);
};

const failedLooksAreFacts: Case = async (trial) => {
  await trial.store.observed(slot, looks(0, 1));
  await trial.store.lookFailed(slot, 'no answer');
  await trial.claimed('turn');
  assert.equal((await trial.store.load(slot)).slot.unreadable?.message, 'no answer');
  // What is seen again is news, though it is what was seen before.
  await trial.store.observed(slot, looks(0, 1));
  assert.equal((await trial.store.load(slot)).slot.unreadable, undefined);
  assert.deepEqual((await trial.types()).slice(-2), ['look-failed', 'observed']);
};

const outagesAreFacts: Case = async (trial) => {
  await trial.seal();
  await trial.settle();
  const promotion = 'v1-production';
  const outages = async () => (await trial.store.load(slot)).slot.promotions[0]?.outages;
  await trial.store.sourceChanged(slot, { type: 'scrape-failed', promotion, message: 'no answer' });
  await trial.claimed('turn');
  assert.equal((await outages())?.open?.message, 'no answer');
  await trial.store.sourceChanged(slot, { type: 'scrape-resumed', promotion });
  assert.equal((await outages())?.open, null);
  assert.deepEqual((await trial.types()).slice(-2), ['scrape-failed', 'scrape-resumed']);
};

const failuresAreSaid: Case = async (trial) => {
  await trial.seal();
  await trial.settle();
  const [effect] = (await trial.store.load(slot)).slot.effects;
  assert.ok(effect !== undefined);
  await trial.claimed('effect');
  await trial.store.effectFailed(slot, effect, 'unknown', 'no answer');
  const failure = (await trial.store.load(slot)).slot.effects[0]?.failure;
  assert.deepEqual([failure?.attempts, failure?.message], [1, 'no answer']);
};

const refolds: Case = async (trial) => {
  await trial.seal();
  await trial.settle();
  await trial.store.observed(slot, looks(0, 1));
  await trial.freeze('stop');
  await trial.settle();
  const entries = (await trial.subject.entries(slotId)) as readonly SlotEntry[];
  const folded = entries.reduce((state, entry) => foldSlot(state, entry, state.seq + 1), emptySlot(slot));
  assert.equal(canonicalJson((await trial.store.load(slot)).slot), canonicalJson(folded));
};

const cases: readonly (readonly [string, Case])[] = [
  ['a fact makes the turn due, and a lease is one worker’s', leasesOne],
  ['a lease ends by itself; what comes back with the old token changes nothing', handsOver],
  ['a turn is written whole, or not at all when a stream that it read has moved', allOrNothing],
  ['facts on the streams that a turn reads make it due, others do not', factsMakeDue],
  ['what comes in during the work makes it due again', factsDuringWork],
  [
    'an unchanged look extends “seen until”; a changed one is an entry, after what was seen before it',
    looksOnce,
  ],
  ['samples are of the promotion that moves, and stay until a turn has taken them in', samplesOfTheMoving],
  ['what stable counted before is a fact of the promotion that moves', historiesAreFacts],
  ['what a release said before it goes is a fact of its promotion', diagnosticsAreFacts],
  ['that nobody can look is a fact that the next look ends', failedLooksAreFacts],
  ['that the source of metrics is away, and is back, are facts that make the turn due', outagesAreFacts],
  ['a failed effect is an entry that counts its attempts', failuresAreSaid],
  ['what is loaded is what all entries fold to', refolds],
];

/** Registers the tests that every store of the engine must pass: what `src/ports/store.ts` promises. */
export function storeContract(name: string, makeSubject: () => Promise<StoreSubject>): void {
  for (const [title, run] of cases) {
    void test(`store contract, ${name}: ${title}`, async () => {
      const subject = await makeSubject();
      try {
        const trial = new Trial(subject);
        await trial.setUp();
        await run(trial);
      } finally {
        await subject.close();
      }
    });
  }
}
