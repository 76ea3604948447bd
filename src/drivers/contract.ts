import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { boundDiagnostics, Diagnostics } from '../core/model/diagnostics.ts';
import type { SlotKey } from '../core/model/name.ts';
import type { Observation, Sample } from '../core/model/observation.ts';
import type { EnvironmentDriver, Outcome, WorkloadSpec } from '../ports/environment.ts';

export type Observed = Omit<Observation, 'at'>;

/** A driver with an empty slot to try it on. */
export interface ContractSubject {
  readonly driver: EnvironmentDriver;
  readonly slot: SlotKey;
  /** What the two releases are; each can really run in the slot. */
  readonly releases: {
    readonly stable: (generation: number, replicas: number) => WorkloadSpec;
    readonly canary: (generation: number, replicas: number) => WorkloadSpec;
  };
  /** Observes until it is so, and returns that observation; rejects when its deadline has passed. Brings its own clock. */
  until(predicate: (observed: Observed) => boolean): Promise<Observed>;
  /** Sends requests through the slot's traffic, one after the other; absent where there is nothing to send to. */
  sendRequests?(count: number): Promise<void>;
  close(): Promise<void>;
}

const signal = new AbortController().signal;
const done: Outcome = { outcome: 'done' };

const readyOf = (observed: Observed, release: string): number =>
  observed.workloads.find((workload) => workload.release === release)?.ready ?? 0;

const weightsOf = (observed: Observed): Record<string, number> =>
  Object.fromEntries(
    observed.weights.filter(({ weight }) => weight > 0).map(({ release, weight }) => [release, weight]),
  );

/** One trial of a driver: the subject, and what the steps below do with it again and again. */
class Trial {
  readonly subject: ContractSubject;
  readonly stable: string;
  readonly canary: string;

  constructor(subject: ContractSubject) {
    this.subject = subject;
    this.stable = subject.releases.stable(0, 1).release;
    this.canary = subject.releases.canary(0, 1).release;
  }

  async observe(): Promise<Observed> {
    const result = await this.subject.driver.observer.observe(this.subject.slot, signal);
    assert.ok(result.ok, result.ok ? '' : result.error.message);
    return result.value;
  }

  apply(arm: 'stable' | 'canary', generation: number, replicas = 1): Promise<Outcome> {
    const spec = this.subject.releases[arm](generation, replicas);
    return this.subject.driver.desiredState.applyWorkload(this.subject.slot, spec, signal);
  }

  shift(generation: number, ...weights: readonly (readonly [string, number])[]): Promise<Outcome> {
    const target = { generation, weights: weights.map(([release, weight]) => ({ release, weight })) };
    return this.subject.driver.traffic.shift(this.subject.slot, target, signal);
  }

  remove(generation: number, release: string): Promise<Outcome> {
    return this.subject.driver.desiredState.removeWorkload(
      this.subject.slot,
      { generation, release },
      signal,
    );
  }

  async scrape(): Promise<readonly Sample[]> {
    const { weights } = await this.observe();
    const arms = { canary: this.canary, stable: this.stable, weights };
    const result = await this.subject.driver.metrics.scrape(this.subject.slot, arms, signal);
    assert.ok(result.ok, result.ok ? '' : result.error.message);
    return result.value;
  }
}

type Step = (trial: Trial, test: TestContext) => Promise<void>;

const startsEmpty: Step = async (trial) => {
  const observed = await trial.observe();
  assert.deepEqual([observed.generation, observed.workloads, weightsOf(observed)], [0, [], {}]);
};

const appliesOnce: Step = async (trial) => {
  assert.deepEqual(await trial.apply('stable', 1), done);
  assert.deepEqual(await trial.apply('stable', 1), done);
  const observed = await trial.subject.until((seen) => readyOf(seen, trial.stable) === 1);
  assert.equal(observed.workloads.length, 1);
  assert.equal(observed.workloads[0]?.desired, 1);
  assert.equal(observed.workloads[0]?.artifact, trial.subject.releases.stable(1, 1).artifact);
  assert.deepEqual(weightsOf(observed), {});
};

const readsWeightsBack: Step = async (trial) => {
  const { stable, canary } = trial;
  assert.deepEqual(await trial.shift(1, [stable, 100]), done);
  await trial.subject.until((seen) => weightsOf(seen)[stable] === 100);
  assert.deepEqual(await trial.apply('canary', 2), done);
  await trial.subject.until((seen) => readyOf(seen, canary) === 1);
  assert.deepEqual(await trial.shift(2, [stable, 70], [canary, 30]), done);
  const observed = await trial.subject.until((seen) => weightsOf(seen)[canary] === 30);
  assert.deepEqual(weightsOf(observed), { [stable]: 70, [canary]: 30 });
  assert.equal(readyOf(observed, stable), 1);
  assert.equal(observed.generation, 2);
};

const fencesLowerGenerations: Step = async (trial, test) => {
  if (!trial.subject.driver.fences) {
    test.skip('this driver cannot fence, and says so');
    return;
  }
  const { stable, canary } = trial;
  const stale = { outcome: 'stale', generation: 2 };
  assert.deepEqual(await trial.apply('stable', 1, 3), stale);
  assert.deepEqual(await trial.shift(1, [stable, 100]), stale);
  assert.deepEqual(await trial.remove(1, canary), stale);
  const observed = await trial.observe();
  assert.deepEqual(weightsOf(observed), { [stable]: 70, [canary]: 30 });
  assert.deepEqual(
    observed.workloads.map(({ desired }) => desired),
    [1, 1],
  );
  assert.equal(observed.generation, 2);
};

const keepsWhatHasTraffic: Step = async (trial) => {
  const { stable, canary } = trial;
  const outcome = await trial.remove(2, canary);
  assert.equal(outcome.outcome, 'failed');
  const observed = await trial.observe();
  assert.deepEqual(weightsOf(observed), { [stable]: 70, [canary]: 30 });
  assert.equal(readyOf(observed, canary), 1);
};

const samplesGrow: Step = async (trial) => {
  const first = await trial.scrape();
  await trial.subject.sendRequests?.(60);
  const second = await trial.scrape();
  assert.deepEqual(new Set(second.map(({ arm }) => arm)), new Set(['canary', 'stable']));
  for (const sample of second) {
    assert.equal(sample.weight, 0.3);
    assertCumulative(sample);
    const earlier = first.find(({ pod }) => pod === sample.pod);
    if (earlier !== undefined) assertGrown(earlier, sample);
  }
  if (trial.subject.sendRequests !== undefined) assert.equal(total(second) - total(first), 60);
};

const tellsWhatItSays: Step = async ({ subject, canary }) => {
  const told = await subject.driver.troubleshooting.diagnose(subject.slot, canary, signal);
  assert.ok(told.ok, told.ok ? '' : told.error.message);
  assert.deepEqual(
    told.value.processes.map(({ state, restarts }) => [state, restarts]),
    [['ready', 0]],
  );
  const { processes, events } = boundDiagnostics(told.value);
  Diagnostics.parse({ processes, events });
  const unknown = await subject.driver.troubleshooting.diagnose(subject.slot, 'never-was-here', signal);
  assert.deepEqual(unknown, { ok: true, value: { processes: [], events: [] } });
};

const removesWithoutTraffic: Step = async (trial) => {
  const { stable, canary } = trial;
  assert.deepEqual(await trial.shift(3, [stable, 100]), done);
  await trial.subject.until((seen) => weightsOf(seen)[stable] === 100);
  assert.deepEqual(await trial.remove(3, canary), done);
  const isGone = (seen: Observed): boolean => seen.workloads.every(({ release }) => release !== canary);
  const observed = await trial.subject.until(isGone);
  assert.equal(readyOf(observed, stable), 1);
  assert.deepEqual(weightsOf(observed), { [stable]: 100 });
  assert.deepEqual(await trial.remove(3, canary), done);
  assert.deepEqual(await trial.remove(3, 'never-was-here'), done);
};

const bringsBackWhatWasRemoved: Step = async (trial) => {
  assert.deepEqual(await trial.apply('canary', 4), done);
  const observed = await trial.subject.until((seen) => readyOf(seen, trial.canary) === 1);
  assert.deepEqual(weightsOf(observed), { [trial.stable]: 100 });
};

const STEPS: readonly (readonly [string, Step])[] = [
  ['shows an empty slot as empty', startsEmpty],
  ['makes a release run, once for the same spec twice, and touches no traffic', appliesOnce],
  ['reads weights back as they were set', readsWeightsBack],
  ['refuses a lower generation as stale, and changes nothing', fencesLowerGenerations],
  ['refuses to remove a release that still has traffic', keepsWhatHasTraffic],
  ['gives samples of both arms whose counters only grow', samplesGrow],
  ['tells what the processes of a release say', tellsWhatItSays],
  ['takes traffic away, then removes, and calls the removal of what is gone done', removesWithoutTraffic],
  ['brings a removed release back when it is asked for again', bringsBackWhatWasRemoved],
];

/**
 * Registers the tests that every environment driver must pass: what `src/ports/environment.ts` promises. They build
 * on each other and run in this order, on one slot.
 */
export function environmentContract(name: string, makeSubject: () => Promise<ContractSubject>): void {
  void describe(`environment contract: ${name}`, () => {
    let trial: Trial | undefined;
    before(async () => {
      trial = new Trial(await makeSubject());
    });
    after(() => trial?.subject.close());
    for (const [title, step] of STEPS) {
      void it(title, async (test) => {
        assert.ok(trial !== undefined, 'the subject could not be made');
        await step(trial, test);
      });
    }
  });
}

const total = (samples: readonly Sample[]): number =>
  samples.reduce((sum, { requests }) => sum + requests, 0);

/** Buckets never fall with their bound, and the last one holds every request. */
function assertCumulative(sample: Sample): void {
  const bounds = Object.entries(sample.latencyMs)
    .map(([bound, count]) => ({ bound: bound === '+Inf' ? Infinity : Number(bound), count }))
    .sort((left, right) => left.bound - right.bound);
  let before = 0;
  for (const { count } of bounds) {
    assert.ok(count >= before);
    before = count;
  }
  assert.equal(bounds.at(-1)?.bound, Infinity);
  assert.equal(bounds.at(-1)?.count, sample.requests);
}

function assertGrown(earlier: Sample, later: Sample): void {
  assert.ok(later.t >= earlier.t);
  assert.ok(later.requests >= earlier.requests);
  for (const [name, count] of Object.entries(earlier.bad)) assert.ok((later.bad[name] ?? 0) >= count);
  for (const [bound, count] of Object.entries(earlier.latencyMs))
    assert.ok((later.latencyMs[bound] ?? 0) >= count);
}
