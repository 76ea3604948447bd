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

/** A stream with other lines, and indexes for as many. */
export function withLines(files: Files, stream: string, lines: readonly string[]): Files {
  const indexes = text(files, packPaths.indexes(stream)).split('\n').slice(0, lines.length);
  const changed = withFile(files, packPaths.stream(stream), lines.map((line) => `${line}\n`).join(''));
  return withFile(changed, packPaths.indexes(stream), indexes.map((index) => `${index}\n`).join(''));
}

/** A stream with other entries, its chain made again: every hash in it is right. */
export function withEntries(files: Files, stream: string, entries: readonly Entry[]): Files {
  const links = chain(stream, emptyHead, entries);
  return withLines(
    files,
    stream,
    links.map((link) => link.bytes),
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

/** Makes a whole new log of the pack's entries and signs that too: all that a holder of the log's key can do. */
export function rewriteLog(files: Files, signer: NoteSigner): Files {
  const { streams } = manifestOf(files);
  const there = streams.filter(({ stream }) => files.has(packPaths.stream(stream)));
  let changed = withFile(files, packPaths.nodes, '');
  const leaves: Uint8Array[] = [];
  for (const { stream } of there) {
    const lines = linesOf(files, stream);
    const indexes = lines.map((_, i) => `${leaves.length + i}\n`);
    leaves.push(...lines.map((line) => decodeHex(leafHashOf(line)) ?? new Uint8Array()));
    changed = withFile(changed, packPaths.indexes(stream), indexes.join(''));
  }
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
