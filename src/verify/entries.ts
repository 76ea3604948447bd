import { emptyProject, foldProject } from '../core/decide/fold/project.ts';
import { foldRelease } from '../core/decide/fold/release.ts';
import type { StreamId } from '../core/evidence/stream-id.ts';
import { canonicalJson } from '../core/model/canonical.ts';
import type { Crypto } from '../core/model/digest.ts';
import { BelayDocument } from '../core/model/documents.ts';
import { type Entry, ProjectEntry, ReleaseEntry, SlotEntry } from '../core/model/entries.ts';
import { unreachable } from '../core/model/result.ts';
import type { ProjectState, ReleaseState } from '../core/model/state.ts';
import type { ReadStream } from './chains.ts';
import { decodeText, parseCanonical } from './manifest.ts';
import { hexOf } from './node-crypto.ts';
import type { Findings } from './report.ts';

/** An entry that its schema knows. */
export interface ReadEntry {
  readonly seq: number;
  readonly hash: string;
  readonly entry: Entry;
}

/** A stream up to the first entry that could not be read; `whole` says that there was none. */
export interface EntryStream {
  readonly stream: string;
  readonly id: StreamId;
  readonly entries: readonly ReadEntry[];
  readonly whole: boolean;
}

/** Reads every entry: canonical JSON of exactly its schema, and each document in it named by its own digest. */
export function readEntries(
  streams: readonly ReadStream[],
  crypto: Crypto,
  findings: Findings,
): ReadonlyMap<string, EntryStream> {
  const read = new Map<string, EntryStream>();
  let count = 0;
  for (const { stream, id, lines, hashes } of streams) {
    const entries: ReadEntry[] = [];
    for (const [i, line] of lines.entries()) {
      const where = `${stream}#${i + 1}`;
      const entry = readEntry(line, id);
      if (typeof entry === 'string') {
        findings.fail('entries', where, entry);
        break;
      }
      const fault = documentFault(entry, id, crypto);
      if (fault !== null) findings.fail('entries', where, fault);
      entries.push({ seq: i + 1, hash: hexOf(hashes[i] ?? new Uint8Array()), entry });
    }
    count += entries.length;
    read.set(stream, { stream, id, entries, whole: entries.length === lines.length });
  }
  findings.done('entries', `${count} entries are as their schemas say`);
  return read;
}

/** The entry of a line, or why it is none. */
function readEntry(line: Uint8Array, id: StreamId): Entry | string {
  const text = decodeText(line);
  if (text === null) return 'is not UTF-8';
  const parsed = parseCanonical(text);
  if (parsed === null) return 'is not canonical JSON';
  const { value } = parsed;
  if (typeof value !== 'object' || value === null || !('entry' in value) || Object.keys(value).length !== 4)
    return 'is not an entry with what comes before it';
  const checked = schemaOf(id).safeParse(value.entry);
  if (checked.success) return value.entry as Entry; // as it stands: a schema may drop what it does not know
  const issue = checked.error.issues[0];
  return `is not an entry of such a stream: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`;
}

function schemaOf(id: StreamId): typeof SlotEntry | typeof ReleaseEntry | typeof ProjectEntry {
  switch (id.kind) {
    case 'slot':
      return SlotEntry;
    case 'release':
      return ReleaseEntry;
    case 'project':
    case 'everything':
      return ProjectEntry;
    default:
      return unreachable(id);
  }
}

/** What is wrong with a document inside an entry; null where nothing is. */
function documentFault(entry: Entry, id: StreamId, crypto: Crypto): string | null {
  if (entry.type === 'applied') {
    if (crypto.digest(entry.document) !== entry.digest) return 'the document is not what its digest names';
    const parsed = parseCanonical(entry.document);
    const document = BelayDocument.safeParse(parsed?.value);
    if (!document.success) return 'the document is not one that its schema knows';
    const { kind, metadata } = document.data;
    if (kind !== entry.kind || metadata.name !== entry.name)
      return 'the document is another than the entry says';
    const project = 'project' in metadata ? metadata.project : metadata.name;
    return id.kind === 'project' && project !== id.project ? 'the document is of another project' : null;
  }
  if (entry.type === 'sealed') {
    if (crypto.digest(canonicalJson(entry.release)) !== entry.sealed)
      return 'the release is not what its digest names';
    const isOwn = id.kind === 'release' && canonicalJson(id.key) === canonicalJson(entry.release.key);
    return isOwn ? null : 'the sealed release is another than the stream’s';
  }
  if (entry.type === 'decided') {
    const forged = entry.decision.moves.find(
      (move) => move.type === 'planned' && crypto.digest(canonicalJson(move.document)) !== move.plan,
    );
    return forged === undefined ? null : 'a plan is not what its digest names';
  }
  return null;
}

/** The states of the short streams after each of their entries; number 0 is before the first. */
export class FoldedStreams {
  readonly #streams: ReadonlyMap<string, EntryStream>;
  readonly #states = new Map<string, readonly unknown[]>();

  constructor(streams: ReadonlyMap<string, EntryStream>) {
    this.#streams = streams;
  }

  /** A project's state, or that of everything, at a head; undefined where the pack does not reach that far. */
  project(stream: string, head: number): ProjectState | undefined {
    return this.#at<ProjectState, ProjectEntry>(stream, head, emptyProject, foldProject);
  }

  /** A release's state at a head; null where it was not opened by then. */
  release(stream: string, head: number): ReleaseState | null | undefined {
    return this.#at<ReleaseState | null, ReleaseEntry>(stream, head, null, foldRelease);
  }

  #at<S, E extends Entry>(
    stream: string,
    head: number,
    empty: S,
    fold: (state: S, entry: E, seq: number) => S,
  ): S | undefined {
    const states = (this.#states.get(stream) as readonly S[] | undefined) ?? this.#fold(stream, empty, fold);
    this.#states.set(stream, states);
    return states[head];
  }

  #fold<S, E extends Entry>(
    stream: string,
    empty: S,
    fold: (state: S, entry: E, seq: number) => S,
  ): readonly S[] {
    const states = [empty];
    let state = empty;
    for (const { entry, seq } of this.#streams.get(stream)?.entries ?? []) {
      try {
        state = fold(state, entry as E, seq);
      } catch {
        // Its schema has named it; whoever asks for a later state learns that there is none.
        break;
      }
      states.push(state);
    }
    return states;
  }
}
