import type { Pool } from 'pg';
import type { Crypto } from '../core/model/digest.ts';
import type { BelayDocument } from '../core/model/documents.ts';
import type { ReleaseKey } from '../core/model/name.ts';
import type { Result } from '../core/model/result.ts';
import type { ProjectState } from '../core/model/state.ts';
import type { ArtifactStore } from '../ports/artifacts.ts';
import type { Folds } from '../store/folds.ts';
import type { LeafFeed } from './leaf-feed.ts';
import type { ServerMetrics } from './metrics.ts';
import type { QuotaLimits } from './quota.ts';
import type { Finding } from './refusal.ts';

/** Where the server writes what it did. Never given the content of a request. */
export interface ServerLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Makes the evidence pack of a release: a tar archive. */
export type EvidenceExporter = (
  release: ReleaseKey,
) => Promise<
  Result<
    ReadableStream<Uint8Array> | Uint8Array,
    { readonly code: 'not-found' | 'not-yet'; readonly message: string }
  >
>;

/** Reads what the sequencer has signed. */
export interface LedgerReader {
  /** The latest signed checkpoint as a C2SP note; null before the first. */
  checkpoint(): Promise<string | null>;
  /** A tlog proof of one entry; null where it is not in a signed tree yet. */
  proof(stream: string, seq: number): Promise<string | null>;
}

/**
 * Judges documents beyond their form, before any is applied: cycles, stages that cannot be reached, gates that can
 * never pass. `project` is the state with these documents in it.
 */
export type DocumentLint = (documents: readonly BelayDocument[], project: ProjectState) => readonly Finding[];

/**
 * Tries what documents say of other systems, before any is applied; `project` is the state without them. An error
 * refuses the whole; a warning goes into the answer. Bounded in time, and never throws because the other is away.
 */
export type SourceCheck = (
  documents: readonly BelayDocument[],
  project: ProjectState,
) => Promise<readonly (Finding & { readonly severity: 'error' | 'warning' })[]>;

/** Everything that the server needs; the composition root gives it. */
export interface ServerParts {
  readonly pool: Pool;
  readonly folds: Folds;
  readonly crypto: Crypto;
  /** Tells workers that something may have come due. */
  readonly hint: () => void;
  readonly artifacts: ArtifactStore;
  readonly log: ServerLog;
  readonly metrics: ServerMetrics;
  readonly feed: LeafFeed;
  readonly quota: QuotaLimits;
  /** Ends streams when the server closes. */
  readonly closing: AbortSignal;
  readonly lintDocuments: DocumentLint;
  readonly checkSources: SourceCheck;
  /** Null where the server exports none. */
  readonly evidence: EvidenceExporter | null;
  /** Null where nothing signs the ledger. */
  readonly ledger: LedgerReader | null;
}
