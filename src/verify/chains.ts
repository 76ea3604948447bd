import { packPaths } from '../core/evidence/layout.ts';
import { parseStreamId, type StreamId } from '../core/evidence/stream-id.ts';
import { decodeBase64, decodeDecimal, equalBytes } from '../core/ledger/encoding.ts';
import { hashLength, leafHasher } from '../core/ledger/merkle.ts';
import { type PlacedLeaf, rootFromLeaves } from '../core/ledger/partial-tree.ts';
import { nodeKey, type ReadNode } from '../core/ledger/tree.ts';
import type { EvidenceManifest } from '../core/model/evidence.ts';
import { textOf } from './manifest.ts';
import { hexOf, sha256 } from './node-crypto.ts';
import type { PackFiles } from './read-pack.ts';
import type { Findings } from './report.ts';

/** A stream's entries as bytes, with their leaf hashes. */
export interface ReadStream {
  readonly stream: string;
  readonly id: StreamId;
  readonly lines: readonly Uint8Array[];
  readonly hashes: readonly Uint8Array[];
}

/** A leaf is at most what a C2SP tile can hold. */
const longestEntry = 65_535;
const newline = 0x0a;

/**
 * Reads every stream and checks its chain: numbers from 1 without a gap, each entry naming the leaf hash of the one
 * before, up to the head that the manifest names.
 */
export function readStreams(
  files: PackFiles,
  manifest: EvidenceManifest,
  findings: Findings,
): readonly ReadStream[] {
  const streams: ReadStream[] = [];
  const seen = new Set<string>();
  let entries = 0;
  for (const { stream, to, head } of manifest.streams) {
    const id = parseStreamId(stream);
    const path = packPaths.stream(stream);
    const bytes = id === null ? undefined : files.get(path);
    if (id === null || seen.has(stream)) findings.fail('chains', stream, 'is no stream, or is named twice');
    else if (bytes === undefined) findings.fail('chains', stream, `${path} is missing`);
    else {
      const read = readStream(stream, id, bytes, findings);
      if (read.lines.length !== to)
        findings.fail('chains', stream, `has ${read.lines.length} entries instead of ${to}`);
      else if (hexOf(read.hashes.at(-1) ?? new Uint8Array()) !== head)
        findings.fail('chains', `${stream}#${to}`, 'does not end in the head that the manifest names');
      streams.push(read);
      entries += read.lines.length;
    }
    seen.add(stream);
  }
  findings.done(
    'chains',
    `${entries} entries in ${streams.length} streams, each without a gap up to its head`,
  );
  return streams;
}

function readStream(stream: string, id: StreamId, bytes: Uint8Array, findings: Findings): ReadStream {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const leafHash = leafHasher(sha256);
  const lines: Uint8Array[] = [];
  const hashes: Uint8Array[] = [];
  let previous = '';
  let from = 0;
  while (from < buffer.length) {
    const end = buffer.indexOf(newline, from);
    const seq = lines.length + 1;
    if (end < 0 || end - from > longestEntry) {
      findings.fail('chains', `${stream}#${seq}`, 'is too long, or its line has no end');
      break;
    }
    // Canonical bytes end in these three, and nothing else that is JSON can: an unescaped quote is no part of a text.
    const link = `,"previous":"${previous}","seq":${seq},"stream":"${stream}"}`;
    if (buffer.toString('latin1', Math.max(from, end - link.length), end) !== link)
      findings.fail('chains', `${stream}#${seq}`, 'does not follow the entry before it');
    const line = buffer.subarray(from, end);
    const hash = leafHash(line);
    lines.push(line);
    hashes.push(hash);
    previous = hexOf(hash);
    from = end + 1;
  }
  return { stream, id, lines, hashes };
}

/** Reads the stored nodes that came with the pack. */
export function readNodesFile(files: PackFiles, findings: Findings): ReadNode {
  const text = textOf(files, packPaths.nodes, 'inclusion', findings) ?? '';
  const nodes = new Map<string, Uint8Array>();
  const lines = text.split('\n');
  if (lines.pop() !== '') findings.fail('inclusion', packPaths.nodes, 'its last line has no end');
  for (const [i, line] of lines.entries()) {
    const [levelText = '', indexText = '', encoded = '', ...more] = line.split(' ');
    const level = decodeDecimal(levelText);
    const index = decodeDecimal(indexText);
    const hash = decodeBase64(encoded);
    if (level === null || index === null || hash?.length !== hashLength || more.length > 0) {
      findings.fail(
        'inclusion',
        packPaths.nodes,
        `line ${i + 1} is not a node: level, index, base64 of 32 bytes`,
      );
      break;
    }
    nodes.set(nodeKey({ level, index }), hash);
  }
  return (coordinate) => nodes.get(nodeKey(coordinate));
}

/** Where each entry of each stream stands in the tree, by stream; number 0 is its first entry. */
export type Places = ReadonlyMap<string, readonly number[]>;

/**
 * Every entry stands in the tree that the log signed, and those of one stream in their order. Gives their places;
 * none where they cannot be read.
 */
export function checkInclusion(
  files: PackFiles,
  streams: readonly ReadStream[],
  tree: { readonly size: number; readonly root: Uint8Array },
  readNode: ReadNode,
  findings: Findings,
): Places {
  const leaves: PlacedLeaf[] = [];
  const places = new Map<string, readonly number[]>();
  for (const { stream, hashes } of streams) {
    const indexes = readIndexes(files, stream, hashes.length, tree.size, findings);
    if (indexes === null) return new Map();
    places.set(stream, indexes);
    for (const [i, hash] of hashes.entries()) leaves.push({ index: indexes[i] ?? -1, hash });
  }
  leaves.sort((a, b) => a.index - b.index);
  if (leaves.some((leaf, i) => leaf.index === leaves[i - 1]?.index)) {
    findings.fail('inclusion', 'proofs', 'two entries claim one place in the tree');
    return new Map();
  }
  const root = rootFromLeaves(sha256, tree.size, leaves, readNode);
  if (!root.ok) findings.fail('inclusion', packPaths.nodes, root.error.message);
  else if (!equalBytes(root.value, tree.root))
    findings.fail('inclusion', packPaths.nodes, 'the entries are not all in the tree that the log signed');
  findings.done('inclusion', `${leaves.length} entries are in the tree of ${tree.size}`);
  return places;
}

function readIndexes(
  files: PackFiles,
  stream: string,
  count: number,
  size: number,
  findings: Findings,
): readonly number[] | null {
  const path = packPaths.indexes(stream);
  const lines = textOf(files, path, 'inclusion', findings)?.split('\n');
  if (lines === undefined) return null;
  const indexes = lines.slice(0, -1).map((line) => decodeDecimal(line) ?? -1);
  const rise = indexes.every((index, i) => index > (indexes[i - 1] ?? -1) && index < size);
  if (lines.at(-1) === '' && indexes.length === count && rise) return indexes;
  findings.fail('inclusion', path, `is not ${count} rising indexes of a tree of ${size}`);
  return null;
}
