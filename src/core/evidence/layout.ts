import type { Digest } from '../model/digest.ts';
import type { SlotKey } from '../model/name.ts';

/** Where things lie in an evidence pack. Ids of streams hold no dots, so no two of them share a file. */
export const packPaths = {
  manifest: 'manifest.json',
  manifestNote: 'manifest.note',
  checkpoint: 'checkpoint',
  verifierKey: 'log.vkey',
  readme: 'README.txt',
  /** Stored nodes of the tree, one a line: level, index, base64 of the hash. */
  nodes: 'proofs/nodes.txt',
  /** Exact bytes of the entries, one a line. */
  stream: (stream: string): string => `streams/${dotted(stream)}.ndjson`,
  /** For each entry of a stream its index in the tree, one a line. */
  indexes: (stream: string): string => `proofs/${dotted(stream)}.index`,
  content: (digest: Digest): string => `content/${digest.slice('sha256:'.length)}`,
  /** The end of one promotion as a SLSA VSA; `seq` is its decision's in the slot's stream. */
  summary: (slot: SlotKey, seq: number, promotion: string): string =>
    `decisions/${slot.environment}.${seq}.${promotion}.vsa.json`,
} as const;

const dotted = (stream: string): string => stream.replaceAll('/', '.');

/** The text that the log's key signs for a manifest. Its second line keeps it from being read as a checkpoint. */
export const manifestStatement = (manifest: Digest): string =>
  `belay.dev/evidence-manifest/v1\n${manifest}\n`;
