import { hash } from 'node:crypto';
import { manifestStatement, packPaths } from '../src/core/evidence/layout.ts';
import { signCheckpoint } from '../src/core/ledger/checkpoint.ts';
import { decodeHex, encodeHex } from '../src/core/ledger/encoding.ts';
import { rootOf } from '../src/core/ledger/merkle.ts';
import { type NoteSigner, signNote } from '../src/core/ledger/note.ts';
import { canonicalJson } from '../src/core/model/canonical.ts';
import type { Entry } from '../src/core/model/entries.ts';
import { EvidenceManifest } from '../src/core/model/evidence.ts';
import { chain, emptyHead, entryOf, leafHashOf } from '../src/store/log-entry.ts';
import { sha256 } from '../src/store/ledger-crypto.ts';

/** What somebody who wants a pack to say something else would do to it. */
export type Files = ReadonlyMap<string, Uint8Array>;

const text = (files: Files, path: string): string => Buffer.from(files.get(path) ?? []).toString('utf8');

export const manifestOf = (files: Files): EvidenceManifest =>
  EvidenceManifest.parse(JSON.parse(text(files, packPaths.manifest)));

/** A pack with one file replaced, or left out where `content` is null. */
export function withFile(files: Files, path: string, content: string | Uint8Array | null): Files {
  const changed = new Map(files);
  if (content === null) changed.delete(path);
  else changed.set(path, Buffer.from(content));
  return changed;
}

export const linesOf = (files: Files, stream: string): readonly string[] =>
  text(files, packPaths.stream(stream)).split('\n').slice(0, -1);

export const entriesOf = (files: Files, stream: string): readonly Entry[] =>
  linesOf(files, stream).map((line) => entryOf(line));

/** A stream with other lines, each at the index of the one that stood there; without the index of one left out. */
export function withLines(files: Files, stream: string, lines: readonly string[], leftOut = -1): Files {
  const all = text(files, packPaths.indexes(stream)).split('\n');
  const indexes = all.filter((_, at) => at !== leftOut).slice(0, lines.length);
  const changed = withFile(files, packPaths.stream(stream), lines.map((line) => `${line}\n`).join(''));
  return withFile(changed, packPaths.indexes(stream), indexes.map((index) => `${index}\n`).join(''));
}

/** A stream with other entries, its chain made again: every hash in it is right. */
export function withEntries(files: Files, stream: string, entries: readonly Entry[], leftOut = -1): Files {
  const links = chain(stream, emptyHead, entries);
  return withLines(
    files,
    stream,
    links.map((link) => link.bytes),
    leftOut,
  );
}

/** Edits one entry of a stream, with its chain made again. Throws where there is none such. */
export function editEntry(
  files: Files,
  stream: string,
  isIt: (entry: Entry) => boolean,
  edit: (entry: Entry) => Entry,
): Files {
  const entries = entriesOf(files, stream);
  const at = entries.findIndex(isIt);
  const found = entries[at];
  if (found === undefined) throw new Error(`no such entry in ${stream}`);
  return withEntries(files, stream, entries.with(at, edit(found)));
}

/** Writes and signs the manifest again, so that it is right about every file: what a holder of the key can do. */
export function resign(
  files: Files,
  signer: NoteSigner,
  change: (manifest: EvidenceManifest) => unknown = (manifest) => manifest,
): Files {
  const manifest = manifestOf(files);
  const own = new Set<string>([packPaths.manifest, packPaths.manifestNote]);
  const again = change({
    ...manifest,
    streams: manifest.streams
      .filter(({ stream }) => files.has(packPaths.stream(stream)))
      .map(({ stream }) => {
        const lines = linesOf(files, stream);
        return { stream, to: lines.length, head: leafHashOf(lines.at(-1) ?? '') };
      }),
    files: [...files]
      .filter(([path]) => !own.has(path))
      .map(([path, bytes]) => ({
        path,
        bytes: bytes.length,
        digest: `sha256:${hash('sha256', bytes, 'hex')}` as const,
      })),
  });
  const bytes = canonicalJson(again);
  const note = signNote(manifestStatement(`sha256:${hash('sha256', bytes, 'hex')}`), [signer]);
  return withFile(withFile(files, packPaths.manifest, bytes), packPaths.manifestNote, note);
}

/** Puts entries of all streams in an order; gives pairs of stream and number in it, from 0. */
type Order = (places: readonly (readonly [stream: string, at: number, index: number])[]) => typeof places;

const asBefore: Order = (places) => places.toSorted(([, , a], [, , b]) => a - b);

/** Makes a whole new log of the pack's entries and signs that too: all that a holder of the log's key can do. */
export function rewriteLog(files: Files, signer: NoteSigner, order: Order = asBefore): Files {
  const streams = manifestOf(files).streams.filter(({ stream }) => files.has(packPaths.stream(stream)));
  const places = streams.flatMap(({ stream }) => {
    const indexes = text(files, packPaths.indexes(stream)).split('\n').map(Number);
    return linesOf(files, stream).map((_, at) => [stream, at, indexes[at] ?? 0] as const);
  });
  const lines = new Map(streams.map(({ stream }) => [stream, linesOf(files, stream)]));
  const indexes = new Map(streams.map(({ stream }): [string, string] => [stream, '']));
  const leaves = order(places).map(([stream, at], index) => {
    indexes.set(stream, `${indexes.get(stream)}${index}\n`);
    return decodeHex(leafHashOf(lines.get(stream)?.[at] ?? '')) ?? new Uint8Array();
  });
  let changed = withFile(files, packPaths.nodes, '');
  for (const [stream, written] of indexes) changed = withFile(changed, packPaths.indexes(stream), written);
  const root = rootOf(sha256, leaves);
  const size = leaves.length;
  const origin = signer.key.name;
  const note = signCheckpoint({ origin, size, root, extensions: [] }, signer);
  changed = withFile(changed, packPaths.checkpoint, note);
  return resign(changed, signer, (manifest) => ({
    ...manifest,
    log: { origin, size, root: encodeHex(root) },
  }));
}
