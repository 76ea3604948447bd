import { hash } from 'node:crypto';
import type { Pool, PoolClient } from 'pg';
import { evaluator } from '../core/decide/evaluator.ts';
import { foldRelease } from '../core/decide/fold/release.ts';
import { emptySlot, foldSlot } from '../core/decide/fold/slot.ts';
import { manifestStatement, packPaths } from '../core/evidence/layout.ts';
import { namedContent } from '../core/evidence/named-content.ts';
import { slotOf } from '../core/evidence/stream-id.ts';
import { signSummary, stageEnds, summaryOf } from '../core/evidence/summary.ts';
import { encodeBase64 } from '../core/ledger/encoding.ts';
import { type NoteSigner, signNote } from '../core/ledger/note.ts';
import { nodesBeside } from '../core/ledger/partial-tree.ts';
import { refuse, type Refusal } from '../core/ledger/refusal.ts';
import { consistencyProofNodes, nodeKey, type NodeCoordinate } from '../core/ledger/tree.ts';
import { formatVerifierKey } from '../core/ledger/verifier-key.ts';
import { canonicalJson } from '../core/model/canonical.ts';
import type { Crypto, Digest } from '../core/model/digest.ts';
import type { ReleaseEntry, SlotEntry } from '../core/model/entries.ts';
import { evidenceFormat, type EvidenceManifest } from '../core/model/evidence.ts';
import { ReleaseKey, releaseStream } from '../core/model/name.ts';
import { ok, type Result } from '../core/model/result.ts';
import type { ReleaseState } from '../core/model/state.ts';
import { readCheckpoint, type SignedCheckpoint } from '../store/checkpoints.ts';
import { readNodes } from '../store/tree-nodes.ts';
import { readmeOf } from './readme.ts';
import { selectStreams } from './selection.ts';
import { readContent } from '../store/content.ts';
import { readSequenced, slotStreams, type StreamSlice } from './sequenced.ts';

/** The files of a pack by path, in the order of their paths. */
export type EvidenceFiles = ReadonlyMap<string, Uint8Array>;

export interface EvidenceParts {
  readonly pool: Pool;
  /** The log's key: it signs the manifest and the summaries. */
  readonly signer: NoteSigner;
  readonly crypto: Crypto;
}

export interface EvidenceRequest extends Omit<ReleaseKey, 'name'> {
  readonly release: string;
  /** The size of an older checkpoint: the pack then shows that the log has only grown since. */
  readonly since?: number;
}

/**
 * - `no-such-release`: nothing of it is in the ledger.
 * - `not-sequenced`: something of it waits for the next checkpoint; asking again a moment later is enough.
 * - `since-out-of-range`: the log is smaller than that.
 * - `missing-node`: the stored tree has a hole.
 */
export type EvidenceCode = 'no-such-release' | 'not-sequenced' | 'since-out-of-range' | 'missing-node';

/**
 * Makes the evidence pack of one release, as of the newest checkpoint: all that `belay evidence verify` needs and
 * nothing that is not in the ledger. The same checkpoint gives the same bytes.
 */
export async function exportEvidence(
  parts: EvidenceParts,
  request: EvidenceRequest,
): Promise<Result<EvidenceFiles, Refusal<EvidenceCode>>> {
  const { project, service, release: name } = request;
  const key = ReleaseKey.safeParse({ project, service, name });
  if (!key.success) return refuse('no-such-release', 'no release has such a name');
  const client = await parts.pool.connect();
  let broken = true;
  try {
    // One snapshot: entries, tree and checkpoint belong together.
    await client.query('begin isolation level repeatable read read only');
    const files = await collect(parts, client, key.data, request.since ?? null);
    await client.query('commit');
    broken = false;
    return files;
  } finally {
    client.release(broken);
  }
}

async function collect(
  parts: EvidenceParts,
  client: PoolClient,
  key: ReleaseKey,
  since: number | null,
): Promise<Result<EvidenceFiles, Refusal<EvidenceCode>>> {
  const missing = await notThere(client, releaseStream(key));
  if (missing !== null) return missing;
  const checkpoint = await readCheckpoint(client);
  if (checkpoint === null) return refuse('not-sequenced', 'the log has no checkpoint yet');
  if (since !== null && !(Number.isSafeInteger(since) && since >= 0 && since <= checkpoint.size))
    return refuse('since-out-of-range', `the log has ${checkpoint.size} leaves, not ${since}`);
  const slots = await slotStreams(client, key.project, key.service);
  const streams = await selectStreams((stream) => readSequenced(client, stream), key, slots);
  if (!streams.ok) return streams;
  const nodes = await nodesFile(client, streams.value, checkpoint.size, since);
  if (!nodes.ok) return nodes;
  const content = await contentFiles(client, streams.value);
  const verifierKey = formatVerifierKey(parts.signer.key);
  const files = new Map<string, Uint8Array>([
    ...streamFiles(streams.value),
    ...content.files,
    ...summaryFiles(parts, key, streams.value),
    [packPaths.nodes, nodes.value],
    [packPaths.checkpoint, Buffer.from(checkpoint.note)],
    [packPaths.verifierKey, Buffer.from(`${verifierKey}\n`)],
    [packPaths.readme, Buffer.from(readmeOf(key, verifierKey))],
  ]);
  const manifest = manifestOf(
    parts.signer.key.name,
    key,
    checkpoint,
    since,
    streams.value,
    sortedByPath(files),
    content.pruned,
  );
  return ok(sortedByPath(new Map([...files, ...signedManifest(parts, manifest)])));
}

/** Says whether a release's own stream is not (wholly) in the tree. */
async function notThere(
  client: PoolClient,
  stream: string,
): Promise<{ readonly ok: false; readonly error: Refusal<EvidenceCode> } | null> {
  const { rows } = await client.query<{ head: string; waits: boolean }>({
    name: 'release-in-tree',
    text: `select head, exists (select 1 from unsequenced as u where u.stream = s.id) as waits
             from stream as s where id = $1 and head > 0`,
    values: [stream],
  });
  if (rows[0] === undefined) return refuse('no-such-release', `nothing is recorded in ${stream}`);
  return rows[0].waits ? refuse('not-sequenced', `${stream} has entries that wait for a checkpoint`) : null;
}

function streamFiles(streams: readonly StreamSlice[]): readonly (readonly [string, Uint8Array])[] {
  return streams.flatMap(({ stream, entries }) => [
    [packPaths.stream(stream), Buffer.from(entries.map((e) => `${e.bytes}\n`).join(''))] as const,
    [packPaths.indexes(stream), Buffer.from(entries.map((e) => `${e.index}\n`).join(''))] as const,
  ]);
}

/** The nodes that lead from the pack's leaves to the root, and those of the way from an older checkpoint. */
async function nodesFile(
  client: PoolClient,
  streams: readonly StreamSlice[],
  size: number,
  since: number | null,
): Promise<Result<Uint8Array, Refusal<'missing-node'>>> {
  const indexes = streams.flatMap(({ entries }) => entries.map((e) => e.index)).sort((a, b) => a - b);
  const wanted = new Map<string, NodeCoordinate>();
  const grown = since === null ? [] : consistencyProofNodes(since, size).flat();
  for (const node of [...nodesBeside(indexes, size), ...grown]) wanted.set(nodeKey(node), node);
  const coordinates = [...wanted.values()].sort((a, b) => a.level - b.level || a.index - b.index);
  const read = await readNodes(client, coordinates);
  const lines: string[] = [];
  for (const node of coordinates) {
    const hash = read(node);
    if (hash === undefined)
      return refuse('missing-node', `node ${nodeKey(node)} (level/index) is not stored`);
    lines.push(`${node.level} ${node.index} ${encodeBase64(hash)}\n`);
  }
  return ok(Buffer.from(lines.join('')));
}

async function contentFiles(
  client: PoolClient,
  streams: readonly StreamSlice[],
): Promise<{
  readonly files: readonly (readonly [string, Uint8Array])[];
  readonly pruned: readonly Digest[];
}> {
  const digests = new Set<Digest>();
  for (const { entries } of streams) {
    for (const { entry } of entries) {
      const digest = namedContent(entry);
      if (digest !== null) digests.add(digest);
    }
  }
  const found = await readContent(client, [...digests]);
  return {
    files: [...found].map(([digest, bytes]) => [packPaths.content(digest), Buffer.from(bytes)] as const),
    pruned: [...digests].filter((digest) => !found.has(digest)).sort(),
  };
}

/** The ends of this release's promotions, each as a signed summary. */
function summaryFiles(
  parts: EvidenceParts,
  key: ReleaseKey,
  streams: readonly StreamSlice[],
): readonly (readonly [string, Uint8Array])[] {
  const own = streams.find(({ stream }) => stream === releaseStream(key));
  const files: (readonly [string, Uint8Array])[] = [];
  for (const { stream, entries } of streams.filter((s) => s.stream.startsWith('slot/'))) {
    let state = emptySlot(slotOf(stream));
    for (const { entry, seq, hash } of entries) {
      if (entry.type === 'decided') {
        const { decision } = entry;
        const read = releaseAt(own, decision.reads[releaseStream(key)] ?? 0);
        const ends = stageEnds(state, decision, { seq, hash }, (name) => (name === key.name ? read : null));
        for (const end of ends) {
          const payload = summaryOf(end, parts.signer.key.name, parts.crypto);
          if (payload !== null)
            files.push([
              packPaths.summary(end.slot, seq, end.promotion.id),
              Buffer.from(signSummary(payload, parts.signer)),
            ]);
        }
      }
      state = foldSlot(state, entry as SlotEntry, seq);
    }
  }
  return files;
}

function releaseAt(slice: StreamSlice | undefined, head: number): ReleaseState | null {
  return (slice?.entries.slice(0, head) ?? []).reduce<ReleaseState | null>(
    (state, { entry, seq }) => foldRelease(state, entry as ReleaseEntry, seq),
    null,
  );
}

function manifestOf(
  origin: string,
  key: ReleaseKey,
  checkpoint: SignedCheckpoint,
  since: number | null,
  streams: readonly StreamSlice[],
  files: EvidenceFiles,
  pruned: readonly Digest[],
): EvidenceManifest {
  return {
    format: evidenceFormat,
    release: key,
    evaluator,
    log: { origin, size: checkpoint.size, root: checkpoint.root },
    since,
    streams: streams.map(({ stream, entries }) => ({
      stream,
      to: entries.length,
      head: entries.at(-1)?.hash ?? '',
    })),
    files: [...files].map(([path, bytes]) => ({
      path,
      bytes: bytes.length,
      digest: `sha256:${hash('sha256', bytes, 'hex')}`,
    })),
    pruned: [...pruned],
  };
}

function signedManifest(
  parts: EvidenceParts,
  manifest: EvidenceManifest,
): readonly (readonly [string, Uint8Array])[] {
  const bytes = canonicalJson(manifest);
  const note = signNote(manifestStatement(parts.crypto.digest(bytes)), [parts.signer]);
  return [
    [packPaths.manifest, Buffer.from(bytes)],
    [packPaths.manifestNote, Buffer.from(note)],
  ];
}

const sortedByPath = (files: EvidenceFiles): EvidenceFiles =>
  new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)));
