import { foldProject, emptyProject } from '../src/core/decide/fold/project.ts';
import { foldRelease } from '../src/core/decide/fold/release.ts';
import { emptySlot, foldSlot, longestGapMs } from '../src/core/decide/fold/slot.ts';
import type { SourceNews } from '../src/core/decide/outage.ts';
import { releasesRead } from '../src/core/decide/outcomes.ts';
import { canonicalJson } from '../src/core/model/canonical.ts';
import type { Wait } from '../src/core/model/decision.ts';
import type { Crypto } from '../src/core/model/digest.ts';
import { type Entry, ProjectEntry, ReleaseEntry, SlotEntry } from '../src/core/model/entries.ts';
import {
  everythingStream,
  projectStream,
  releaseStream,
  type ReleaseKey,
  type SlotKey,
  slotStream,
} from '../src/core/model/name.ts';
import { type Observation, type Sample, sameSight } from '../src/core/model/observation.ts';
import type { OpenEffect, ProjectState, ReleaseState, SlotState } from '../src/core/model/state.ts';
import type {
  Claim,
  EngineStore,
  DiagnosticsRead,
  HistoryRead,
  Lane,
  TurnCommit,
  TurnRecord,
} from '../src/ports/store.ts';
import type { VirtualClock } from './clock.ts';
import { allLanes, LaneState } from './lanes.ts';

/** An entry may not be larger than the ledger's leaf. */
const largestEntry = 65_535;

interface StoredSlot {
  readonly key: SlotKey;
  state: SlotState;
  seenUntil: number | null;
  samples: { readonly promotion: string; readonly sample: Sample }[];
  waits: readonly Wait[];
  readonly lanes: Readonly<Record<Lane, LaneState>>;
}

/** Hears of every entry, right after it was appended; `before` and `after` are the slot's states, for a slot's entry. */
export interface StoreListener {
  appended(stream: string, entry: Entry, states: { before: SlotState; after: SlotState } | null): void;
  /** A turn was refused because something that it read has moved, or its lease is gone. */
  conflicted(): void;
}

/**
 * The engine's store in memory, obeying its contract to the letter and throwing where it is used against it. It
 * keeps the raw streams, so that what it holds folded can be compared with a fold from the start.
 */
export class MemoryStore implements EngineStore {
  readonly #clock: VirtualClock;
  readonly #crypto: Crypto;
  readonly #listener: StoreListener;
  readonly #streams = new Map<string, string[]>();
  readonly #heads = new Map<string, string>();
  readonly #slots = new Map<string, StoredSlot>();
  readonly #releases = new Map<string, ReleaseState>();
  readonly #projects = new Map<string, ProjectState>();

  constructor(clock: VirtualClock, crypto: Crypto, listener: StoreListener) {
    this.#clock = clock;
    this.#crypto = crypto;
    this.#listener = listener;
  }

  // What tests and worlds read.

  slots(): readonly SlotState[] {
    return [...this.#slots.values()].map((slot) => slot.state);
  }

  slot(key: SlotKey): SlotState {
    return this.#slots.get(slotStream(key))?.state ?? emptySlot(key);
  }

  waits(key: SlotKey): readonly Wait[] {
    return this.#slots.get(slotStream(key))?.waits ?? [];
  }

  releaseState(key: ReleaseKey): ReleaseState | null {
    return this.#releases.get(releaseStream(key)) ?? null;
  }

  project(name: string): ProjectState {
    return this.#projects.get(projectStream(name)) ?? emptyProject;
  }

  get everything(): ProjectState {
    return this.#projects.get(everythingStream) ?? emptyProject;
  }

  stream(name: string): readonly string[] {
    return this.#streams.get(name) ?? [];
  }

  streamNames(): readonly string[] {
    return [...this.#streams.keys()];
  }

  /** The wall time at which the next lane is due, if nothing comes in. */
  nextDue(): number | null {
    let next: number | null = null;
    for (const lane of this.#lanes()) {
      const due = lane.next;
      if (due !== null && (next === null || due < next)) next = due;
    }
    return next;
  }

  hasDue(lane: Lane): boolean {
    for (const slot of this.#slots.values()) if (slot.lanes[lane].isDue(this.#clock.wall)) return true;
    return false;
  }

  *#lanes(): Iterable<LaneState> {
    for (const slot of this.#slots.values()) for (const lane of allLanes) yield slot.lanes[lane];
  }

  /** Folds every stream from its start and says which differ from what is held. */
  refold(): readonly string[] {
    const differ: string[] = [];
    for (const [name, entries] of this.#streams) {
      const slot = this.#slots.get(name);
      if (slot !== undefined) {
        const fresh = entries.reduce(
          (state, text, i) => foldSlot(state, JSON.parse(text) as SlotEntry, i + 1),
          emptySlot(slot.key),
        );
        if (canonicalJson(fresh) !== canonicalJson(slot.state)) differ.push(name);
      }
      if (this.#chainOf(entries) !== this.#heads.get(name)) differ.push(`${name} (chain)`);
    }
    return differ;
  }

  #chainOf(entries: readonly string[]): string {
    return entries.reduce((hash, text) => this.#crypto.digest(hash + text), '');
  }

  // The door of facts.

  /** Appends facts of people, machines and CI to a stream of the project, a release or everything. */
  appendProject(stream: string, entry: ProjectEntry): void {
    this.#write(stream, ProjectEntry.parse(entry));
  }

  appendRelease(key: ReleaseKey, entry: ReleaseEntry): void {
    this.#write(releaseStream(key), ReleaseEntry.parse(entry));
  }

  /** Appends a command or an observation to a slot's stream. */
  appendSlot(key: SlotKey, make: (now: number) => SlotEntry): void {
    const now = Math.max(this.#clock.wall, this.slot(key).clock);
    this.#writeSlot(key, make(now));
  }

  #write(stream: string, entry: ProjectEntry | ReleaseEntry): void {
    const seq = this.#push(stream, entry);
    if (stream.startsWith('release/')) {
      const state = foldRelease(this.#releases.get(stream) ?? null, entry as ReleaseEntry, seq);
      if (state === null) throw new Error(`${stream} does not begin with its opening`);
      this.#releases.set(stream, state);
    } else {
      const state = foldProject(this.#projects.get(stream) ?? emptyProject, entry as ProjectEntry, seq);
      this.#projects.set(stream, state);
    }
    for (const slot of this.#slots.values()) {
      if (this.#readsOf(slot).has(stream)) {
        slot.lanes.turn.signal(this.#clock.wall);
        if (slot.state.effects.length > 0) slot.lanes.effect.signal(this.#clock.wall);
      }
    }
    this.#listener.appended(stream, entry, null);
  }

  #readsOf(slot: StoredSlot): ReadonlySet<string> {
    const { project, service } = slot.key;
    const releases = releasesRead(slot.state).map((name) => releaseStream({ project, service, name }));
    return new Set([...releases, projectStream(project), everythingStream]);
  }

  #writeSlot(key: SlotKey, entry: SlotEntry): void {
    const slot = this.#slotFor(key);
    const before = slot.state;
    const seq = this.#push(slotStream(key), SlotEntry.parse(entry));
    slot.state = foldSlot(before, entry, seq);
    slot.lanes.turn.signal(this.#clock.wall);
    this.#listener.appended(slotStream(key), entry, { before, after: slot.state });
  }

  #slotFor(key: SlotKey): StoredSlot {
    const name = slotStream(key);
    const known = this.#slots.get(name);
    if (known !== undefined) return known;
    const lanes = {
      turn: new LaneState(key, 'turn'),
      observe: new LaneState(key, 'observe'),
      effect: new LaneState(key, 'effect'),
    };
    const slot: StoredSlot = { key, state: emptySlot(key), seenUntil: null, samples: [], waits: [], lanes };
    this.#slots.set(name, slot);
    lanes.observe.signal(this.#clock.wall);
    return slot;
  }

  #push(stream: string, entry: Entry): number {
    const text = canonicalJson(entry);
    if (text.length > largestEntry) throw new Error(`an entry of ${text.length} bytes on ${stream}`);
    const entries = this.#streams.get(stream) ?? [];
    entries.push(text);
    this.#streams.set(stream, entries);
    this.#heads.set(stream, this.#crypto.digest((this.#heads.get(stream) ?? '') + text));
    return entries.length;
  }

  // The engine's side.

  async claim(lane: Lane, limit: number, leaseMs: number): Promise<readonly Claim[]> {
    const now = this.#clock.wall;
    return [...this.#slots.values()]
      .map((slot) => slot.lanes[lane])
      .filter((state) => state.isDue(now))
      .sort((a, b) => (a.dueAt ?? 0) - (b.dueAt ?? 0))
      .slice(0, limit)
      .map((state) => state.claim(now, leaseMs));
  }

  async load(key: SlotKey): Promise<TurnRecord> {
    const slot = this.#existing(key);
    const releases = releasesRead(slot.state).flatMap((name) => {
      const state = this.releaseState({ project: key.project, service: key.service, name });
      return state === null ? [] : [[name, state] as const];
    });
    const samples = slot.samples.filter((s) => s.promotion === slot.state.moving).map((s) => s.sample);
    return {
      now: this.#clock.wall,
      slot: slot.state,
      pending: { seenUntil: slot.seenUntil, samples },
      releases: Object.fromEntries(releases),
      project: this.project(key.project),
      everything: this.everything,
      headHash: this.#heads.get(slotStream(key)) ?? '',
    };
  }

  async commit(turn: TurnCommit): Promise<'committed' | 'conflict'> {
    const now = this.#clock.wall;
    const slot = this.#existing(turn.claim.slot);
    const lane = slot.lanes.turn;
    if (turn.claim.lane !== 'turn') throw new Error('only a turn commits');
    if (!lane.holds(turn.claim, now)) {
      this.#listener.conflicted();
      return 'conflict';
    }
    if (Object.entries(turn.reads).some(([stream, head]) => this.stream(stream).length !== head)) {
      lane.giveBack(now, now);
      this.#listener.conflicted();
      return 'conflict';
    }
    this.#checkTurn(slot, turn);
    // A turn's own entries make it due too; only what came in from elsewhere counts.
    const again = lane.signalled;
    for (const entry of turn.entries) this.#writeSlot(turn.claim.slot, entry);
    if (turn.entries.length > 0 && canonicalJson(slot.state) !== canonicalJson(turn.state))
      throw new Error('the state committed is not what its entries fold to');
    if (turn.samplesUntil !== null) {
      const until = turn.samplesUntil;
      slot.samples = slot.samples.filter((s) => s.promotion === slot.state.moving && s.sample.t > until);
    }
    for (const outcome of turn.outcomes) {
      const { project, service } = turn.claim.slot;
      if (outcome.stream === 'slot') this.#writeSlot(outcome.slot, outcome.entry);
      else this.appendRelease({ project, service, name: outcome.release }, outcome.entry);
    }
    slot.waits = turn.waits;
    lane.settle(again ? now : turn.nextCheck);
    if (turn.entries.some((entry) => entry.type === 'decided' && entry.decision.actions.length > 0))
      slot.lanes.effect.signal(now);
    if (turn.entries.length > 0 && slot.state.moving !== null) slot.lanes.observe.signal(now);
    return 'committed';
  }

  #checkTurn(slot: StoredSlot, turn: TurnCommit): void {
    if (turn.follows !== (this.#heads.get(slotStream(slot.key)) ?? ''))
      throw new Error('a turn follows a head that the stream does not have');
    for (const { digest, bytes } of turn.content)
      if (this.#crypto.digest(bytes) !== digest) throw new Error(`content is not what ${digest} names`);
    for (const entry of turn.entries) {
      if (entry.type === 'sampled' && !turn.content.some((c) => c.digest === entry.batch))
        throw new Error('a batch without its content');
      if (!['seen', 'sampled', 'decided'].includes(entry.type))
        throw new Error(`a turn does not write ${entry.type}`);
    }
    if (turn.state.seq !== slot.state.seq + turn.entries.length)
      throw new Error(`state of ${turn.state.seq} after ${turn.entries.length} entries on ${slot.state.seq}`);
  }

  async release(claim: Claim, dueAt: number | null): Promise<void> {
    const lane = this.#existing(claim.slot).lanes[claim.lane];
    if (lane.holds(claim, this.#clock.wall)) lane.giveBack(this.#clock.wall, dueAt);
  }

  async observed(key: SlotKey, observation: Omit<Observation, 'at'>): Promise<void> {
    const slot = this.#existing(key);
    const now = Math.max(this.#clock.wall, slot.state.clock);
    const last = slot.state.observed;
    const lastSeen = slot.seenUntil ?? slot.state.seenUntil;
    if (
      last !== null &&
      slot.state.unreadable === undefined &&
      sameSight(last, observation) &&
      lastSeen !== null &&
      now - lastSeen <= longestGapMs
    ) {
      slot.seenUntil = now;
      return;
    }
    // What was seen unchanged until just now is observed time too; it goes in before what changed.
    if (slot.seenUntil !== null && slot.seenUntil > (slot.state.seenUntil ?? 0)) {
      const until = slot.seenUntil;
      this.#writeSlot(key, { type: 'seen', at: now, until });
    }
    slot.seenUntil = null;
    this.#writeSlot(key, { type: 'observed', at: now, observation: { ...observation, at: now } });
  }

  async sampled(key: SlotKey, promotion: string, samples: readonly Sample[]): Promise<void> {
    const slot = this.#existing(key);
    slot.samples.push(...samples.map((sample) => ({ promotion, sample })));
    slot.lanes.turn.signal(this.#clock.wall);
  }

  async historyRead(key: SlotKey, read: HistoryRead): Promise<void> {
    this.appendSlot(key, (at) => ({ type: 'history-read', at, ...read }));
  }

  async diagnosticsRead(key: SlotKey, read: DiagnosticsRead, bytes: string | null): Promise<void> {
    if (read.content !== (bytes === null ? null : this.#crypto.digest(bytes)))
      throw new Error('diagnostics are not what their digest names');
    this.appendSlot(key, (at) => ({ type: 'diagnostics-read', at, ...read }));
  }

  async lookFailed(slot: SlotKey, message: string): Promise<void> {
    this.appendSlot(slot, (at) => ({ type: 'look-failed', at, message }));
  }

  async sourceChanged(slot: SlotKey, news: SourceNews): Promise<void> {
    this.appendSlot(slot, (at) => ({ ...news, at }));
  }

  async effectFailed(
    key: SlotKey,
    effect: OpenEffect,
    outcome: 'failed' | 'unknown',
    message: string,
  ): Promise<void> {
    const open = this.slot(key).effects.find((e) => e.action.generation === effect.action.generation);
    if (open === undefined) return;
    this.appendSlot(key, (at) => ({
      type: 'effect-failed',
      at,
      generation: effect.action.generation,
      effect: effect.action.type,
      attempts: (effect.failure?.attempts ?? 0) + 1,
      outcome,
      message: message.slice(0, 500),
    }));
  }

  #existing(key: SlotKey): StoredSlot {
    const slot = this.#slots.get(slotStream(key));
    if (slot === undefined) throw new Error(`nothing was ever asked of ${slotStream(key)}`);
    return slot;
  }
}
