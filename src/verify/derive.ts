import { decide } from '../core/decide/decide.ts';
import { evaluator, evaluatorVersion } from '../core/decide/evaluator.ts';
import { emptySlot, foldSlot } from '../core/decide/fold/slot.ts';
import { outcomesOf, releasesRead } from '../core/decide/outcomes.ts';
import { type StageEnd, stageEnds } from '../core/evidence/summary.ts';
import { canonicalJson } from '../core/model/canonical.ts';
import type { Decision } from '../core/model/decision.ts';
import type { Crypto } from '../core/model/digest.ts';
import type { Entry, SlotEntry } from '../core/model/entries.ts';
import {
  everythingStream,
  projectStream,
  releaseStream,
  type SlotKey,
  slotStream,
} from '../core/model/name.ts';
import type { ReleaseState, SlotState, TurnInput } from '../core/model/state.ts';
import { checkSamples } from './content.ts';
import type { Places } from './chains.ts';
import type { EntryStream, FoldedStreams, ReadEntry } from './entries.ts';
import type { PackFiles } from './read-pack.ts';
import type { Findings } from './report.ts';

/** What a decision says that another stream must hold. */
export interface ExpectedEntry {
  /** The decision. */
  readonly where: string;
  readonly stream: string;
  readonly entry: Entry;
}

/** What came out of deriving the decisions of all slots. */
export interface Derived {
  readonly expected: readonly ExpectedEntry[];
  readonly ends: readonly StageEnd[];
}

/**
 * Takes every decision of every slot in the pack again: the state folded from the entries before it, the other
 * streams at the heads that it read, and the time that it recorded give a decision, which must be the recorded one
 * byte for byte. Decisions about other releases are derived too: they are part of the state that those about this
 * release were taken on, and the pack holds what they read.
 */
export class Derivation {
  readonly #files: PackFiles;
  readonly #folded: FoldedStreams;
  readonly #crypto: Crypto;
  readonly #places: Places;
  readonly #findings: Findings;
  readonly #expected: ExpectedEntry[] = [];
  readonly #ends: StageEnd[] = [];
  #decisions = 0;
  #batches = 0;

  constructor(files: PackFiles, folded: FoldedStreams, crypto: Crypto, places: Places, findings: Findings) {
    this.#files = files;
    this.#folded = folded;
    this.#crypto = crypto;
    this.#places = places;
    this.#findings = findings;
  }

  run(streams: ReadonlyMap<string, EntryStream>): Derived {
    for (const stream of streams.values()) {
      if (stream.id.kind === 'slot') this.#slot(stream, stream.id.key);
      if (!stream.whole)
        this.#findings.unknown('decisions', stream.stream, 'cannot be followed past an entry that is none');
    }
    this.#findings.done('decisions', `${this.#decisions} decisions derived again, each byte for byte`);
    this.#findings.done('samples', `${this.#batches} batches of samples counted again`);
    return { expected: this.#expected, ends: this.#ends };
  }

  #slot({ stream, entries }: EntryStream, key: SlotKey): void {
    let state = emptySlot(key);
    const lastReads = new Map<string, number>();
    for (const read of entries) {
      const where = `${stream}#${read.seq}`;
      const entry = read.entry as SlotEntry;
      try {
        if (entry.type === 'decided') this.#decided(state, entry, read, where, lastReads);
        if (entry.type === 'sampled') {
          this.#batches += 1;
          this.#sampled(state, entry, where, lastReads);
        }
        state = foldSlot(state, entry, read.seq);
      } catch (error) {
        // Rules throw on states that no server gets into: what led here was not written by one.
        const why = error instanceof Error ? error.message : String(error);
        this.#findings.fail('decisions', where, `leads to a state that cannot be: ${why}`);
        return;
      }
    }
  }

  /** The pipeline that a batch is judged by was pinned when the promotion started: a decision before has read it. */
  #sampled(
    state: SlotState,
    entry: Extract<SlotEntry, { type: 'sampled' }>,
    where: string,
    lastReads: ReadonlyMap<string, number>,
  ): void {
    const stream = projectStream(state.key.project);
    const project = this.#folded.project(stream, lastReads.get(stream) ?? 0);
    if (project === undefined)
      this.#findings.fail('completeness', where, `rests on ${stream}, which the pack cuts short`);
    else if (state.evaluator !== evaluatorVersion)
      this.#findings.unknown(
        'samples',
        where,
        `was counted by belay-core/${state.evaluator}; this verifier has ${evaluator}`,
      );
    else checkSamples(this.#files, state, project, entry, where, this.#findings);
  }

  #decided(
    state: SlotState,
    entry: Extract<SlotEntry, { type: 'decided' }>,
    read: ReadEntry,
    where: string,
    lastReads: Map<string, number>,
  ): void {
    const { decision } = entry;
    this.#decisions += 1;
    const known = decision.evaluator === evaluator;
    // Another core may fold into another state; what it decided on cannot be told here.
    if (known && this.#crypto.digest(canonicalJson(state)) !== entry.stateBefore)
      this.#findings.fail('decisions', where, 'was taken on another state than the entries before it give');
    if (entry.at !== decision.now)
      this.#findings.fail('decisions', where, 'has another time than its decision');
    for (const [stream, head] of Object.entries(decision.reads)) {
      if (head < (lastReads.get(stream) ?? 0))
        this.#findings.fail('completeness', where, `read less of ${stream} than the decision before it`);
      lastReads.set(stream, head);
      // What was read was committed before, and the sequencer keeps that order: nothing can be read in hindsight.
      // Of its own stream the chain already says so.
      if (stream === slotStream(state.key)) continue;
      const place = this.#places.get(stream)?.[head - 1] ?? -1;
      if (place >= (this.#places.get(slotStream(state.key))?.[read.seq - 1] ?? Infinity))
        this.#findings.fail(
          'inclusion',
          where,
          `read ${stream} up to ${head}, which came into the log after it`,
        );
    }
    const input = this.#input(state, decision, where);
    if (input === null) return;
    if (known) this.#compare(input, decision, where);
    else
      this.#findings.unknown(
        'decisions',
        where,
        `was taken by ${decision.evaluator}; this verifier has ${evaluator}`,
      );
    for (const outcome of outcomesOf(input, decision)) {
      const { project, service } = state.key;
      const stream =
        outcome.stream === 'slot'
          ? slotStream(outcome.slot)
          : releaseStream({ project, service, name: outcome.release });
      this.#expected.push({ where, stream, entry: outcome.entry });
    }
    this.#ends.push(...stageEnds(state, decision, read, (name) => input.releases[name] ?? null));
  }

  #compare(input: TurnInput, recorded: Decision, where: string): void {
    const derived = decide(input).decision;
    const differs = (['now', 'reads', 'moves', 'actions'] as const).find(
      (part) => canonicalJson(derived[part]) !== canonicalJson(recorded[part]),
    );
    if (differs !== undefined)
      this.#findings.fail('decisions', where, `does not follow from what it read: other ${differs}`);
    else if (canonicalJson(derived) !== canonicalJson(recorded))
      this.#findings.fail('decisions', where, 'does not follow from what it read');
  }

  /** What the decision read; null, with a finding, where the pack does not reach as far. */
  #input(slot: SlotState, decision: Decision, where: string): TurnInput | null {
    const { project, service } = slot.key;
    const headOf = (stream: string): number => decision.reads[stream] ?? 0;
    const short = (stream: string): null => {
      this.#findings.fail(
        'completeness',
        where,
        `read ${stream} up to ${headOf(stream)}, which the pack cuts short`,
      );
      return null;
    };
    const ownProject = this.#folded.project(projectStream(project), headOf(projectStream(project)));
    if (ownProject === undefined) return short(projectStream(project));
    const everything = this.#folded.project(everythingStream, headOf(everythingStream));
    if (everything === undefined) return short(everythingStream);
    const releases: Record<string, ReleaseState> = {};
    for (const name of releasesRead(slot)) {
      const stream = releaseStream({ project, service, name });
      const state = this.#folded.release(stream, headOf(stream));
      if (state === undefined) return short(stream);
      if (state !== null) releases[name] = state;
    }
    return { now: decision.now, slot, releases, project: ownProject, everything, crypto: this.#crypto };
  }
}
