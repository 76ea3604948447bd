import { longestGapMs } from '../src/core/decide/fold/slot.ts';
import { canonicalJson } from '../src/core/model/canonical.ts';
import type { Decision, Move } from '../src/core/model/decision.ts';
import type { Stage } from '../src/core/model/documents.ts';
import type { Entry } from '../src/core/model/entries.ts';
import type { GateAnalysis } from '../src/core/model/analysis-state.ts';
import type { GateOf } from '../src/core/model/gate.ts';
import { type SlotKey, slotStream } from '../src/core/model/name.ts';
import { unreachable } from '../src/core/model/result.ts';
import type { Weight } from '../src/core/model/observation.ts';
import type { ProjectState, Promotion, SlotState } from '../src/core/model/state.ts';
import type { Change } from './environment.ts';
import { type Case, isBarred, isOpen } from './evidence.ts';
import type { StoreListener } from './memory-store.ts';
import type { World } from './world.ts';
import type { WorkerProcess } from './worker-process.ts';

/** How often each invariant was really put to the test, by what was tested. */
export type Tested = Record<string, number>;

/** Every counter that must not stay 0 over a whole run: an invariant that was never in danger was not tested. */
export const mustBeTested = [
  '1: promotions started, each entry gate judged again',
  '1: promotions held at a gate that had not passed',
  '1: steps up, each analysis judged again',
  '1: gates held because the source of metrics was away',
  '1: people asked because the source of metrics was away',
  '1: waivers given, by whoever and whenever',
  '1: steps up by a waiver, looked at again',
  '1: promotions ended, soak measured again',
  '2: foreign evidence on a release that moved',
  '2: promotions turned back because trust was taken away',
  '3: shifts to a release other than stable, trust checked as the worker had read it',
  '4: approvals counted again',
  '4: approvals voided by a new plan',
  '4: approvals by people who may not',
  '5: shifts of traffic',
  '5: removals of a workload',
  '6: steps reached, compared with what runs',
  '6: promoted, compared with what runs',
  '6: returned, compared with what runs',
  '8: calls delivered twice or late and refused by the fence or without effect',
  '8: workers that died',
  '8: turns that found that the world had moved on',
  '9: entries in chains made again from the start',
  '10: decisions taken under a freeze',
  '10: effects held by a freeze',
  '10: promotions turned back under a freeze',
] as const;

interface Read {
  readonly project: ProjectState;
  readonly everything: ProjectState;
  readonly wall: number;
}

/**
 * The invariants of the design, checked after every entry and every change outside, from the raw facts and from what
 * really runs. Shares no rule with the core or its lint.
 */
export class Invariants implements StoreListener {
  readonly tested: Tested = Object.fromEntries(mustBeTested.map((name) => [name, 0]));
  readonly violations: string[] = [];
  #world: World | null = null;
  readonly #reads = new WeakMap<WorkerProcess, Map<string, Read>>();
  readonly #waivers: { readonly stream: string; readonly entry: Extract<Entry, { type: 'waived' }> }[] = [];
  readonly #observingSince = new Map<string, number>();

  /** Must be told the world before it begins. */
  watch(world: World): void {
    this.#world = world;
  }

  get #w(): World {
    if (this.#world === null) throw new Error('no world is watched');
    return this.#world;
  }

  count(name: (typeof mustBeTested)[number]): void {
    this.tested[name] = (this.tested[name] ?? 0) + 1;
  }

  violated(invariant: number, message: string): void {
    this.violations.push(`invariant ${invariant} at ${this.#w.clock.elapsed} ms: ${message}`);
  }

  appended(stream: string, entry: Entry, states: { before: SlotState; after: SlotState } | null): void {
    if (states === null) return;
    if (entry.type === 'waived') {
      this.count('1: waivers given, by whoever and whenever');
      this.#waivers.push({ stream, entry });
    }
    if (entry.type === 'approved') this.#approval(states.after, entry.promotion, entry.by.id);
    if (entry.type !== 'decided') return;
    this.#decided(states.before, states.after, entry.decision);
    if (entry.decision.moves.some((m) => m.type === 'ended' && m.state === 'promoted'))
      this.#observingSince.delete(stream);
  }

  conflicted(): void {
    this.count('8: turns that found that the world had moved on');
  }

  #approval(slot: SlotState, id: string, person: string): void {
    const on = this.#caseOf(slot, id);
    if (on !== null && isBarred(person, on)) this.count('4: approvals by people who may not');
  }

  #caseOf(slot: SlotState, id: string | null): (Case & { readonly stage: Stage }) | null {
    const { store, clock } = this.#w;
    const promotion = slot.promotions.find((p) => p.id === id);
    if (promotion === undefined) return null;
    const { project: name, service } = slot.key;
    const project = store.project(name);
    const release = store.releaseState({ project: name, service, name: promotion.release });
    const stage = project.pinned[promotion.pipeline]?.document.spec.stages.find(
      (s) => s.name === promotion.stage,
    );
    if (release === null || stage === undefined) return null;
    return { promotion, release, project, now: Math.max(clock.wall, slot.clock), stage };
  }

  #decided(before: SlotState, after: SlotState, decision: Decision): void {
    for (const move of decision.moves) this.#moved(before, after, decision, move);
    this.#frozen(before, decision);
    this.#revoked(after);
    if (after.promotions.filter((p) => p.state !== 'waiting').length > 1)
      this.violated(8, `two promotions of ${slotStream(after.key)} move at once`);
  }

  #moved(before: SlotState, after: SlotState, decision: Decision, move: Move): void {
    const promotion =
      after.promotions.find((p) => p.id === move.promotion) ??
      before.promotions.find((p) => p.id === move.promotion);
    if (promotion === undefined) return;
    switch (move.type) {
      case 'started':
        return this.#started(before, after, decision, promotion.id);
      case 'planned':
        if (promotion.approvals.some((a) => a.plan !== move.plan))
          this.count('4: approvals voided by a new plan');
        return;
      case 'judged':
        if (move.reason.code === 'source-unreadable')
          this.count('1: gates held because the source of metrics was away');
        if (move.verdict !== 'pass') this.count('1: promotions held at a gate that had not passed');
        return;
      case 'shifting':
        return this.#steppedUp(before, decision, promotion, move.step);
      case 'observing':
        // A turn may be committed long after it was decided; what it decided on had been seen by then.
        this.#observingSince.set(
          `${slotStream(after.key)} ${promotion.id}`,
          Math.min(this.#w.clock.elapsed, this.#w.clock.elapsedAt(decision.now)),
        );
        return;
      case 'turned-back':
        if (move.reason.code.startsWith('signature-'))
          this.count('2: promotions turned back because trust was taken away');
        if (this.#freezes(after.key).length > 0) this.count('10: promotions turned back under a freeze');
        return;
      case 'ended':
        return this.#ended(before, promotion, move);
      case 'reached':
        this.count('6: steps reached, compared with what runs');
        if (this.#w.outside(after.key).weightOf(promotion.release) !== move.weight)
          this.violated(6, `${promotion.id} is said to be at ${move.weight} % and is not`);
        return;
      case 'asked':
        if (move.reason.code === 'source-away')
          this.count('1: people asked because the source of metrics was away');
        return;
      case 'at-zero':
      case 'quarantined':
      case 'retired':
      case 'waiting':
        return;
      default:
        return unreachable(move);
    }
  }

  #planned(
    slot: SlotState,
    id: string,
    planned: Move | undefined,
  ): (Case & { readonly stage: Stage }) | null {
    const on = this.#caseOf(slot, id);
    if (on === null || planned?.type !== 'planned') return on;
    const plan = { digest: planned.plan, document: planned.document };
    return { ...on, promotion: { ...on.promotion, plan } };
  }

  /** 1, 2, 4: at the door. */
  #started(before: SlotState, after: SlotState, decision: Decision, id: string): void {
    // What starts may end in the same decision; then it is judged as it was, with the plan that it was given.
    const planned = decision.moves.findLast((m) => m.type === 'planned' && m.promotion === id);
    const on = this.#caseOf(after, id) ?? this.#planned(before, id, planned);
    const promotion = on?.promotion ?? { id, plan: null, mode: 'promote' };
    if (on === null) return this.violated(1, `${promotion.id} started without a stage or a release`);
    this.count('1: promotions started, each entry gate judged again');
    if (promotion.plan === null) this.violated(4, `${promotion.id} started without a plan`);
    if (canonicalJson(promotion.plan?.document.baseline ?? null) !== canonicalJson(baselineOf(after)))
      this.violated(4, `${promotion.id} started on a plan with another baseline`);
    const artifact = on.release.sealed?.release.artifact.digest;
    if (
      on.release.attachments.some((a) => a.attachment.type === 'tests' && a.attachment.artifact !== artifact)
    )
      this.count('2: foreign evidence on a release that moved');
    for (const gate of on.stage.gates) {
      if (gate.mode === 'observe' || (promotion.mode === 'rollback' && gate.kind !== 'signature')) continue;
      if (gate.kind === 'approval') this.count('4: approvals counted again');
      if (!isOpen(gate, { ...on, now: decision.now }))
        this.violated(
          gate.kind === 'approval' ? 4 : 1,
          `${promotion.id} started and ${gate.name} is not open`,
        );
    }
  }

  /** 1: each step up but the first stands on an analysis that says so. */
  #steppedUp(before: SlotState, decision: Decision, promotion: Promotion, step: number): void {
    const on = this.#caseOf(before, promotion.id);
    if (step === 0 || promotion.mode === 'rollback' || before.stable === null || on === null) return;
    const last = before.promotions.find((p) => p.id === promotion.id);
    if (last?.step === step) return;
    this.count('1: steps up, each analysis judged again');
    for (const gate of on.stage.gates)
      if (gate.mode === 'enforce' && !isOpen(gate, { ...on, now: decision.now }))
        this.violated(2, `${promotion.id} stepped up and ${gate.name} is no longer open`);
    const { analysis } = before;
    for (const gate of on.stage.analysis) {
      if (gate.kind !== 'metric' || gate.mode === 'observe') continue;
      const waiver = this.#waivers.findLast(
        ({ stream, entry }) =>
          stream === slotStream(before.key) &&
          entry.promotion === promotion.id &&
          entry.gate === gate.name &&
          entry.step === step - 1 &&
          decision.now < entry.until,
      );
      const judged = decision.moves.findLast((m) => m.type === 'judged' && m.gate === gate.name);
      const said = judged?.type === 'judged' ? judged : last?.gates[gate.name];
      if (said?.reason.code === 'waived') {
        this.#byWaiver(gate, promotion, waiver?.entry, analysis?.gates[gate.name]);
        continue;
      }
      if (last?.outages?.open !== undefined && last.outages.open !== null)
        this.violated(1, `${promotion.id} stepped up while the source of metrics was away`);
      const state = analysis?.promotion === promotion.id ? analysis.gates[gate.name]?.rollout : undefined;
      if (state === undefined) {
        this.violated(1, `${promotion.id} stepped up without an analysis of its own`);
        continue;
      }
      for (const [name, margin] of marginsOf(gate)) {
        const { canary, stable } = state.series[name]?.stage ?? noStage;
        const excess = canary.bad / canary.requests - stable.bad / stable.requests;
        if (!(canary.requests > 0 && stable.requests > 0))
          this.violated(1, `${promotion.id} stepped up without requests of both at its step`);
        else if (!(excess <= margin / (promotion.plan?.document.steps[step] ?? 100)))
          this.violated(1, `${promotion.id} stepped up although ${name} are worse`);
      }
    }
  }

  /** 1: a step that a person let it take: he did, not over a gate that says worse, and not across a limit. */
  #byWaiver(
    gate: GateOf<'metric'>,
    { id }: Promotion,
    waiver: Extract<Entry, { type: 'waived' }> | undefined,
    analysis: GateAnalysis | undefined,
  ): void {
    this.count('1: steps up by a waiver, looked at again');
    if (waiver === undefined) this.violated(1, `${id} stepped up by a waiver that nobody has given`);
    if (analysis?.said?.verdict === 'fail') this.violated(1, `${id} stepped up by a waiver and is worse`);
    const { bad, requests } = analysis?.rollout.series['errors']?.stage.canary ?? { bad: 0, requests: 0 };
    if (bad * 100 > (gate.errors.limitPercent ?? 100) * requests)
      this.violated(1, `${id} stepped up by a waiver across its limit`);
  }

  /** 1 and 6: what is said to have ended is what runs, and has soaked. */
  #ended(before: SlotState, promotion: Promotion, move: Extract<Move, { type: 'ended' }>): void {
    const outside = this.#w.outside(before.key);
    const weight = outside.weightOf(promotion.release);
    if (move.state === 'promoted') {
      this.count('6: promoted, compared with what runs');
      if (weight !== 100) this.violated(6, `${promotion.id} is promoted and has ${weight} %`);
      const since = this.#observingSince.get(`${slotStream(before.key)} ${promotion.id}`);
      const on = this.#caseOf(before, promotion.id);
      const soak = on?.stage.verification.find((gate) => gate.kind === 'soak' && gate.mode === 'enforce');
      if (soak?.kind !== 'soak' || promotion.mode === 'rollback') return;
      this.count('1: promotions ended, soak measured again');
      // A wall clock that is set forward by less than a gap cannot be told from time that passed.
      const unseen = longestGapMs * this.#w.clock.jumpsSince(since ?? 0);
      const watched = this.#w.clock.elapsed - (since ?? Infinity) + unseen;
      if (!(watched >= soak.healthyFor))
        this.violated(1, `${promotion.id} is promoted after ${watched} ms of ${soak.healthyFor} ms of soak`);
    } else if (promotion.turnedBack !== null || before.moving === promotion.id) {
      if (move.state === 'superseded') return;
      this.count('6: returned, compared with what runs');
      if (weight !== 0 && before.stable?.release !== promotion.release)
        this.violated(6, `${promotion.id} is ${move.state} and has ${weight} %`);
    }
  }

  #freezes(key: SlotKey, read?: Read): readonly string[] {
    const { store, clock } = this.#w;
    const project = read?.project ?? store.project(key.project);
    const everything = read?.everything ?? store.everything;
    const now = read?.wall ?? clock.wall;
    const planned = project.environments[key.environment]?.document.spec.freezes ?? [];
    return [
      ...[...project.freezes, ...everything.freezes]
        .filter((f) => f.environment === null || f.environment === key.environment)
        .filter((f) => f.until === null || now < f.until)
        .map((f) => f.id),
      ...planned.filter((f) => f.from <= now && now < f.to).map((f) => f.name),
    ];
  }

  /** 10: under a freeze nothing starts, grows or is promoted, but rollbacks. */
  #frozen(before: SlotState, decision: Decision): void {
    const read = {
      project: this.#w.store.project(before.key.project),
      everything: this.#w.store.everything,
      wall: decision.now,
    };
    const frozen = this.#freezes(before.key, read);
    if (frozen.length === 0) return;
    this.count('10: decisions taken under a freeze');
    for (const move of decision.moves) {
      const promotion = before.promotions.find((p) => p.id === move.promotion);
      if (promotion === undefined || promotion.mode === 'rollback') continue;
      const grows =
        move.type === 'started' ||
        move.type === 'shifting' ||
        (move.type === 'ended' && move.state === 'promoted');
      if (grows) this.violated(10, `${promotion.id}: ${move.type} under freeze ${frozen.join()}`);
    }
  }

  /** 2: after any decision, nothing that may go back still moves up without its signature. */
  #revoked(after: SlotState): void {
    const on = this.#caseOf(after, after.moving);
    if (on === null || after.stable === null || on.promotion.state === 'rolling-back') return;
    for (const gate of on.stage.gates) {
      if (gate.kind === 'signature' && gate.mode === 'enforce' && !isOpen(gate, on))
        this.violated(2, `${on.promotion.id} moves on without ${gate.name}`);
    }
  }

  effectLoaded(process: WorkerProcess, slot: SlotKey): void {
    const { store, clock } = this.#w;
    const reads = this.#reads.get(process) ?? new Map<string, Read>();
    this.#reads.set(process, reads);
    reads.set(slotStream(slot), {
      project: store.project(slot.project),
      everything: store.everything,
      wall: clock.wall,
    });
    const { effects, stable } = store.slot(slot);
    const grows = effects.some(
      ({ action }) =>
        action.type === 'shift-traffic' &&
        action.weights.some(
          (w) => w.release !== stable?.release && w.weight > this.#w.outside(slot).weightOf(w.release),
        ),
    );
    if (grows && this.#freezes(slot).length > 0) this.count('10: effects held by a freeze');
  }

  /** 3 and 10: what a worker had read right before it gave a release more traffic. */
  shiftCalled(process: WorkerProcess, key: SlotKey, weights: readonly Weight[]): void {
    const read = this.#reads.get(process)?.get(slotStream(key));
    const slot = this.#w.store.slot(key);
    const outside = this.#w.outside(key);
    if (read === undefined) return this.violated(10, 'traffic was shifted without reading first');
    for (const { release, weight } of weights) {
      if (release === slot.stable?.release || weight <= outside.weightOf(release)) continue;
      const moving = slot.promotions.find((p) => p.release === release && p.id === slot.moving);
      const on = this.#caseOf(slot, moving?.id ?? null);
      if (on === null) continue;
      this.count('3: shifts to a release other than stable, trust checked as the worker had read it');
      for (const gate of on.stage.gates) {
        if (gate.kind !== 'signature' || gate.mode !== 'enforce') continue;
        if (!isOpen(gate, { ...on, project: read.project }))
          this.violated(3, `${on.promotion.id} gets ${weight} % and is not verified`);
      }
      if (on.promotion.mode === 'promote' && this.#freezes(key, read).length > 0)
        this.violated(10, `${on.promotion.id} gets ${weight} % under a freeze`);
    }
  }

  changed(_key: SlotKey, change: Change): void {
    if (change.again)
      this.count('8: calls delivered twice or late and refused by the fence or without effect');
    if (change.call === 'shift') this.count('5: shifts of traffic');
    if (change.call === 'remove') this.count('5: removals of a workload');
  }

  /** 8 and 9: what is held is what the entries fold to, and the chains are what they were. */
  compareWithEntries(): void {
    for (const name of this.#w.store.streamNames())
      for (let i = 0; i < this.#w.store.stream(name).length; i++)
        this.count('9: entries in chains made again from the start');
    for (const differs of this.#w.store.refold()) this.violated(8, `${differs} is not what its entries say`);
  }
}

const baselineOf = (slot: SlotState): { release: string; artifact: string } | null =>
  slot.stable === null ? null : { release: slot.stable.release, artifact: slot.stable.artifact };

/** What each metric of a gate accepts, in percentage points times the next weight in percent. */
const marginsOf = (gate: GateOf<'metric'>): readonly (readonly [series: string, margin: number])[] => [
  ['errors', gate.errors.marginPoints],
  ...(gate.latency === null ? [] : ([[`slow:${gate.latency.aboveMs}`, gate.latency.marginPoints]] as const)),
  ...(gate.saturation === null
    ? []
    : ([[`saturated:${gate.saturation.above}`, gate.saturation.marginPoints]] as const)),
];

const noStage = { canary: { bad: 0, requests: 0 }, stable: { bad: 0, requests: 0 } };
