import type { Pool } from 'pg';
import { longestGapMs } from '../core/decide/fold/slot.ts';
import { canonicalJson } from '../core/model/canonical.ts';
import type { Entry, SlotEntry } from '../core/model/entries.ts';
import {
  everythingStream,
  projectStream,
  releaseStream,
  type SlotKey,
  slotStream,
} from '../core/model/name.ts';
import { type Observation, type Sample, sameSight } from '../core/model/observation.ts';
import type { OpenEffect } from '../core/model/state.ts';
import type { Millis } from '../core/model/time.ts';
import { cutWords } from '../core/model/words.ts';
import type { SourceNews } from '../core/decide/outage.ts';
import { releasesRead } from '../core/decide/outcomes.ts';
import type {
  Claim,
  DiagnosticsRead,
  EngineStore,
  HistoryRead,
  Lane,
  TurnCommit,
  TurnRecord,
} from '../ports/store.ts';
import { Folds } from './folds.ts';
import { chain, type Head } from './log-entry.ts';
import { loadSlot } from './slot-rows.ts';
import { appendFact, databaseNow, readHead } from './streams.ts';
import { keepContent } from './content.ts';
import { isLostRace } from './transaction.ts';

/** Entries that go to one stream, whose head they expect. */
interface Append {
  readonly stream: string;
  readonly expected: number;
  readonly hashes: readonly string[];
  readonly bytes: readonly string[];
}

/** The engine's store on PostgreSQL. Any number of processes may work on one database. */
export class PostgresEngineStore implements EngineStore {
  readonly #pool: Pool;
  readonly #folds: Folds;
  /** Called when something may have come due, so that workers of this process look at once. */
  readonly #hint: () => void;

  constructor(pool: Pool, folds: Folds = new Folds(pool), hint: () => void = () => undefined) {
    this.#pool = pool;
    this.#folds = folds;
    this.#hint = hint;
  }

  async claim(lane: Lane, limit: number, leaseMs: number): Promise<readonly Claim[]> {
    const { rows } = await this.#pool.query<{ claimed: string; held: string }>({
      name: 'claim',
      text: 'select claimed, held from claim_lanes($1, $2, $3)',
      values: [lane, limit, leaseMs],
    });
    return rows.map((row) => ({ slot: keyOf(row.claimed), lane, token: Number(row.held) }));
  }

  async load(slot: SlotKey): Promise<TurnRecord> {
    return loadSlot(this.#pool, this.#folds, slot);
  }

  async commit(turn: TurnCommit): Promise<'committed' | 'conflict'> {
    const id = slotStream(turn.claim.slot);
    const head = { seq: turn.reads[id] ?? 0, hash: turn.follows };
    const streams = turn.entries.length > 0 ? streamsRead(turn) : null;
    try {
      const appends = turn.entries.length > 0 ? await this.#appends(id, head, turn) : [];
      const { rows } = await this.#pool.query<{ done: boolean }>({
        name: 'commit-turn',
        text: `with held as materialized (select hold_streams($1, $2))
               select commit_turn($3) as done from held`,
        values: [
          id,
          // Those that it appends to are locked by that.
          (streams ?? []).filter((stream) => appends.every((append) => append.stream !== stream)),
          JSON.stringify({
            slot: id,
            token: turn.claim.token,
            reads: turn.entries.length > 0 ? turn.reads : {},
            content: turn.content,
            appends,
            state: turn.entries.length > 0 ? canonicalJson(turn.state) : '',
            folded: turn.state.seq,
            waits: JSON.stringify(turn.waits),
            nextCheck: turn.nextCheck,
            samplesUntil: turn.samplesUntil,
            streams,
            moving: turn.state.moving,
            effects: turn.entries.length > 0 && turn.state.effects.length > 0,
            active: turn.entries.length > 0 && turn.state.moving !== null,
          }),
        ],
      });
      if (rows[0]?.done !== true) return 'conflict';
      if (turn.entries.length > 0) this.#hint();
      return 'committed';
    } catch (error) {
      if (isLostRace(error)) return 'conflict';
      throw error;
    }
  }

  /** The entries of a turn and of what it tells other streams, by stream, in the order in which streams are locked. */
  async #appends(id: string, head: Head, turn: TurnCommit): Promise<readonly Append[]> {
    const byStream = new Map<string, Entry[]>([[id, [...turn.entries]]]);
    const { project, service } = turn.claim.slot;
    for (const outcome of turn.outcomes) {
      const stream =
        outcome.stream === 'release'
          ? releaseStream({ project, service, name: outcome.release })
          : slotStream(outcome.slot);
      byStream.set(stream, [...(byStream.get(stream) ?? []), outcome.entry]);
    }
    const appends: Append[] = [];
    for (const stream of [...byStream.keys()].sort()) {
      const from = stream === id ? head : await readHead(this.#pool, stream);
      const links = chain(stream, from, byStream.get(stream) ?? []);
      appends.push({
        stream,
        expected: from.seq,
        hashes: links.map((l) => l.hash),
        bytes: links.map((l) => l.bytes),
      });
    }
    return appends;
  }

  async release(claim: Claim, dueAt: Millis | null): Promise<void> {
    await this.#pool.query({
      name: 'release-lane',
      text: 'select lightly(), release_lane($1, $2, $3, $4)',
      values: [slotStream(claim.slot), claim.lane, claim.token, dueAt],
    });
  }

  async observed(slot: SlotKey, seen: Omit<Observation, 'at'>): Promise<void> {
    const record = await loadSlot(this.#pool, this.#folds, slot);
    const last = record.slot.observed;
    const known = record.slot.seenUntil ?? 0;
    const seenUntil = Math.max(record.pending.seenUntil ?? 0, known);
    const isKnown = last !== null && sameSight(last, seen) && record.slot.unreadable === undefined;
    if (isKnown && record.now - seenUntil <= longestGapMs) {
      await this.#pool.query({
        name: 'seen-until',
        text: 'with light as (select lightly()) update slot set seen_until = $2 from light where id = $1',
        values: [slotStream(slot), record.now],
      });
      return;
    }
    // What was seen unchanged until just now is observed time too; it goes in before what changed.
    if (seenUntil > known) await this.#append(slot, (now) => ({ type: 'seen', at: now, until: seenUntil }));
    await this.#append(slot, (now) => ({ type: 'observed', at: now, observation: { ...seen, at: now } }));
  }

  async sampled(slot: SlotKey, promotion: string, samples: readonly Sample[]): Promise<void> {
    await this.#pool.query({
      name: 'sampled',
      text: `with added as (
               insert into sample (slot, promotion, t, body)
               select $1, $2, t, body from unnest($3::double precision[], $4::text[]) as s (t, body))
             select wake(array[$1::text], 'turn', now_ms())`,
      values: [slotStream(slot), promotion, samples.map((s) => s.t), samples.map((s) => JSON.stringify(s))],
    });
    this.#hint();
  }

  async historyRead(slot: SlotKey, read: HistoryRead): Promise<void> {
    await this.#append(slot, (now) => ({ type: 'history-read', at: now, ...read }));
  }

  async diagnosticsRead(slot: SlotKey, read: DiagnosticsRead, bytes: string | null): Promise<void> {
    if (read.content !== null && bytes !== null) await keepContent(this.#pool, read.content, bytes);
    await this.#append(slot, (now) => ({ type: 'diagnostics-read', at: now, ...read }));
  }

  async lookFailed(slot: SlotKey, message: string): Promise<void> {
    await this.#append(slot, (now) => ({ type: 'look-failed', at: now, message }));
  }

  async sourceChanged(slot: SlotKey, news: SourceNews): Promise<void> {
    await this.#append(slot, (now) => ({ ...news, at: now }));
  }

  async effectFailed(
    slot: SlotKey,
    effect: OpenEffect,
    outcome: 'failed' | 'unknown',
    message: string,
  ): Promise<void> {
    await this.#append(slot, (now) => ({
      type: 'effect-failed',
      at: now,
      generation: effect.action.generation,
      effect: effect.action.type,
      attempts: (effect.failure?.attempts ?? 0) + 1,
      outcome,
      message: cutWords(message, 500),
    }));
  }

  async #append(slot: SlotKey, make: (now: Millis) => SlotEntry): Promise<void> {
    const now = await databaseNow(this.#pool);
    await appendFact(this.#pool, slotStream(slot), () => make(now));
    this.#hint();
  }
}

function keyOf(stream: string): SlotKey {
  const [, project = '', environment = '', service = ''] = stream.split('/');
  return { project, environment, service };
}

/** The streams that the next turn will read: facts on them make it due. Nothing where no promotion is open. */
function streamsRead(turn: TurnCommit): readonly string[] {
  const { project, service } = turn.claim.slot;
  if (turn.state.promotions.length === 0) return [];
  const releases = releasesRead(turn.state).map((name) => releaseStream({ project, service, name }));
  return [...releases, projectStream(project), everythingStream].sort();
}
