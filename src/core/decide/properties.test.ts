import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { canonicalJson } from '../model/canonical.ts';
import { Decision } from '../model/decision.ts';
import { person } from '../../../simulation/operator.ts';
import {
  environmentDocument,
  pipelineDocument,
  projectDocument,
  provenance,
} from '../../../simulation/generate.ts';
import { Random } from '../../../simulation/random.ts';
import { signerNamed, statementBy } from '../../../simulation/signing.ts';
import { TurnBench } from '../../../simulation/turn-bench.ts';
import { decide } from './decide.ts';
import { foldSlot } from './fold/slot.ts';

const releases = ['v1', 'v2', 'v3'];

/** One arbitrary thing that happens to a slot: sensible or not. */
const happening = fc.oneof(
  fc.record({ what: fc.constant('ask' as const), release: fc.constantFrom(...releases), back: fc.boolean() }),
  fc.record({
    what: fc.constant('tell' as const),
    nth: fc.nat(4),
    type: fc.constantFrom('paused', 'resumed', 'abort-asked'),
  }),
  fc.record({
    what: fc.constant('approve' as const),
    nth: fc.nat(4),
    by: fc.constantFrom('erin', 'frank', 'dana'),
  }),
  fc.record({
    what: fc.constant('look' as const),
    ready: fc.tuple(fc.nat(4), fc.nat(4), fc.nat(4)),
    canary: fc.constantFrom('v1', 'v2', 'v3'),
    weight: fc.constantFrom(0, 5, 10, 25, 50, 60, 100),
    back: fc.nat(2),
  }),
  fc.record({ what: fc.constant('asked' as const) }),
  fc.record({
    what: fc.constant('count' as const),
    canary: fc.nat(2_000),
    bad: fc.nat(100),
    stable: fc.nat(2_000),
  }),
  fc.record({ what: fc.constant('pass' as const), ms: fc.integer({ min: -5_000, max: 100_000 }) }),
  fc.record({ what: fc.constant('trust' as const), trusted: fc.boolean() }),
  fc.record({ what: fc.constant('freeze' as const), on: fc.boolean() }),
  fc.record({ what: fc.constant('turn' as const) }),
);
type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never;

function begin(seed: number): { readonly bench: TurnBench; readonly pipeline: `sha256:${string}` } {
  const bench = new TurnBench();
  const random = new Random(String(seed));
  bench.apply(projectDocument('p', true));
  bench.apply(environmentDocument('p', 'production', random));
  const pipeline = bench.apply(pipelineDocument('p', 's', random)) as `sha256:${string}`;
  for (const release of releases) {
    bench.build(release);
    bench.attach(release, statementBy(signerNamed('ci'), bench.artifactOf(release), provenance, {}));
    bench.releaseEntry(release, {
      type: 'stage-ended',
      at: bench.now,
      stage: 'staging',
      environment: 'staging',
      promotion: 'x',
      state: 'promoted',
      reason: { code: 'done' },
    });
  }
  return { bench, pipeline };
}

function happen(bench: TurnBench, pipeline: string, one: Happening, index: number): void {
  const nth = (n: number): string => bench.slot.promotions[n]?.id ?? 'nobody';
  const by = person('dana');
  switch (one.what) {
    case 'ask':
      return bench.request(one.release, pipeline, {
        promotion: `p${index}`,
        mode: one.back ? 'rollback' : 'promote',
      });
    case 'tell':
      return bench.entry({
        type: one.type as 'paused',
        at: bench.now,
        by,
        promotion: nth(one.nth),
        note: '',
      });
    case 'approve':
      if (bench.slot.promotions[one.nth]?.plan) bench.approve(nth(one.nth), one.by);
      return;
    case 'look': {
      const ready = Object.fromEntries(releases.map((release, i) => [release, one.ready[i] ?? 0]));
      const stable = bench.slot.stable?.release ?? 'v1';
      const weights =
        one.canary === stable ? { [stable]: 100 } : { [stable]: 100 - one.weight, [one.canary]: one.weight };
      return bench.observe(ready, weights, Math.max(0, bench.slot.generation - one.back));
    }
    case 'asked': {
      const ready = Object.fromEntries(bench.slot.wanted.map((release) => [release, 4]));
      return bench.observe(ready, Object.fromEntries(bench.slot.weights.map((w) => [w.release, w.weight])));
    }
    case 'count':
      return bench.counted(one.canary, Math.min(one.bad, one.canary), one.stable, 0);
    case 'pass':
      bench.now = Math.max(0, bench.now + one.ms);
      return;
    case 'trust':
      bench.apply(projectDocument('p', one.trusted));
      return;
    case 'freeze':
      return bench.projectEntry(
        one.on
          ? {
              type: 'frozen',
              at: bench.now,
              by,
              freeze: { id: 'f', environment: null, reason: '', until: null },
            }
          : { type: 'unfrozen', at: bench.now, by, id: 'f', note: '' },
      );
    case 'turn':
      // Throws where the lint would stop what was decided.
      bench.turn();
      return;
    default:
      throw new Error('something unknown happens');
  }
}

test('decide is total and deterministic, fits its schema, and has nothing to add right after itself', () => {
  fc.assert(
    fc.property(fc.nat(10_000), fc.array(happening, { maxLength: 60 }), (seed, happenings) => {
      const { bench, pipeline } = begin(seed);
      for (const [index, one] of happenings.entries()) happen(bench, pipeline, one, index);
      const input = bench.input();
      const conclusion = decide(input);
      assert.equal(canonicalJson(decide(structuredCloneOf(input))), canonicalJson(conclusion));
      assert.deepEqual(Decision.parse(conclusion.decision), conclusion.decision);
      const slot = foldSlot(
        input.slot,
        { type: 'decided', at: conclusion.decision.now, decision: conclusion.decision, stateBefore: '' },
        input.slot.seq + 1,
      );
      const again = decide({ ...input, slot });
      assert.deepEqual(again.decision.moves, []);
      assert.deepEqual(again.decision.actions, []);
      for (const promotion of slot.promotions)
        assert.ok(
          again.waits.some((w) => w.promotion === promotion.id),
          `${promotion.id} waits for nothing`,
        );
    }),
    { numRuns: 400 },
  );
});

/** The same input as it would come out of the database: other objects, the same values. */
function structuredCloneOf(input: ReturnType<TurnBench['input']>): ReturnType<TurnBench['input']> {
  const { crypto, ...rest } = input;
  return { ...structuredClone(rest), crypto };
}
