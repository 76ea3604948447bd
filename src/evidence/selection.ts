import { slotOf } from '../core/evidence/stream-id.ts';
import { emptySlot, foldSlot } from '../core/decide/fold/slot.ts';
import { refuse, type Refusal } from '../core/ledger/refusal.ts';
import type { Entry, SlotEntry } from '../core/model/entries.ts';
import { everythingStream, projectStream, type ReleaseKey, releaseStream } from '../core/model/name.ts';
import { ok, type Result } from '../core/model/result.ts';
import type { SequencedEntry, StreamSlice } from './sequenced.ts';

/** Gives what of a stream is in the tree. */
export type ReadStream = (stream: string) => Promise<StreamSlice>;

/**
 * The streams that prove one release, each from its first entry on:
 * - the release's own, whole;
 * - the stream of each slot that it was asked into, up to the last decision about it (whole while it is open there);
 * - everything that any decision in those read, as far as it was read: project, everything, and the streams of the
 *   other releases, with the ends that those decisions wrote into them. A slot's state is folded from its first
 *   entry, so decisions about other releases come along; with what they read at hand, they are derived again too.
 */
export async function selectStreams(
  read: ReadStream,
  key: ReleaseKey,
  slots: readonly string[],
): Promise<Result<readonly StreamSlice[], Refusal<'not-sequenced'>>> {
  const own = await read(releaseStream(key));
  const chosen: StreamSlice[] = [];
  for (const stream of slots) {
    const slice = cutSlot(await read(stream), key.name, own);
    if (slice !== null) chosen.push(slice);
  }
  const needed = neededHeads(chosen, key);
  const streams = [own, ...chosen];
  for (const [stream, head] of needed) {
    if (stream === own.stream || slots.includes(stream)) continue;
    const slice = await read(stream);
    const to = Math.max(head, writtenTo(slice, chosen));
    if (slice.entries.length < to)
      return refuse('not-sequenced', `${stream} is not yet in the tree up to ${to}`);
    if (to > 0) streams.push({ stream, entries: slice.entries.slice(0, to) });
  }
  return ok(streams.sort((a, b) => (a.stream < b.stream ? -1 : 1)));
}

const asSlotEntry = (entry: Entry): SlotEntry => entry as SlotEntry;

/** A slot's stream up to the last decision about a release; null where the release was never asked into it. */
function cutSlot(slice: StreamSlice, release: string, own: StreamSlice): StreamSlice | null {
  const key = slotOf(slice.stream);
  const ids = new Set<string>();
  let state = emptySlot(key);
  for (const { entry, seq } of slice.entries) {
    if (entry.type === 'requested' && entry.release === release) ids.add(entry.promotion);
    state = foldSlot(state, asSlotEntry(entry), seq);
  }
  // A rollback ends the release that it replaces, by a promotion of another release.
  for (const { entry } of own.entries)
    if (entry.type === 'stage-ended' && entry.environment === key.environment) ids.add(entry.promotion);
  if (ids.size === 0) return null;
  const isAbout = ({ entry }: SequencedEntry): boolean =>
    entry.type === 'decided' &&
    entry.decision.moves.some((m) => ids.has(m.promotion) || (m.type === 'retired' && m.release === release));
  const last = slice.entries.findLast(isAbout);
  const isOpen = state.promotions.some((p) => ids.has(p.id));
  const entries = last === undefined || isOpen ? slice.entries : slice.entries.slice(0, last.seq);
  return { stream: slice.stream, entries };
}

/** The highest head of each stream that the decisions in these slots read. */
function neededHeads(slots: readonly StreamSlice[], key: ReleaseKey): ReadonlyMap<string, number> {
  const heads = new Map<string, number>([
    [projectStream(key.project), 0],
    [everythingStream, 0],
  ]);
  const need = (stream: string, head: number): void => {
    heads.set(stream, Math.max(heads.get(stream) ?? 0, head));
  };
  for (const { entries } of slots) {
    for (const { entry } of entries) {
      if (entry.type === 'requested') need(releaseStream({ ...key, name: entry.release }), 0);
      if (entry.type === 'decided')
        for (const [stream, head] of Object.entries(entry.decision.reads)) need(stream, head);
    }
  }
  return heads;
}

/** Up to which entry the decisions in these slots wrote into a release's stream. */
function writtenTo(slice: StreamSlice, slots: readonly StreamSlice[]): number {
  const ends = new Set<string>();
  for (const { stream, entries } of slots) {
    const { environment } = slotOf(stream);
    for (const { entry } of entries) {
      if (entry.type !== 'decided') continue;
      for (const move of entry.decision.moves)
        if (move.type === 'ended') ends.add(`${environment}/${move.promotion}`);
    }
  }
  const last = slice.entries.findLast(
    ({ entry }) => entry.type === 'stage-ended' && ends.has(`${entry.environment}/${entry.promotion}`),
  );
  return last?.seq ?? 0;
}
