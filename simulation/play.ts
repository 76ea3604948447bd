import { checkPredicateType } from '../src/core/model/release.ts';
import type { Promotion } from '../src/core/model/state.ts';
import type { Decision } from '../src/core/model/decision.ts';
import type { Digest } from '../src/core/model/digest.ts';
import type { CallFate } from './faults.ts';
import { randomFaults, noFaults } from './faults.ts';
import {
  behaviourAt,
  environmentDocument,
  pipelineDocument,
  projectDocument,
  provenance,
} from './generate.ts';
import { Invariants, type Tested } from './invariants.ts';
import { machine, Operator, person } from './operator.ts';
import { Random } from './random.ts';
import { signerNamed, statementBy } from './signing.ts';
import { goodBehaviour, type SimulatedSlot } from './simulated-slot.ts';
import { World } from './world.ts';

/** What one run came to. */
export interface Played {
  readonly seed: string;
  readonly releases: number;
  readonly tested: Tested;
  readonly faults: Readonly<Record<string, number>>;
  readonly ends: Readonly<Record<string, number>>;
  readonly violations: readonly string[];
}

const releasesInRun = 8;
const people = ['anna', 'bert', 'cara', 'dora', 'emil'];
const environments = ['staging', 'production'] as const;

/** Plays one random world: eight releases through two stages, under faults, then a quiet end in which all must settle. */
export async function play(seed: string): Promise<Played> {
  return new Run(seed).play();
}

class Run {
  readonly #seed: string;
  readonly #random: Random;
  readonly #invariants = new Invariants();
  readonly #faults: Record<string, number> = {};
  readonly #world: World;
  readonly #operator: Operator;
  #pipeline: Digest = 'sha256:';
  #ids = 0;
  #frozen: { readonly id: string; readonly everything: boolean }[] = [];
  #trusted = true;

  constructor(seed: string) {
    this.#seed = seed;
    this.#random = new Random(seed);
    const crashes = this.#random.stream('crashes');
    const oneIn = this.#random.pick([8, 30, 1_000]);
    const deadly = this.#random.pick([0, 0.001, 0.006]);
    const dies = (): boolean => {
      const died = crashes.chance(deadly);
      if (died) this.#invariants.count('8: workers that died');
      return died;
    };
    this.#world = new World({
      random: this.#random.stream('schedule'),
      workers: 2,
      pace: { effect: 400, moving: 1_500, idle: 12_000 },
      fates: randomFaults(this.#random.stream('fates'), oneIn, (fate) => this.#count(fate)),
      crashes: {
        before: (label) => {
          if (label === 'store.commit') this.#strikeBeforeCommit();
          return dies();
        },
        after: dies,
      },
      stalls: this.#random.pick([0, 0.003]),
      races: this.#random.pick([0, 0.02]),
      listener: {
        appended: (stream, entry, states) => {
          this.#invariants.appended(stream, entry, states);
          if (entry.type === 'decided') this.#raceWith(entry.decision);
        },
        conflicted: () => this.#invariants.conflicted(),
      },
      breach: (invariant, message) => this.#invariants.violated(invariant, message),
      changed: (key, change) => this.#invariants.changed(key, change),
      effectLoaded: (process, slot) => this.#invariants.effectLoaded(process, slot),
      shiftCalled: (process, slot, weights) => this.#invariants.shiftCalled(process, slot, weights),
      reported: (event) => {
        if (event.event === 'lint-stopped')
          this.#invariants.violated(0, `the lint stopped a decision: ${event.findings.join('; ')}`);
        else if (
          event.event === 'work-failed' &&
          !(event.error instanceof Error && event.error.message === 'given up')
        )
          this.#invariants.violated(
            0,
            `work failed: ${String(event.error)} ${event.error instanceof Error ? (event.error.stack ?? '') : ''}`,
          );
      },
    });
    this.#invariants.watch(this.#world);
    this.#operator = new Operator(this.#world, 'sim', 'shop');
  }

  #count(fate: CallFate['fate']): void {
    this.#faults[fate] = (this.#faults[fate] ?? 0) + 1;
  }

  async play(): Promise<Played> {
    const operator = this.#operator;
    const documents = this.#random.stream('documents');
    operator.apply(projectDocument('sim', true), person('olga'));
    for (const name of environments)
      operator.apply(environmentDocument('sim', name, documents), person('olga'));
    this.#pipeline = operator.apply(
      pipelineDocument('sim', 'shop', documents),
      person(documents.pick(people)),
    );
    let at = 0;
    for (let i = 1; i <= releasesInRun; i++) {
      this.#world.clock.after(at, () => this.#release(`v${i}`));
      at += this.#random.integer(5_000, 90_000);
    }
    for (let t = 4_000; t < at + 60_000; t += this.#random.integer(1_000, 12_000))
      this.#world.clock.after(t, () => this.#meddle());
    await this.#world.run(at + 60_000);
    await this.#quietEnd();
    this.#invariants.compareWithEntries();
    return {
      seed: this.#seed,
      releases: releasesInRun,
      tested: this.#invariants.tested,
      faults: this.#faults,
      ends: this.#ends(),
      violations: this.#invariants.violations,
    };
  }

  /** Now and then something that a turn has read changes right before what it decided is written. */
  #strikeBeforeCommit(): void {
    const choice = this.#random.integer(0, 149);
    if (choice === 0) this.#freeze(this.#random);
    if (choice === 1 && this.#trusted) {
      this.#trust(false);
      this.#world.clock.after(this.#random.integer(500, 15_000), () => this.#trust(true));
    }
  }

  /** Now and then somebody freezes, or takes trust away, right between a decision and its effect. */
  #raceWith(decision: Decision): void {
    if (!this.#world.faulty || !decision.actions.some((action) => action.type === 'shift-traffic')) return;
    const choice = this.#random.integer(0, 29);
    if (choice === 0) queueMicrotask(() => this.#freeze(this.#random));
    if (choice !== 1 || !this.#trusted) return;
    queueMicrotask(() => this.#trust(false));
    this.#world.clock.after(this.#random.integer(500, 15_000), () => this.#trust(true));
  }

  /** One release's life: CI's facts in some order, then requests. */
  #release(name: string): void {
    const random = this.#random.stream(`release ${name}`);
    const operator = this.#operator;
    const ci = machine('ci');
    const artifact = operator.artifactOf(name);
    this.#world.behaviours.set(name, name === 'v1' ? goodBehaviour : behaviourAt(random));
    operator.open(name, ci);
    const facts: (() => void)[] = [
      () => {
        const signer = signerNamed(random.chance(0.96) ? 'ci' : 'stranger');
        const subject = random.chance(0.97) ? artifact : operator.artifactOf('another');
        operator.attach(name, statementBy(signer, subject, provenance, {}), ci);
      },
      () => operator.attachTests(name, artifact, 100, random.chance(0.95) ? 0 : 3, ci),
      () => {
        const predicate = { check: 'load', passed: random.chance(0.95) };
        const report = statementBy(signerNamed('load-tester'), artifact, checkPredicateType, predicate);
        operator.attach(name, report, ci);
      },
      () => {
        if (random.chance(0.3)) operator.attachTests(name, operator.artifactOf('another'), 100, 0, ci);
      },
      () => operator.seal(name, [random.pick(people)], ci),
    ];
    for (const fact of facts)
      if (random.chance(0.99)) this.#world.clock.after(random.integer(0, 8_000), fact);
    this.#world.clock.after(random.integer(1_000, 9_000), () =>
      this.#ask(name, 'staging', 'promote', random),
    );
    this.#world.clock.after(random.integer(5_000, 60_000), () =>
      this.#ask(name, 'production', 'promote', random),
    );
  }

  #ask(release: string, stage: string, mode: 'promote' | 'rollback', random: Random): void {
    this.#operator.request({
      slot: this.#operator.slot(stage),
      promotion: `${release}-${stage}-${++this.#ids}`,
      by: person(random.pick(people)),
      release,
      stage,
      pipeline: this.#pipeline,
      mode,
      liftQuarantine: random.chance(0.2),
    });
  }

  /** Somebody does something at a moment of nobody's choosing. */
  #meddle(): void {
    const random = this.#random;
    const operator = this.#operator;
    const slot = operator.slot(random.pick(environments));
    const state = this.#world.store.slot(slot);
    const open = state.promotions;
    const by = person(random.pick(people));
    const on = (act: (promotion: Promotion) => void): void => {
      if (open.length > 0) act(random.pick(open));
    };
    const choice = random.integer(0, 107);
    if (choice < 50) {
      for (const promotion of open)
        if (random.chance(0.8))
          operator.approve({ slot, promotion: promotion.id, by: person(random.pick(people)) });
    } else if (choice < 54) on((p) => operator.tell({ slot, promotion: p.id, by }, 'paused'));
    else if (choice < 62) on((p) => operator.tell({ slot, promotion: p.id, by }, 'resumed'));
    else if (choice < 65) on((p) => operator.tell({ slot, promotion: p.id, by }, 'abort-asked'));
    else if (choice < 67) on((p) => operator.reject({ slot, promotion: p.id, by }));
    else if (choice < 73) this.#freeze(random);
    else if (choice < 80) this.#unfreeze();
    else if (choice < 83) {
      this.#trust(!this.#trusted);
      // Mostly a mistake that somebody soon mends.
      if (!this.#trusted) this.#world.clock.after(random.integer(500, 15_000), () => this.#trust(true));
    } else if (choice < 88) {
      const target = random.pick(
        [...state.history, ...(state.stable === null ? [] : [state.stable])]
          .map((d) => d.release)
          .concat('v1'),
      );
      this.#ask(target, slot.environment, 'rollback', random);
    } else if (choice < 91) {
      this.#world.clock.jump(random.pick([-20_000, -3_000, 20_000, 120_000]));
      this.#count2('clock jumps');
    } else if (choice < 94) {
      if (this.#world.outside(slot).restartOne(this.#world.clock.elapsed)) this.#count2('counters reset');
    } else if (choice < 96)
      operator.apply(environmentDocument('sim', slot.environment, random), person('olga'));
    else if (choice >= 102)
      on((p) =>
        operator.waive({ slot, promotion: p.id, by }, 'canary', random.pick([2_000, 20_000, 600_000])),
      );
    else if (choice >= 100) this.#takeMetricsAway(this.#world.outside(slot), random);
    else if (choice < 98)
      this.#pipeline = operator.apply(pipelineDocument('sim', 'shop', random), person(random.pick(people)));
    else
      on((p) =>
        operator.attachTests(
          p.release,
          operator.artifactOf(p.release),
          100,
          random.integer(0, 1),
          machine('ci'),
        ),
      );
  }

  #count2(name: string): void {
    this.#faults[name] = (this.#faults[name] ?? 0) + 1;
  }

  #takeMetricsAway(outside: SimulatedSlot, random: Random): void {
    outside.metricsSay = random.pick(['the source is down', 'the source is slow']);
    this.#count2('outages of the metrics’ source');
    this.#world.clock.after(random.integer(3_000, 90_000), () => {
      outside.metricsSay = null;
    });
  }

  #freeze(random: Random): void {
    const id = `freeze-${++this.#ids}`;
    const everything = random.chance(0.3);
    const until = random.chance(0.5) ? this.#world.clock.wall + random.integer(2_000, 30_000) : null;
    const environment = random.chance(0.5) ? random.pick(environments) : null;
    this.#operator.freeze(id, person('olga'), { everything, environment, until });
    this.#frozen.push({ id, everything });
  }

  #unfreeze(): void {
    for (const { id, everything } of this.#frozen) this.#operator.unfreeze(id, person('olga'), everything);
    this.#frozen = [];
  }

  #trust(trusted: boolean): void {
    this.#trusted = trusted;
    this.#operator.apply(projectDocument('sim', trusted), person('olga'));
  }

  /** No more faults, no more holds: whatever is open is aborted, and everything must come to rest. */
  async #quietEnd(): Promise<void> {
    const { store } = this.#world;
    this.#world.faulty = false;
    this.#world.fates = noFaults;
    this.#unfreeze();
    this.#trust(true);
    for (const slot of store.slots()) this.#world.outside(slot.key).metricsSay = null;
    await this.#world.run(60_000);
    for (const slot of store.slots())
      for (const promotion of slot.promotions)
        this.#operator.tell({ slot: slot.key, promotion: promotion.id, by: person('olga') }, 'abort-asked');
    await this.#world.run(120_000);
    for (const slot of store.slots()) this.#atRest(slot.key);
  }

  #atRest(key: Parameters<World['outside']>[0]): void {
    const slot = this.#world.store.slot(key);
    const where = `${key.environment} at the end`;
    // A first release with traffic and nothing to return to cannot be aborted: it waits for the next release.
    const stuck = slot.promotions.filter((p) => p.asked?.reason.code !== 'rollback-impossible');
    for (const promotion of stuck) {
      const waits = this.#world.store.waits(key).filter((w) => w.promotion === promotion.id);
      this.#invariants.violated(
        0,
        `${where}: ${promotion.id} is ${promotion.state}, waits for ${JSON.stringify(waits.map((w) => w.reason))}`,
      );
    }
    if (slot.promotions.length > 0) return;
    for (const effect of slot.effects)
      this.#invariants.violated(0, `${where}: ${JSON.stringify(effect)} is still open`);
    const outside = this.#world.outside(key);
    if (slot.stable !== null && outside.weightOf(slot.stable.release) !== 100)
      this.#invariants.violated(
        6,
        `${where}: ${slot.stable.release} is stable and does not have all traffic`,
      );
    // A first release that could not go back was overtaken by one that came to nothing: it serves on.
    const stranded = slot.stable === null ? outside.weights.map((w) => w.release) : [];
    const expected = [slot.stable?.release, slot.warm?.deployed.release, ...stranded].filter(
      (r) => r !== undefined,
    );
    const running = outside.running;
    if ([...running].sort().join() !== [...new Set(expected)].sort().join())
      this.#invariants.violated(6, `${where}: ${running.join()} run, ${expected.join()} are meant to`);
  }

  #ends(): Record<string, number> {
    const ends: Record<string, number> = {};
    for (const slot of this.#world.store.slots())
      for (const end of slot.ended) ends[end.state] = (ends[end.state] ?? 0) + 1;
    return ends;
  }
}
